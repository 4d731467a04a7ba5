"""The score service: ``uvicorn --factory serve.app:create_app``. Answers from the store, computes nothing."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache, partial
from types import FrameType

from fastapi import APIRouter, Depends, FastAPI, Response
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.routing import BaseRoute

from configs.errors import DataError
from configs.files import tighten
from configs.service import ServiceSettings, load_service_settings
from serve.api import (
    alert_feedback,
    announcements,
    branches,
    campaigns,
    contacts,
    customer_risk,
    customers,
    exports,
    former,
    managers,
    maturities,
    reference,
    runs,
    watched,
)
from serve.api import figures as figures_api
from serve.api.customer_risk import FastPath
from serve.api.prepared import FORM
from serve.api.requests import name_of
from serve.auth import log_heads
from serve.auth.access import AuthorizedRoute
from serve.auth.access_log import AccessLog
from serve.auth.log_heads import known_access_head, note_heads
from serve.auth.policy import require_rules
from serve.auth.rates import Exports, Rates
from serve.auth.seals import Sealer
from serve.auth.tokens import Tokens
from serve.http import problems
from serve.http.edge_middleware import EdgeMiddleware
from serve.http.openapi import DocumentedApp
from serve.pages import branch_figures, figures, handovers, lists, outcomes, search, sign_in
from serve.pages import campaigns as campaign_pages
from serve.pages import customers as customer_pages
from serve.pages import former as former_pages
from serve.pages import status as status_pages
from serve.pages import watched as watched_pages
from serve.pages.page import no_such_page
from serve.store.database import store_files
from serve.store.point_read import point_read
from serve.store.store import Store

ENDED_SECONDS = 5  # between two looks for sessions that ended at another worker


def forbid_caching(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """An app of its own store; settings come from the environment unless given. Raises ConfigError."""
    settings = settings or load_service_settings()
    tighten(store_files(settings.store))  # SQLite gives the files beside them the same rights
    app = DocumentedApp(
        title="Attrition risk",
        version="1",
        summary="Which customers are about to leave, with how much money, and who should call.",
        lifespan=_close_store,
        # The pages FastAPI offers load scripts from elsewhere, which a bank's network forbids.
        docs_url=None,
        redirect_slashes=False,  # to an address without the proxy's prefix
        # Figures are those of serve/http/metrics.py; FastAPI's own report of a fault quotes the request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        redoc_url=None,
    )
    app.state.settings, app.state.stopping = settings, False
    app.state.tokens = Tokens(settings)
    app.state.cursors = Sealer(settings.audit_secret, b"cursors")
    app.state.pseudonyms = Sealer(settings.audit_secret, b"pseudonyms of customers")
    app.state.forms = Sealer(settings.audit_secret, b"forms of the pages")
    app.state.rates = Rates(settings)
    app.state.exports = Exports(settings)
    app.state.store = Store(settings.store)
    app.state.access_log = AccessLog(settings, partial(known_access_head, app.state.store))
    app.state.point_read = point_read(app.state.store, FORM)
    problems.install(app)
    app.add_exception_handler(404, no_such_page)
    app.add_middleware(
        GZipMiddleware,
        minimum_size=1000,
        compresslevel=5,
        # A page may hold what its reader must not guess, and Parquet is compressed as it is.
        exclude_content_types=(
            *DEFAULT_EXCLUDED_CONTENT_TYPES,
            "text/html",
            "application/vnd.apache.parquet",
        ),
    )
    app.router.routes += _routes()
    # Outermost, around the answer to a fault too.
    app.middleware_stack = EdgeMiddleware(FastPath(app.build_middleware_stack()), settings)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """The routes of every app of this process, each by its rule in the policy. Raises ConfigError."""
    service = APIRouter(generate_unique_id_function=name_of)
    v1 = APIRouter(prefix="/v1", dependencies=[Depends(forbid_caching)])
    people = (
        customers,
        contacts,
        alert_feedback,
        managers,
        maturities,
        watched,
        former,
        branches,
        figures_api,
        campaigns,
    )
    for noun in (*people, runs, announcements, exports):
        v1.include_router(noun.router)
    pages = (
        lists.pages,
        watched_pages.pages,
        former_pages.pages,
        search.pages,
        customer_pages.pages,
        outcomes.pages,
        figures.pages,
        branch_figures.pages,
        handovers.pages,
        campaign_pages.pages,
        status_pages.pages,
    )
    opened = (runs.probes, reference.router, sign_in.open_pages)
    for router in (*opened, v1, sign_in.start_page, *pages):
        service.include_router(router)
    routes = [*customer_risk.router.routes, *service.routes]  # the one asked most is the first looked at
    require_rules(routes, AuthorizedRoute)
    return routes


@asynccontextmanager
async def _close_store(app: FastAPI) -> AsyncIterator[None]:
    stopped = asyncio.Event()
    notes = asyncio.create_task(_note_heads(app, stopped))
    ended = asyncio.create_task(_learn_ended_sessions(app, stopped))
    with _announced_stop(app):
        yield
    stopped.set()
    await asyncio.gather(notes, ended)
    app.state.access_log.close()
    app.state.point_read.close()
    app.state.store.close()


async def _note_heads(app: FastAPI, stopped: asyncio.Event) -> None:
    """Soon after each deed; of what was read at the start, every ten minutes and when the service stops."""
    state, looks, last = app.state, 0, False
    while not last:
        last = stopped.is_set()
        both = last or looks % log_heads.LOOKS == 0
        await note_heads(state.store, state.access_log, state.settings.audit_secret, both)
        looks += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), log_heads.LOOK_SECONDS)


async def _learn_ended_sessions(app: FastAPI, stopped: asyncio.Event) -> None:
    """Those that other workers ended, or earlier processes: pages look each time, other routes look here."""
    while not stopped.is_set():
        with suppress(DataError):  # without an access log no data is given
            app.state.tokens.ended |= await run_in_threadpool(app.state.access_log.ended)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), ENDED_SECONDS)


@contextmanager
def _announced_stop(app: FastAPI) -> Iterator[None]:
    """Within it SIGTERM turns /readyz to 503 at once, and reaches the server ``drain_seconds`` later.

    So a load balancer sends no more requests before the port closes. A second SIGTERM does not wait.
    """
    loop, server = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(server):
        yield  # a test's client; only the main thread has signals
        return

    def on_term(number: int, frame: FrameType | None) -> None:
        wait = 0.0 if app.state.stopping else app.state.settings.drain_seconds
        app.state.stopping = True
        loop.call_soon_threadsafe(loop.call_later, wait, server, number, frame)

    signal.signal(signal.SIGTERM, on_term)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, server)
