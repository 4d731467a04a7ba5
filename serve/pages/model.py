"""The model's page: the last runs, predicted and observed attrition, and how the features drift."""

from datetime import date

from fastapi import APIRouter, Request, Response

from serve.auth.access import Granted
from serve.pages.page import Page, asked_run, show_run
from serve.store import figures

RUNS = 26  # shown, the newest; half a year of Mondays

pages = APIRouter(include_in_schema=False, route_class=Page)


@pages.get("/model")
def model_page(request: Request, access: Granted) -> Response:
    """Figures of all runs alike, so it holds whichever run is served."""
    with asked_run(access, "") as session:
        runs = figures.of_runs(session.connection, "outcome", RUNS)
        [(_, drift)] = figures.of_runs(session.connection, "drift", 1)
        evaluated = [{"day": run.snapshot_date} | outcome for run, outcome in reversed(runs) if outcome]
        if drift:
            drift = drift | {"since": date.fromisoformat(drift["since"])}
        return show_run(request, "model.html", session, runs=runs, evaluated=evaluated, drift=drift)
