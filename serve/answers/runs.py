"""The runs of the store, the models behind them, and whether the service is well."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from configs.published import Run
from serve.answers.source import Answer, Shown, View


class RunShown(Answer):
    """One weekly run."""

    bank: str
    currency: str
    cohort: int = Field(ge=0, description="customers scored")
    excluded: dict[str, int] = Field(description="customers not eligible, by code")


class Runs(Answer):
    """Every run of the store; the answer's own source is the run that is served."""

    runs: tuple[RunShown, ...] = Field(description="the newest Monday first")


class ModelCard(Answer):
    """What the model that scored a run is for, what it rests on, what it is worth and who answers for it."""

    parts: dict[str, tuple[str, ...]] = Field(description="the sentences of each part, in order")


class Health(Shown):
    """The service answers; /readyz also reads the store."""

    status: Literal["ok"]


def run_shown(view: View) -> RunShown:
    run = view.run
    return RunShown(
        **view.source,
        bank=run.bank,
        currency=run.base_currency,
        cohort=run.cohort,
        excluded=dict(run.excluded),
    )


def all_runs(view: View, known: Iterable[Run]) -> Runs:
    return Runs(**view.source, runs=tuple(run_shown(replace(view, run=run, warning=None)) for run in known))


def model_card(view: View, card: Mapping[str, Any]) -> ModelCard:
    return ModelCard(**view.source, parts=dict(card))
