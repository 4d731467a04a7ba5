"""Pages about the API itself, for those who write programs: what each kind of error means."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import PlainTextResponse

from serve.http.problem_kinds import FOLDER, KINDS

router = APIRouter(include_in_schema=False)


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
