"""How the model does: the last runs, what they promised and what came of it, and how its features drift."""

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response

from serve.auth.access import Granted
from serve.pages.page import Page, asked_run, show
from serve.store import figures

RUNS = 26  # shown, the newest; half a year of Mondays

pages = APIRouter(include_in_schema=False, route_class=Page)


@pages.get("/model")
def model_page(request: Request, access: Granted) -> Response:
    """Figures of all runs alike, so it holds whichever run is served."""
    with asked_run(access, "") as read_session:
        outcomes = figures.of_runs(read_session.connection, "outcome", RUNS)
        drift = figures.of_runs(read_session.connection, "drift", 1)
    judged: list[dict[str, Any]] = [
        {"day": run.snapshot_date} | one for run, one in reversed(outcomes) if one
    ]
    _, moved = drift[0]
    return show(
        request,
        "model.html",
        run=read_session.run,
        newest=read_session.run,
        runs=outcomes,
        judged=judged,
        drift=_dated(moved),
    )


def _dated(drift: dict[str, Any] | None) -> dict[str, Any] | None:
    return drift and drift | {"since": date.fromisoformat(drift["since"])}
