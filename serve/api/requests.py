"""Parts of requests, refused before anything is read, and the entries of routes in the API's document."""

import json
from pathlib import Path as File
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Path, Query, Request
from fastapi.routing import APIRoute, APIRouter

from configs.published import Language
from serve.auth.access import AuthorizedRoute, documented_bearer
from serve.http.problems import GONE, documented
from serve.http.responses import ID, MoneyForm
from serve.store.store import Store

CustomerId = Annotated[str, Path(pattern=ID, description="the bank's number of the customer")]
ManagerId = Annotated[str, Path(pattern=ID, description="the bank's number of the manager")]
BranchId = Annotated[str, Path(pattern=ID, description="the bank's number of the branch")]
RunId = Annotated[str, Path(pattern=ID, description="a run_id, or latest")]
SinceRun = Annotated[str, Query(pattern=ID, description="the run_id of the scores that the caller has")]
TextLanguage = Annotated[Language, Query(description="language of the texts")]
MoneyWritten = Annotated[
    MoneyForm, Query(description="how amounts are written: 575346.65, text 575346.65, or hundredths 57534665")
]
DecisionCode = Literal[
    "opted_out",
    "in_campaign",
    "too_often",
    "cooled_down",
    "do_not_disturb",
    "not_paying",
    "household",
    "held_out",
    "listed",
    "beyond_capacity",
]  # of configs.codes.DECISIONS
PageSize = Annotated[int, Query(ge=1, le=500, description="rows of a page")]
PageCursor = Annotated[
    str | None,
    Query(
        pattern="^[A-Za-z0-9_-]+$", max_length=512, description="next_cursor of the page before; of its run"
    ),
]
IdempotencyKey = Annotated[
    str, Header(pattern=r"^[\x21-\x7e]{1,128}$", description="the sender's own; the same again adds nothing")
]

NO_CUSTOMER = "The run knows no such customer."
# Of routes that take a body.
BODY = documented(
    e400="The body is no JSON: Expecting value (line 1, column 16).",
    e408="The body came too slowly.",
    e413="The body is too large.",
    e415="The body has to be application/json.",
)
GONE_RUN = documented(e410=GONE)
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The caller holds this answer: If-None-Match."}
}
# Made-up answers by route; those of an export are rows. A test holds them to the schemas.
EXAMPLES = json.loads(File(__file__).with_name("examples.json").read_text("utf-8"))


def opened_store(request: Request) -> Store:
    return request.app.state.store


OpenedStore = Annotated[Store, Depends(opened_store)]


def name_of(route: APIRoute) -> str:
    return route.name


def authorized_router(tag: str, route_class: type[AuthorizedRoute] = AuthorizedRoute) -> APIRouter:
    """A router of one noun, each route of which asks for a token and leaves an entry in the access log."""
    return APIRouter(
        route_class=route_class,
        generate_unique_id_function=name_of,
        tags=[tag],
        dependencies=[documented_bearer],
        responses=documented(
            e401="The bearer token is missing or not accepted.",
            e403="This role may not use this route.",
            e406="This route answers with application/json.",
            e422="path.customer_id: String should match pattern",
            e429="Too many requests from this caller.",
            e503="No run has been published, or the score store cannot be read.",
        ),
    )


def exemplified(route: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of a route's answer, with its examples."""
    return {status: {"content": {"application/json": {"examples": EXAMPLES.get(route, {})}}}} | UNCHANGED
