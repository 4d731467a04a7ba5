"""What every answer says of itself: the run it comes from, and whether that run is too old."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from configs.published import Language, Run

ID = r"^[^\s\x00-\x1f\x7f]{1,64}$"  # of customers, managers, branches and runs
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Money = Annotated[float, Field(allow_inf_nan=False, description="in `currency`, at most two decimals")]


class Shown(BaseModel):
    """A part of an answer: what is not declared is not shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Answer(Shown):
    """Where every answer comes from."""

    snapshot_date: date = Field(description="the Monday the answer holds for; that day itself is not seen")
    run_id: str = Field(description="the weekly run that was published")
    model_id: str = Field(description="the model that scored")
    warning: str | None = Field(default=None, description="said when the run is older than it should be")


@dataclass(frozen=True)
class View:
    """One run as it is shown: in which language, and with which warning."""

    run: Run
    language: Language = "en"
    warning: str | None = None

    @property
    def source(self) -> dict[str, Any]:
        """The fields of Answer."""
        run = self.run
        return {
            "snapshot_date": run.snapshot_date,
            "run_id": run.run_id,
            "model_id": run.model_id,
            "warning": self.warning,
        }


def stale(snapshot_date: date, today: date, days: int) -> str | None:
    """A warning when the Monday is more than ``days`` days past.

    >>> stale(date(2026, 11, 16), date(2026, 11, 26), 10)
    >>> stale(date(2026, 11, 16), date(2026, 11, 27), 10)
    'These scores are of Monday 2026-11-16; no newer run is served.'
    """
    if today - snapshot_date <= timedelta(days=days):
        return None
    return f"These scores are of Monday {snapshot_date}; no newer run is served."
