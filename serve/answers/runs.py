"""The runs of the store, and whether the service is well."""

from typing import Literal

from pydantic import Field

from serve.answers.source import Answer, Shown, View


class RunShown(Answer):
    """One weekly run."""

    bank: str
    currency: str
    cohort: int = Field(ge=0, description="customers scored")
    excluded: dict[str, int] = Field(description="customers not eligible, by code")


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
