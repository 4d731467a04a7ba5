"""Pages about the API itself, for those who write programs: its document to try out, and the kinds of errors.

They tell nothing of the bank, no more than /openapi.json does; so they need no token. Whoever tries a request
on them pastes one, which the page forgets when it is closed.
"""

import gzip
from functools import cache
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from serve.http.edge_middleware import with_policy
from serve.http.problem_kinds import FOLDER, KINDS

router = APIRouter(include_in_schema=False)
_FOLDER = Path(__file__).parent
_PAGE = (_FOLDER / "docs.html").read_bytes()
_SWAGGER = Path(str(files("fastapi_offline"))) / "static"
_FILES = {
    "docs.js": (_FOLDER / "docs.js", "text/javascript"),
    "swagger-ui-bundle.js": (_SWAGGER / "swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": (_SWAGGER / "swagger-ui.css", "text/css"),
}
FOR_A_DAY = {"Cache-Control": "public, max-age=86400"}


@router.get("/docs")
def docs_page(request: Request) -> HTMLResponse:
    """The API's document, to read and to try out; its style sheet holds its pictures."""
    request.state.headers = with_policy("img-src 'self' data:")
    return HTMLResponse(_PAGE, headers=FOR_A_DAY)


@router.get("/docs/{name}")
def docs_file(request: Request, name: str) -> Response:
    """A file of that page."""
    if name not in _FILES:
        raise HTTPException(404)
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    headers = FOR_A_DAY | {"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if packed else {})
    path, kind = _FILES[name]
    return Response(_packed(name) if packed else path.read_bytes(), media_type=kind, headers=headers)


@cache
def _packed(name: str) -> bytes:
    """Packed once: nobody who asks again and again costs more than sending it."""
    return gzip.compress(_FILES[name][0].read_bytes(), mtime=0)


@router.get("/problems")
def problem_kinds() -> PlainTextResponse:
    """Every kind of error answers."""
    return PlainTextResponse("\n".join(f"{FOLDER}{name}\n{kind.text}" for name, kind in KINDS.items()))


@router.get("/problems/{name}")
def problem_kind(name: str) -> PlainTextResponse:
    """Cause and remedy of one kind."""
    if name not in KINDS:
        raise HTTPException(404, "There is no such problem.")
    return PlainTextResponse(KINDS[name].text)
