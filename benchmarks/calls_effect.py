"""Assignments of a policy, their outcomes, and what the effect page says of them beside the truth.

The outcome of an assignment has the probability of its Monday, less what the first answered contact within
its outcome window changes by the truth of that contact's own Monday; whatever later contacts change is left
out. It is drawn with one number per customer and Monday, the same over all policies and worlds (common random
numbers).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calls_mondays import Monday, Panel
from configs.response import Cell
from configs.settings import Settings
from models.experiment import difference_in_customers, state_of
from pipeline.demo_bank import parameters as p
from pipeline.lists.experiment import observed_rows
from pipeline.monitoring.matured import CellCounts, Matured

STRAY, NEVER_CALLED = 0.1, 0.3  # shares of the control group and of the listed, in the contaminated world
EARLY_DAYS = 30


@dataclass
class Assigned:
    """One assignment and what became of it; the fields that a response is learnt from bear its names.

    ``chance`` and ``early`` are its probabilities of leaving as things went; ``without`` is that of nobody
    contacted, ``reached`` whether a contact was answered within the outcome window.
    """

    customer_id: str
    week: int
    place: int
    assigned_on: date
    control_group: bool
    risk: float
    risk_30d: float | None
    reason_group: str
    lifecycle_stage: str
    risk_band: str
    manager_id: str | None
    base_minor: int
    chance: float
    early: float
    without: float
    answered_now: float
    movable: float | None = None
    channel: str = "phone"
    reached: bool = False
    attrited: bool | None = None
    left_early: bool | None = None
    lost_minor: int | None = None


def outcomes(
    assigned: Sequence[Assigned], panel: Panel, settings: Settings, week: int, early: bool = True
) -> list[Assigned]:
    """The assignments of Mondays before ``week``, each with the outcome as known then."""
    closes, soon = settings.label.weeks_to_close, -(-(settings.label.lead_days + EARLY_DAYS) // 7)
    known = []
    for one in assigned:
        if one.week < week:
            fate, left = panel.fate[one.week, one.place], bool(one.week + closes <= week)
            attrited = bool(fate < one.chance) if left else None
            left_early = bool(fate < one.early) if early and one.week + soon <= week else None
            lost = one.base_minor if attrited else 0
            money = lost if left else None
            known.append(replace(one, attrited=attrited, left_early=left_early, lost_minor=money))
    return known


def counted(
    settings: Settings, monday: Monday, days: int, left: NDArray[np.bool_], uncalled: NDArray[np.bool_]
) -> Matured:
    """A Monday whose outcome at a horizon is known, as the weekly run keeps it: those whom nobody called."""
    sums = defaultdict[Cell, list[float]](lambda: [0.0, 0.0])
    for k in np.flatnonzero(uncalled).tolist():
        score = monday.scores[k]
        risk = score.risk_30d if days == EARLY_DAYS else score.risk
        if risk is not None:
            reason = score.reasons[0].group if score.reasons else ""
            counts = sums[reason, settings.bands.of(score.risk), score.lifecycle_stage]
            counts[0] += risk
            counts[1] += bool(left[k])
    cells = tuple(CellCounts(name, expected, int(gone)) for name, (expected, gone) in sums.items())
    return Matured(monday.day, days, monday.day, {}, cells)


def looks(settings: Settings, panel: Panel, assigned: Sequence[Assigned]) -> dict[str, Any]:
    """Whether any weekly look claims an effect; the last estimates beside the truth.

    The last look is that at which every outcome is known.
    """
    closes, weeks = settings.label.weeks_to_close, len(panel.mondays)
    claimed, found = False, dict[str, Any]()
    for week in range(closes + 1, weeks + closes + 1):
        rows = observed_rows(outcomes(assigned, panel, settings, week))
        if 0 < rows.control.sum() < len(rows):
            found = difference_in_customers(rows, settings.lists.control_group_share)
            claimed |= state_of(found["difference"], None) == "shown"
    truths = {"itt": truly(assigned), "complier": truly_reached(assigned)}
    estimates = {"itt": found.get("difference"), "complier": found.get("called")}
    return {"claimed": claimed} | {name: _beside(truths[name], estimates[name]) for name in truths}


def _beside(truth: float, estimate: Sequence[float] | None) -> dict[str, Any]:
    """Nothing estimated is nothing covered."""
    if estimate is None:
        return {"truth": truth, "covers": False}
    shown, low, high = estimate
    return {"truth": truth, "shown": shown, "low": low, "high": high, "covers": low <= truth <= high}


def truly(assigned: Sequence[Assigned]) -> float:
    """By how much less the listed leave, by the truth, than they would as controls, some of them called."""
    stray = STRAY * p.ANSWER_CHANCE
    listed = (one for one in assigned if not one.control_group)
    less = [one.without + stray * (one.answered_now - one.without) - one.chance for one in listed]
    return float(np.mean(less))


def truly_reached(assigned: Sequence[Assigned]) -> float:
    """By how much a contact that reaches somebody lowers the probability of leaving, among the listed."""
    reached = [one for one in assigned if one.reached and not one.control_group]
    return float(np.mean([one.without - one.chance for one in reached]))
