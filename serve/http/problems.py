"""Errors as the service answers them: application/problem+json (RFC 9457) with what can be done about it."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from configs.errors import DataError
from serve.store.contacts import ConflictError
from serve.store.database import BusyError
from serve.store.read_session import GoneError

log = logging.getLogger("serve")

GONE = "The store does not hold this run, or no longer, or it was published anew."
CONFLICT = "This key was used for another contact."
MEDIA_TYPE = "application/problem+json"
_ERRORS: tuple[tuple[Any, ...], ...] = (
    (GoneError, 410, GONE),
    (ConflictError, 409, CONFLICT),
    (
        BusyError,
        503,
        "The store is being written, as it is while a run is published. Nothing was recorded.",
        {"Retry-After": "5"},
    ),
    (Exception, 500, "The service failed; nothing was changed."),
)
_REMEDIES = {
    400: "Send the body as JSON in UTF-8.",
    401: "Send a token of the bank's identity provider: Authorization: Bearer …; see docs/access.md.",
    403: "Ask whoever keeps the bank's roles; serve/auth/policy.py says which role may use which route.",
    404: "Check the address and the number; who is new to the bank appears with the next weekly run.",
    405: "Use the method that /openapi.json names for this address.",
    408: "Send the whole body at once.",
    409: "Send this contact under a key of its own; only the very same one may be sent again.",
    410: "Begin again without the cursor, or with a full export; GET /v1/runs says which runs there are.",
    413: "Send less at once: fewer ids in each request.",
    421: "Call the service by a name that ATTRITION_HOSTS lists.",
    429: "Wait as long as Retry-After says; ATTRITION_RATE and ATTRITION_EXPORTS set how much a caller has.",
    422: "Mend the part of the request that is named, then send it again.",
    500: "Tell whoever runs the service when it happened; the log says more.",
    501: "Ask for format=ndjson or format=csv, or install pyarrow beside the service.",
    503: "Publish a run with make weekly, or try again shortly; the service's log says more.",
}


class Problem(BaseModel):
    """One fault as the service reports it, with its remedy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    remedy: str


def problem(status: int, detail: str) -> Problem:
    return Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        remedy=_REMEDIES.get(status, _REMEDIES[422]),
    )


def documented(**details: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the errors of a route: ``documented(e404="no such customer")``."""
    return {
        int(code[1:]): {
            "description": HTTPStatus(int(code[1:])).phrase,
            "content": {
                MEDIA_TYPE: {
                    "schema": Problem.model_json_schema(),
                    "example": problem(int(code[1:]), detail).model_dump(),
                }
            },
        }
        for code, detail in details.items()
    }


def install(app: FastAPI) -> None:
    """Every error the app can give becomes a Problem; none repeats what the caller sent."""
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(DataError, _on_store)
    for kind, *response in _ERRORS:
        app.add_exception_handler(kind, lambda *_, response=response: answer(*response))


def answer(status: int, detail: str, headers: Any = None) -> JSONResponse:
    """A Problem as it is sent."""
    content = problem(status, detail).model_dump()
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


def on_http(_request: Request, error: Any) -> JSONResponse:
    return answer(error.status_code, str(error.detail), error.headers)


def _on_invalid(_request: Request, error: Any) -> JSONResponse:
    faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    return answer(422, "; ".join(faults))


def _on_store(_request: Request, error: Any) -> JSONResponse:
    """The message names the store's address, which is for the log and not for the caller."""
    log.error("the store cannot answer: %s", error)
    return answer(503, "No run has been published, or the score store cannot be read.")
