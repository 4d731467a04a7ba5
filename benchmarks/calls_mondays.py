"""The Mondays of one bank as policies meet them: what the product says, and the truth of each world."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.calls_lives import LEARNT, LEFT, columns
from configs.published import Reason, Score

Floats = NDArray[np.float64]
FADES_OVER = 13  # weeks after the learnt year, until nothing is left of the effect
EFFECTS = {"today": ("late", "early"), "harm": ("harm_late", "harm_early")}


@dataclass(frozen=True)
class World:
    """What calls do (``effects``: none, today, harm), and what managers make of the lists."""

    name: str
    effects: str = "today"
    fades: bool = False
    contaminated: bool = False

    def strength(self, week: int) -> float:
        return float(np.clip(1 - (week - LEARNT) / FADES_OVER, 0, 1)) if self.fades else 1.0


TODAY = World("today")
WORLDS = (
    TODAY,
    World("none", effects="none"),
    World("harm", effects="harm"),
    World("contaminated", contaminated=True),
    World("fades", fades=True),
)


class Chances(NamedTuple):
    """(weeks left, row): probabilities of leaving within the label's 90 days and within 30."""

    late: Floats
    early: Floats


@dataclass(frozen=True)
class Monday:
    """One Monday of a panel, a row per customer in every array, in the order of ``scores``.

    ``place`` is the customer's among the draws; ``fell`` the share by which AUM fell in 13 weeks.
    """

    week: int
    day: date
    scores: tuple[Score, ...]
    place: NDArray[np.int64]
    money: Floats
    harmed: NDArray[np.bool_]
    fell: Floats
    seen: Mapping[str, Floats]
    chances: Mapping[str, Chances]

    def under(self, world: World) -> Chances:
        """The truth in a world, on this Monday."""
        if world.effects == "none":
            return Chances(*(np.repeat(table[:1], LEFT, axis=0) for table in self.chances["today"]))
        own, strength = self.chances[world.effects], world.strength(self.week)
        return Chances(*(table[:1] + strength * (table - table[:1]) for table in own))


@dataclass(frozen=True)
class Panel:
    """The Mondays of one bank, and (Monday, customer) draws: of outcomes, answers, and managers' ways."""

    seed: int
    mondays: tuple[Monday, ...]
    fate: Floats
    answer: Floats
    stray: Floats


def panel_of(seed: int, rows: pd.DataFrame) -> Panel:
    """The panel of rows as benchmarks/calls_panel.py keeps them."""
    rows = rows.sort_values(["snapshot_date", "customer_id"], kind="stable")
    days = [part for _, part in rows.groupby("snapshot_date", sort=True)]
    aum = [dict(zip(part["place"], part["aum_minor"], strict=True)) for part in days]
    size = (len(days), int(rows["place"].max()) + 1)
    draws = [np.random.default_rng([seed, kind]).random(size) for kind in range(3)]
    mondays = (monday_of(week, part, aum[week - 13] if week >= 13 else {}) for week, part in enumerate(days))
    return Panel(seed, tuple(mondays), *draws)


def monday_of(week: int, rows: pd.DataFrame, before: Mapping[int, int]) -> Monday:
    """``before``: AUM 13 weeks ago by place; whoever was not in the cohort then has not fallen."""
    place = rows["place"].to_numpy(np.int64)
    aum = rows["aum_minor"].to_numpy(np.float64)
    then = np.array([before.get(one, now) for one, now in zip(place.tolist(), aum.tolist(), strict=True)])
    tables = {
        effects: Chances(*(rows[columns(kind)].to_numpy(np.float64).T for kind in kinds))
        for effects, kinds in EFFECTS.items()
    }
    return Monday(
        week,
        rows["snapshot_date"].iloc[0].date(),
        tuple(map(score_of, rows.to_dict("records"))),
        place,
        rows["money"].to_numpy(np.float64),
        rows["harmed"].to_numpy(bool),
        1 - aum / np.maximum(then, 1),
        {effects: rows[f"seen_{effects}"].to_numpy(np.float64) for effects in EFFECTS},
        tables,
    )


def score_of(row: Mapping[str, Any]) -> Score:
    """The score of a row of a panel; household and the texts of reasons are not there."""
    return Score(
        row["customer_id"],
        row["branch_id"] or None,
        row["manager_id"] if isinstance(row["manager_id"], str) else None,
        row["tier"],
        row["lifecycle_stage"],
        row["marketing_opt_out"],
        row["aum_minor"],
        row["money_at_risk_minor"],
        row["risk_band"],
        (Reason(row["reason_group"], "", None, 0.0, "", ""),) if row["reason_group"] else (),
        row["risk_30d"],
        row["risk_60d"],
        row["risk_90d"],
        segment=row["segment"],
        movable=row["movable"],
    )
