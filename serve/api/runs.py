"""The weekly runs of the store, the models behind them, and the health of the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import Field

from serve.api.requests import OpenedStore, RunId, authorized_router, exemplified
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.responses import ResponseContext, RunResponse, Schema
from serve.store.read_session import GoneError, ReadSession
from serve.store.rounding import Rounding

NO_RUN = "The store holds no such run."
NO_CARD = "There is no such card: none was published for this run's model."
router = authorized_router("runs")
probes = APIRouter(tags=["probes"])


class RunSchema(RunResponse):
    """One weekly run."""

    bank: str
    currency: str
    counts: Literal["money", "customers"] = Field(
        description="what lists and figures add up; customers: amounts and tiers are null, lists rank by risk"
    )
    cohort: int = Field(ge=0, description="customers scored")
    excluded: dict[str, int] = Field(description="customers not eligible, by code")
    gate_overrides: tuple[str, ...] = Field((), description="gates that a second person overrode")
    data_through: dict[str, date] = Field({}, description="by source that is behind, its newest day")


class Runs(RunResponse):
    """Every run of the store; the answer's own source is the run that is served."""

    runs: tuple[RunSchema, ...] = Field(description="the newest Monday first")


class ModelCard(RunResponse):
    """The model behind a run: its purpose, data, figures, limits and owner."""

    parts: dict[str, tuple[str, ...]] = Field(description="the sentences of each part, in order")


class Health(Schema):
    """The service answers; /readyz also reads the store."""

    status: Literal["ok"]


_HEADERS = documented(e431="The address and the headers are too large.")


@probes.get("/healthz", responses=exemplified("health") | _HEADERS)
def healthz() -> Health:
    """Alive: the process answers."""
    return Health(status="ok")


@probes.get(
    "/readyz",
    responses=exemplified("health")
    | _HEADERS
    | documented(
        e503="The service is stopping, no run has been published, or the score store cannot be read."
    ),
)
def readyz(request: Request, store: OpenedStore) -> Health:
    """Ready: a run can be served, its reads can be logged, and the service is not about to stop."""
    if request.app.state.stopping:
        raise HTTPException(503, "The service is stopping.")
    store.latest_run()
    request.app.state.access_log.require()
    return Health(status="ok")


@router.get("/runs", responses=exemplified("all_runs"))
def all_runs(access: Granted) -> Runs:
    """Every run of the store, those of earlier Mondays too."""
    with access.at_run() as read_session:
        context, runs = access.context(read_session.run), read_session.runs()
        rounding = read_session.rounding
    schemas = (_run_schema(replace(context, run=run, warning=None), rounding) for run in runs)
    return Runs(**context.source, runs=tuple(schemas))


@router.get("/runs/latest", responses=exemplified("one_run"))
def latest_run(access: Granted) -> RunSchema:
    """The run that every other answer comes from."""
    return one_run("latest", access)


@router.get("/runs/{run_id}", responses=exemplified("one_run") | documented(e404=NO_RUN))
def one_run(run_id: RunId, access: Granted) -> RunSchema:
    """One run, by its run_id or as ``latest``."""
    with _run(access, run_id) as read_session:
        return _run_schema(access.context(read_session.run), read_session.rounding)


@router.get("/runs/{run_id}/model-card", responses=exemplified("model_card") | documented(e404=NO_CARD))
def model_card(run_id: RunId, access: Granted) -> ModelCard:
    """The card of the model that scored a run: its purpose, figures, limits and owner."""
    with _run(access, run_id) as read_session:
        context, card = access.context(read_session.run), read_session.card()
    if card is None:
        raise HTTPException(404, NO_CARD)
    return ModelCard(**context.source, parts=dict(card))


@contextmanager
def _run(access: Access, run_id: str) -> Iterator[ReadSession]:
    """One run, as the caller may read it. Raises HTTPException 404 for a run that is not there."""
    try:
        with access.at_run(None if run_id == "latest" else run_id) as read_session:
            yield read_session
    except GoneError:
        raise HTTPException(404, NO_RUN) from None


def _run_schema(context: ResponseContext, rounding: Rounding) -> RunSchema:
    run = context.run
    excluded = {code: rounding.count(count) for code, count in run.excluded.items()}
    return RunSchema(
        **context.source,
        bank=run.bank,
        currency=run.base_currency,
        counts="money" if run.has_money else "customers",
        cohort=rounding.count(run.cohort),
        excluded={code: count for code, count in excluded.items() if count},
        gate_overrides=run.gate_overrides,
        data_through=run.data_through,
    )
