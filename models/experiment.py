"""The experiment behind lists and campaigns: who was assigned to be contacted, against the control group.

The assignment is as good as random, so the difference between the two arms, as assigned and whoever was in
the end reached, is the effect of being listed (intention to treat). Controls who are reached all the same and
listed who never are make it smaller: the effect on the called puts it over the difference in shares reached
(Imbens, Angrist 1994). Money weighs by the customer's AUM. The bounds of all of them hold however often
somebody looks (models/confidence_sequence.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf, nan, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.confidence_sequence import Arms, bounds
from models.matrix import at_rows

Z = 1.959964  # two-sided 95%
Z_LOOKS = 3.2  # bounds for any number of looks, in standard errors; from 2,000 to 400,000 assignments
Z_POWER = 0.841621  # a difference of the size meant is seen in 80% of experiments


State = Literal["collecting", "inconclusive", "shown"]


@dataclass(frozen=True)
class Experiment:
    """One row per assignment with a known outcome, in the order of assignment.

    Money in base currency: ``lost`` is 0 for who stayed, at most ``base``. ``reached``: 1 where the customer
    was reached in the outcome window, else 0; NaN where that is not known.
    """

    control: NDArray[np.bool_]
    attrited: NDArray[np.bool_]
    base: NDArray[np.float64]
    lost: NDArray[np.float64]
    risk: NDArray[np.float64]
    manager: NDArray[np.str_]
    reason: NDArray[np.str_]
    reached: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.control)


def difference_in_customers(experiment: Experiment, share: float) -> dict[str, Any]:
    """By how much less left of the listed than of the control group, as shares of customers.

    ``share`` of the assignments was meant to be controls. Either arm must have some. ``difference`` and its
    bounds, at 95% and for any number of looks; the same times the customers listed (``kept``); ``called``:
    difference and bounds among those who were reached because they were listed, None where nobody is known to
    have been.
    """
    return _difference(experiment, experiment.attrited.astype(np.float64), np.ones(len(experiment)), share)


def difference_in_money(experiment: Experiment, share: float) -> dict[str, Any]:
    """Differences of mean shares of AUM, ``kept`` in base currency; who lost nothing is there with 0."""
    lost = np.zeros(len(experiment))
    np.divide(experiment.lost, experiment.base, out=lost, where=experiment.base > 0)
    return _difference(experiment, np.minimum(lost, 1.0), experiment.base, share)


def contamination(experiment: Experiment) -> dict[str, int] | None:
    """How many controls were reached all the same, and how many listed never, of those of whom it is known;
    None where nobody is known to have been reached."""
    known = at_rows(experiment, ~np.isnan(experiment.reached))
    if not known.reached.any():
        return None
    reached = known.reached > 0
    return {
        "controls": int(known.control.sum()),
        "controls_reached": int((known.control & reached).sum()),
        "listed": int((~known.control).sum()),
        "listed_not_reached": int((~known.control & ~reached).sum()),
    }


def state_of(difference: Sequence[float] | None, weeks_to_go: int | None) -> State:
    """``shown`` once the bounds leave 0 out, else ``collecting`` until an effect of the expected size would
    be, and from then on ``inconclusive``."""
    if difference and (difference[1] > 0 or difference[2] < 0):
        return "shown"
    return "inconclusive" if weeks_to_go == 0 else "collecting"


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95% interval of a share seen in ``count`` cases.

    >>> [round(bound, 3) for bound in wilson(0.0, 10)]
    [0.0, 0.278]
    """
    middle, spread = share + Z**2 / (2 * count), Z * sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    low, high = ((middle + sign * spread) / (1 + Z**2 / count) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def least_visible(left: float, listed: int, control: int) -> float:
    """The smallest difference seen in 80% of experiments of this size, where a share ``left`` leaves.

    It solves d = (z + z') · √(p (1 − p) / control + (p − d) (1 − p + d) / listed) by going round; infinite
    where an arm is empty.
    """
    if not listed or not control:
        return inf
    difference = 0.0
    for _ in range(50):
        rest = max(left - difference, 0.0)
        difference = (Z_LOOKS + Z_POWER) * sqrt(left * (1 - left) / control + rest * (1 - rest) / listed)
    return difference


def assignments_needed(left: float, difference: float, control: float) -> float:
    """The assignments, a share ``control`` of them controls, that show a difference in 80% of experiments."""
    if difference <= 0 or not 0 < control < 1:
        return inf
    rest = max(left - difference, 0.0)
    variance = left * (1 - left) / control + rest * (1 - rest) / (1 - control)
    return (Z_LOOKS + Z_POWER) ** 2 * variance / difference**2


def weeks_to_go(needed: float, known: int, waiting: int, a_week: float, wait: int) -> int | None:
    """Weeks until enough outcomes are known, at ``a_week`` assignments of ``wait`` weeks; None: never."""
    if needed <= known:
        return 0
    if needed <= known + waiting:
        return wait
    return ceil((needed - known - waiting) / a_week) + wait if a_week and needed < inf else None


def by_group(
    experiment: Experiment, groups: NDArray[np.str_], least: int
) -> Iterator[tuple[str, Experiment]]:
    """The assignments of each group of ``least`` or more with both arms; the largest group first."""
    names, counts = np.unique(groups, return_counts=True)
    for k in np.argsort(-counts, kind="stable"):
        members = at_rows(experiment, groups == names[k])
        if counts[k] >= least and 0 < members.control.sum() < len(members):
            yield str(names[k]), members


def _difference(
    experiment: Experiment, left: NDArray[np.float64], weight: NDArray[np.float64], share: float
) -> dict[str, Any]:
    control, reached = experiment.control, experiment.reached
    listed, known = ~control, ~np.isnan(reached)
    shares = [_mean(left, weight, arm) for arm in (listed, control)]
    arms = Arms(control, left, listed.astype(np.float64), weight, share)
    difference = _within(shares[1] - shares[0], arms)
    among_known = Arms(control[known], left[known], reached[known], weight[known], share)
    total = float(weight[listed].sum())
    return {
        "listed": {"assignments": int(listed.sum()), "left": shares[0]},
        "control_group": {"assignments": int(control.sum()), "left": shares[1]},
        "difference": difference,
        "kept": [value * total for value in difference],
        "called": _on_the_called(among_known),
    }


def _on_the_called(arms: Arms) -> list[float] | None:
    """The difference over that in shares reached; None where nobody was, or an arm is empty."""
    left, reached = (
        [_mean(values, arms.weight, arm) for arm in (~arms.control, arms.control)]
        for values in (arms.outcome, arms.treated)
    )
    if not any(arms.treated) or np.isnan(left).any():
        return None
    more = reached[0] - reached[1]
    return _within((left[1] - left[0]) / more if more > 0 else 0.0, arms)


def _within(point: float, arms: Arms) -> list[float]:
    """The estimate, within −1 and 1, and the bounds, which hold it."""
    low, high = bounds(arms)
    point = max(-1.0, min(1.0, point))
    return [point, min(low, point), max(high, point)]


def _mean(values: NDArray[np.float64], weight: NDArray[np.float64], rows: NDArray[np.bool_]) -> float:
    """The weighted mean of some rows; NaN without any weight."""
    total = float(weight[rows].sum())
    return float((values[rows] * weight[rows]).sum()) / total if total else nan
