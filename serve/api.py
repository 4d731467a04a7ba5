"""The score service: ``uvicorn --factory serve.api:create_app``. Answers from the store, computes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Query, Request, Response

from configs.service import ServiceSettings, load_service_settings
from serve import answers, examples, problems
from serve.access import Granted, Guarded, documented_bearer
from serve.access_log import AccessLog
from serve.policy import require_rules
from serve.problems import documented
from serve.pseudonyms import Pseudonyms
from serve.store import Store
from serve.texts import Language
from serve.tokens import Tokens

VERSION = "1"
_ID = r"^[^\s\x00-\x1f\x7f]{1,64}$"

CustomerId = Annotated[str, Path(pattern=_ID, description="the bank's number of the customer")]
ManagerId = Annotated[str, Path(pattern=_ID, description="the bank's number of the manager")]
ShownIn = Annotated[Language, Query(description="language of the texts")]


def opened_store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def forbid_caching(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


OpenedStore = Annotated[Store, Depends(opened_store)]

v1 = APIRouter(
    prefix="/v1",
    route_class=Guarded,
    dependencies=[documented_bearer, Depends(forbid_caching)],
    responses=documented(
        e401="The bearer token is missing or not accepted.",
        e403="This role may not use this route.",
        e503="No run has been published, or the score store cannot be read.",
    ),
)
probes = APIRouter(tags=["probes"])


def _found(values: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of a route's answer, with its examples."""
    return {200: {"content": {"application/json": {"examples": values}}}}


@v1.get(
    "/customers/{customer_id}/risk",
    tags=["customers"],
    responses=_found(examples.CUSTOMER_RISK)
    | documented(
        e404="The run that is served knows no such customer.",
        e422="path.customer_id: String should match pattern",
    ),
)
def customer_risk(customer_id: CustomerId, access: Granted, language: ShownIn = "en") -> answers.CustomerRisk:
    """How likely a customer is to leave, with how much money and why; or why the customer has no score."""
    with access.reading() as reading:
        found = reading.customer(customer_id)
    if found is None:
        raise HTTPException(404, "The run that is served knows no such customer.")
    return answers.customer_risk(reading.run, found, language)


@v1.get(
    "/managers/{manager_id}/list",
    tags=["managers"],
    responses=_found(examples.MANAGER_LIST)
    | documented(
        e404="The run that is served knows no such manager.",
        e422="path.manager_id: String should match pattern",
    ),
)
def manager_list(manager_id: ManagerId, access: Granted, language: ShownIn = "en") -> answers.ManagerList:
    """Whom a manager should call this week, the most money at risk first."""
    with access.reading() as reading:
        found = reading.manager_list(manager_id)
    if found is None:
        raise HTTPException(404, "The run that is served knows no such manager.")
    return answers.manager_list(reading.run, *found, language)


@v1.get("/runs/latest", tags=["runs"], responses=_found(examples.LATEST_RUN))
def latest_run(access: Granted) -> answers.LatestRun:
    """The run that every other answer comes from."""
    with access.reading() as reading:
        return answers.latest_run(reading.run)


@probes.get("/healthz", responses=_found(examples.HEALTH))
def healthz() -> answers.Health:
    """The process answers."""
    return answers.Health(status="ok")


@probes.get(
    "/readyz",
    responses=_found(examples.HEALTH)
    | documented(e503="No run has been published, or the score store cannot be read."),
)
def readyz(store: OpenedStore) -> answers.Health:
    """There is a run to serve."""
    store.latest_run()
    return answers.Health(status="ok")


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """An app of its own store; settings come from the environment unless given. Raises ConfigError."""
    settings = settings or load_service_settings()
    app = FastAPI(
        title="Attrition risk",
        version=VERSION,
        summary="Which customers are about to leave, with how much money, and who should call.",
        lifespan=_close_store,
        # The pages FastAPI offers load scripts from elsewhere, which a bank's network forbids.
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.settings = settings
    app.state.tokens = Tokens(settings)
    app.state.pseudonyms = Pseudonyms(settings.audit_secret)
    app.state.access_log = AccessLog(settings.store, settings.audit_secret)
    app.state.store = Store(settings.store)
    problems.install(app)
    app.include_router(probes)
    app.include_router(v1)
    require_rules(app.routes, Guarded)
    return app


@asynccontextmanager
async def _close_store(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.access_log.close()
    app.state.store.close()
