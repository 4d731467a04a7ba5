"""Answers that are pages: the caller by cookie, the language, the templates, and what went wrong in words."""

import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

from configs.errors import DataError
from configs.published import Language
from configs.segments import LONGEST_OVERDUE
from serve.auth.access import Access, AuthorizedRoute
from serve.auth.policy import POLICY, Role
from serve.auth.tokens import Caller, hash_of
from serve.http.paths import crm_address, path_of, path_part, phone_address
from serve.http.problems import log, on_http
from serve.http.responses import ID
from serve.pages import charts, movement, session
from serve.store.read_session import GoneError, ReadSession
from serve.texts.decisions import (
    channel_in_words,
    decision_in_words,
    evidence_in_short,
    household_in_words,
    rests_on_in_words,
)
from serve.texts.service import segment_in_words
from serve.texts.wording import Wording, caveats, change_in_words, risk_in_words, risk_points

FOLDER = Path(__file__).parent
STYLE, ICON = ((FOLDER / name).read_bytes() for name in ("style.css", "icon.svg"))
# The others are those of every answer (serve/http/edge_middleware.py).
HEADERS = {"Cache-Control": "no-store"}
LANGUAGE_COOKIE = "attrition-language"
_REFUSALS = {403: "forbidden", 404: "unknown", 413: "form", 422: "form", 429: "busy", 503: "unavailable"}
_PASSING = ("busy", "unavailable")  # the same page may be tried again

# Every value is escaped; a name that a template is not given is an error.
TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
TEMPLATES.filters |= {"day": date.fromisoformat, "urlencode": path_part}  # Jinja's own leaves slashes
TEMPLATES.globals |= {
    "caveats": caveats,
    "charts": charts,
    "change_in_words": change_in_words,
    "channel_in_words": channel_in_words,
    "decision_in_words": decision_in_words,
    "evidence_in_short": evidence_in_short,
    "rests_on_in_words": rests_on_in_words,
    "household_in_words": household_in_words,
    "longest_overdue": LONGEST_OVERDUE,
    "movement": movement,
    "phone_address": phone_address,
    "risk_in_words": risk_in_words,
    "risk_points": risk_points,
    "version": sha256(STYLE + ICON).hexdigest()[:12],
}

RunId = Annotated[str, Query(max_length=128)]


class Open(APIRoute):
    """A route that needs no token; what goes wrong is shown as a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await answer(request)
            except HTTPException as error:
                return _refused(request, error.status_code)
            except RequestValidationError:
                return _refused(request, 422)
            except DataError as error:
                log.error("the store cannot answer: %s", error)
                return _refused(request, 503)

        return shown


class Page(Open, AuthorizedRoute):
    """A route behind a token that comes in a cookie; what goes wrong is shown as a page."""

    def checks(self) -> Callable[[Request], Coroutine[Any, Any, Request]]:
        """None of names: a link with a parameter of another release still leads to its page.

        Nothing has a NUL in its name, and PostgreSQL fails at one: then HTTPException 422.
        """

        async def checked(request: Request) -> Request:
            if any("\0" in value for _, value in request.query_params.multi_items()):
                raise HTTPException(422)
            return request

        return checked

    async def require_session(self, request: Request) -> None:
        """Looked up each time: the caller may have signed out at another worker."""
        token_hash = hash_of(session.kept(request, "session")).hex()
        if await run_in_threadpool(request.app.state.access_log.ended, token_hash):
            raise HTTPException(401)

    def credentials(self, request: Request) -> str:
        return f"Bearer {session.kept(request, 'session')}"


def language_of(request: Request) -> Language:
    """The language that was chosen, or else the one that the browser asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    asked = chosen or request.headers.get("Accept-Language", "")
    return "zh" if asked.lower().startswith("zh") else "en"


def show(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of somebody signed in, or of nobody yet."""
    caller = _known_caller(request)
    cookie = session.kept(request, "session") or session.kept(request, "visit")
    frame = {
        "w": Wording(language_of(request)),
        "caller": caller,
        "places": places(caller) if caller else [],
        "place": place_of(path_of(request.scope)),
        "searches": caller is not None and caller.role in POLICY["find_customer"].grants,
        "prefix": request.app.state.settings.prefix,
        "crm_link": partial(crm_address, request.app.state.settings.crm_link),
        "here": path_of(request.scope),
        "back": here(request),
        "seal": request.app.state.forms.seal(session.SEALED, cookie),
    }
    text = TEMPLATES.get_template(template).render(frame | values)
    return HTMLResponse(text, status, HEADERS)


def _known_caller(request: Request) -> Caller | None:
    """Also on a page that refuses: a caller whose token was verified lately keeps the navigation."""
    access: Access | None = getattr(request.state, "access", None)
    cookie = session.kept(request, "session")
    return access.caller if access else request.app.state.tokens.remembered(cookie) if cookie else None


def show_run(request: Request, template: str, read_session: ReadSession, **values: Any) -> HTMLResponse:
    """A page of one run, which says so when a newer one is served."""
    values.setdefault("least", read_session.rounding.least)  # customers in steps of whom figures are rounded
    words = words_of(request, read_session)
    values |= {"w": words, "segment_name": _segment_names(read_session, words)}
    return show(request, template, run=read_session.run, newest=read_session.served_run(), **values)


def words_of(request: Request, read_session: ReadSession) -> Wording:
    """The reader's language, with the names that the bank gives its tiers."""

    def tiers() -> Mapping[str, str]:
        terms = read_session.list_terms()
        return terms.tiers if terms else {}

    return Wording(language_of(request), tiers)


def _segment_names(read_session: ReadSession, words: Wording) -> Callable[[str], str]:
    """The names that the bank gives segments; they are read when a page asks for the first."""
    return lambda name: segment_in_words(words, read_session.list_terms(), name)


def here(request: Request) -> str:
    """Path and query of this page, for a form that returns to it; the start page after a form."""
    if request.method != "GET":
        return "/"
    query = request.url.query
    return session.local_path(path_of(request.scope) + (f"?{query}" if query else ""))


def go(path: str) -> RedirectResponse:
    """On to a page by GET, so that going back sends no form again."""
    return RedirectResponse(path, 303, HEADERS)


def home(access: Access) -> str:
    """The path of a role's first page: the own list, the own branch, the bank, all branches, or the
    model."""
    caller = access.caller
    return {
        Role.MANAGER: f"/lists/{path_part(caller.manager_id)}",
        Role.BRANCH_HEAD: f"/branches/{path_part(caller.branch_id)}",
        Role.HEAD_OFFICE: "/bank",
        Role.ANALYST: "/model",
    }.get(caller.role, "/branches")


def places(caller: Caller) -> list[tuple[str, str]]:
    """The places of the navigation that the role may go to: the key of the name, and the path."""
    own_list, own_branch = (
        f"/lists/{path_part(caller.manager_id)}",
        f"/branches/{path_part(caller.branch_id)}",
    )
    entries = [
        ("manager_page", "nav.list", own_list, bool(caller.manager_id)),
        ("manager_customers_page", "nav.customers", f"{own_list}/customers", bool(caller.manager_id)),
        ("branch_page", "nav.branch", own_branch, caller.role is Role.BRANCH_HEAD),
        ("branches_page", "nav.branches", "/branches", caller.role is not Role.BRANCH_HEAD),
        ("bank_page", "nav.bank", "/bank", True),
        ("branch_figures_page", "nav.figures", f"{own_branch}/figures/structure", bool(caller.branch_id)),
        ("campaigns_page", "nav.campaigns", "/campaigns", True),
        ("effect_page", "nav.effect", "/effect", True),
        ("model_page", "nav.model", "/model", caller.role not in (Role.MANAGER, Role.BRANCH_HEAD)),
        ("status_page", "nav.status", "/status", True),
    ]
    return [(key, path) for name, key, path, fits in entries if fits and caller.role in POLICY[name].grants]


def place_of(path: str) -> str:
    """The path in the navigation under which a page belongs: contents of a branch or the bank have one,
    and so have campaigns.
    """
    branch, figures, _ = path.partition("/figures/")
    if figures:
        return f"{branch}/figures/structure"
    return next((place for place in ("/bank", "/campaigns") if path.startswith(f"{place}/")), path)


def no_such_page(request: Request, error: Any) -> Response:
    """The answer to an address that no route knows: a page for a browser, a Problem for a program."""
    unknown = request.scope.get("route") is None and "text/html" in request.headers.get("Accept", "")
    unknown = unknown and not request.scope["path"].startswith("/v1/")
    return _refused(request, 404) if unknown else on_http(request, error)


def _refused(request: Request, status: int) -> Response:
    if status == 401:
        # On to signing in, with a notice where a session has ended, and back to this page afterwards.
        ended = {"why": "ended"} if session.kept(request, "session") else {}
        response = go(f"/sign-in?{urlencode({'to': here(request)} | ended)}")
        session.forget(request, response, "session")
        return response
    refusal = _REFUSALS.get(status, "unavailable")
    if status == 403 and request.method == "POST":
        refusal = "expired"  # a role without the right is shown no form
    # Never with the address, which may name somebody: a foreign number and an unknown one look alike, and
    # where the access log cannot be written, nobody is named. An empty link leads to this very address.
    again = refusal in _PASSING and request.method == "GET"
    return show(request, "refused.html", status, refusal=refusal, again=again, here="/", back="/")


def may(access: Access, route: str) -> bool:
    return access.caller.role in POLICY[route].grants


@contextmanager
def asked_run(access: Access, run_id: str) -> Iterator[ReadSession]:
    """The run that a page's links name, so that a sequence of pages tells of one; by default the served one.

    Raises HTTPException 404 where the store keeps no such run.
    """
    if run_id and not re.fullmatch(ID, run_id):  # of a form: it may hold a NUL
        raise HTTPException(404)
    try:
        with access.at_run(run_id or None) as read_session:
            yield read_session
    except GoneError:
        raise HTTPException(404) from None
