"""What the routes take: numbers and languages, refused before anything is read."""

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from fastapi.routing import APIRouter

from serve.access import Guarded, documented_bearer
from serve.problems import documented
from serve.store import Store
from serve.texts import Language

ID = r"^[^\s\x00-\x1f\x7f]{1,64}$"

CustomerId = Annotated[str, Path(pattern=ID, description="the bank's number of the customer")]
ManagerId = Annotated[str, Path(pattern=ID, description="the bank's number of the manager")]
BranchId = Annotated[str, Path(pattern=ID, description="the bank's number of the branch")]
ShownIn = Annotated[Language, Query(description="language of the texts")]


def opened_store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


OpenedStore = Annotated[Store, Depends(opened_store)]


def guarded_router(tag: str) -> APIRouter:
    """A router of one noun, each route of which asks for a token and leaves an entry in the access log."""
    return APIRouter(
        route_class=Guarded,
        tags=[tag],
        dependencies=[documented_bearer],
        responses=documented(
            e401="The bearer token is missing or not accepted.",
            e403="This role may not use this route.",
            e503="No run has been published, or the score store cannot be read.",
        ),
    )


def found(values: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of a route's answer, with its examples."""
    return {200: {"content": {"application/json": {"examples": values}}}}
