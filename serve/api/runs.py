"""The weekly runs of the store, and the models behind them."""

from fastapi import HTTPException

from serve.answers import examples
from serve.answers import runs as shown
from serve.answers.source import View
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.requests import NO_RUN, RunId, authorized_router, found
from serve.store.read_session import GoneError

NO_CARD = "No card of this run's model was published."
router = authorized_router("runs")


@router.get("/runs", responses=found(examples.ALL_RUNS))
def all_runs(access: Granted) -> shown.Runs:
    """Every run of the store, those of earlier Mondays too."""
    with access.at_run() as read_session:
        return shown.all_runs(access.view(read_session.run), read_session.runs())


@router.get("/runs/latest", responses=found(examples.RUN))
def latest_run(access: Granted) -> shown.RunShown:
    """The run that every other answer comes from."""
    with access.at_run() as read_session:
        return shown.run_shown(access.view(read_session.run))


@router.get("/runs/{run_id}", responses=found(examples.RUN) | documented(e404=NO_RUN))
def one_run(run_id: RunId, access: Granted) -> shown.RunShown:
    """One run."""
    return shown.run_shown(_run(access, run_id)[0])


@router.get("/runs/{run_id}/model-card", responses=found(examples.MODEL_CARD) | documented(e404=NO_CARD))
def model_card(run_id: RunId, access: Granted) -> shown.ModelCard:
    """What the model that scored a run is for, what it is worth, where it should not be trusted, who answers for it."""
    view, card = _run(access, run_id)
    if card is None:
        raise HTTPException(404, NO_CARD)
    return shown.model_card(view, card)


def _run(access: Access, run_id: str) -> tuple[View, dict[str, tuple[str, ...]] | None]:
    """One run and the card of its model. Raises HTTPException 404 for a run that is not there."""
    try:
        with access.at_run(None if run_id == "latest" else run_id) as read_session:
            return access.view(read_session.run), read_session.card()
    except GoneError:
        raise HTTPException(404, NO_RUN) from None
