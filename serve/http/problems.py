"""Errors as the service answers them: application/problem+json (RFC 9457) with what can be done about it."""

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from configs.errors import DataError
from serve.http.problem_kinds import KINDS, Kind, Refusal, kind_of
from serve.store.contacts import ConflictError
from serve.store.database import BusyError
from serve.store.read_session import GoneError

log = logging.getLogger("serve")

GONE = "The store does not hold this run, or no longer, or it was published anew."
CONFLICT = "This key was used for another contact."
MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 50  # told of one request
MOST_IN_DETAIL = 3  # of these in the sentence
LONGEST_NAME = 64  # characters of what a caller calls a field or a parameter
_ERRORS: tuple[tuple[Any, ...], ...] = (
    (GoneError, "run-gone", GONE),
    (ConflictError, "key-reused", CONFLICT),
    (
        BusyError,
        "store-busy",
        "The store is being written, as it is while a run is published. Nothing was recorded.",
        {"Retry-After": "5"},
    ),
    (Exception, "internal-error", "The service failed; nothing was changed."),
)
# A place before a sentence: "query.cursor: this is no cursor of this address".
_PLACED = re.compile(r"(body|query|path|header)((?:\.[\w-]+)*): (.+)", re.DOTALL)


class Fault(BaseModel):
    """One fault of a request and its place: a field of the body, or a parameter or header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detail: str
    pointer: str | None = Field(
        default=None, description="of a field of the body, as RFC 6901 writes it in a URI: `#/customer_ids/3`"
    )
    parameter: str | None = Field(default=None, description="the name of a parameter or header")


class Problem(BaseModel):
    """One error answer, with its remedy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(description="the kind; the address of a page of the service about it")
    title: str = Field(description="the kind in words")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="what is wrong with this request")
    remedy: str = Field(description="what can be done about it")
    errors: tuple[Fault, ...] | None = Field(
        default=None, description="each fault of an invalid request and its place"
    )


def problem(kind: Kind, detail: str, faults: Sequence[dict[str, Any]] = ()) -> Problem:
    return Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=detail,
        remedy=kind.remedy,
        errors=tuple(Fault(**fault) for fault in faults) or None,
    )


def documented(**details: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the errors of a route: ``documented(e404="no such customer")``."""
    return {int(code[1:]): _documented(int(code[1:]), detail) for code, detail in details.items()}


def _documented(status: int, detail: str) -> dict[str, Any]:
    kind = KINDS["malformed-json"] if status == 400 else kind_of(status, detail)
    content = problem(kind, detail, _placed(status, detail)).model_dump(exclude_none=True)
    return {"description": kind.title, "content": {MEDIA_TYPE: {"schema": {}, "example": content}}}


def install(app: FastAPI) -> None:
    """Every error the app can give becomes a Problem; none repeats a value that the caller sent."""
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(DataError, _on_store)
    for error, kind, *rest in _ERRORS:
        app.add_exception_handler(error, lambda *_, kind=kind, rest=rest: refused(kind, *rest))


def answer_to(request: Request, error: Exception) -> Response:
    """The answer of the app's own handler of such an error."""
    handlers: dict[Any, Any] = request.app.exception_handlers
    response: Response = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)(
        request, error
    )
    return response


def problem_of(status: int, detail: str) -> Problem:
    """A Problem of the kind that status and sentence tell."""
    return problem(kind_of(status, detail), detail, _placed(status, detail))


def answer(status: int, detail: str, headers: Any = None) -> JSONResponse:
    """A Problem of the kind that status and sentence tell, as it is sent."""
    return _sent(kind_of(status, detail), detail, headers, _placed(status, detail))


def refused(kind: str, detail: str, headers: Any = None) -> JSONResponse:
    """A Problem of a kind by its name, as it is sent."""
    return _sent(KINDS[kind], detail, headers)


def _sent(kind: Kind, detail: str, headers: Any, faults: Sequence[dict[str, Any]] = ()) -> JSONResponse:
    content = problem(kind, detail, faults).model_dump(exclude_none=True)
    return JSONResponse(content, kind.status, headers=headers, media_type=MEDIA_TYPE)


def _placed(status: int, detail: str) -> list[dict[str, Any]]:
    """The fault that the sentence of a 422 begins with the place of."""
    match = _PLACED.fullmatch(detail) if status == 422 else None
    return [_fault((match[1], *match[2].split(".")[1:]), match[3])] if match else []


def on_http(request: Request, error: Any) -> Response:
    if error.status_code == 405:
        return _other_method(request)
    if isinstance(error, Refusal):
        return _sent(error.kind, error.detail, error.headers, error.faults)
    if error.status_code == 404 and error.detail == "Not Found":
        return answer(404, "The service has no such address.", error.headers)
    return answer(error.status_code, str(error.detail), error.headers)


def _other_method(request: Request) -> Response:
    """Allow names the methods of all routes of the address; OPTIONS asks for nothing else."""
    scope, methods = request.scope, {"OPTIONS"}
    for route in iter_route_contexts(request.app.routes):
        if route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    methods |= {"HEAD"} if "GET" in methods else set()
    allow = {"Allow": ", ".join(sorted(methods))}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return answer(405, "This address does not have this method.", allow)


def _on_invalid(_request: Request, error: Any) -> JSONResponse:
    errors = error.errors()
    faults = [_fault(fault["loc"], fault["msg"]) for fault in errors[:MOST_FAULTS]]
    sentences = [f"{'.'.join(_names(fault['loc']))}: {fault['msg']}" for fault in errors[:MOST_IN_DETAIL]]
    more = [f"and {len(errors) - MOST_IN_DETAIL} more"] if len(errors) > MOST_IN_DETAIL else []
    return _sent(KINDS["invalid-request"], "; ".join(sentences + more), None, faults)


def problem_of_entry(errors: Sequence[Any]) -> Problem:
    """A Problem of the faults that a model found in one entry of a body."""
    faults = [_fault(("body", *fault["loc"]), fault["msg"]) for fault in errors[:MOST_FAULTS]]
    sentences = [f"{'.'.join(_names(fault['loc']))}: {fault['msg']}" for fault in errors[:MOST_IN_DETAIL]]
    return problem(KINDS["invalid-request"], "; ".join(sentences), faults)


def _fault(place: Sequence[str | int], detail: str) -> dict[str, Any]:
    """
    >>> _fault(("body", "entries", 3, "a/b"), "missing")
    {'pointer': '#/entries/3/a~1b', 'detail': 'missing'}
    >>> _fault(("header", "idempotency-key"), "missing")
    {'parameter': 'Idempotency-Key', 'detail': 'missing'}
    """
    kind, *names = _names(place)
    if kind == "body":
        return {"pointer": pointer(names), "detail": detail}
    name = names[0] if names else ""
    return {"parameter": name.title() if kind == "header" else name, "detail": detail}


def pointer(names: Iterable[str]) -> str:
    """The place of a field, as a JSON pointer in a URI (RFC 6901, section 6)."""
    parts = (name.replace("~", "~0").replace("/", "~1") for name in names)
    return "#" + "".join(f"/{quote(part, safe='!$&()*+,;=:@')}" for part in parts)


def _names(place: Sequence[str | int]) -> list[str]:
    return [str(part)[:LONGEST_NAME] for part in place]


def _on_store(_request: Request, error: Any) -> JSONResponse:
    """The message names the store's address, which is for the log and not for the caller."""
    log.error("the store cannot answer: %s", error)
    return refused("no-run", KINDS["no-run"].cause)
