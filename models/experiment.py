"""The experiment behind the lists: listed customers against the control group, as assigned.

The assignment is as good as random (intention to treat), so the difference between the two arms is the
effect, whoever was in the end called. Shares that left are compared by Newcombe's interval for two
independent proportions (1998, method 10), which rests on Wilson's (1927) and holds for small counts and for
nobody at all. For money the assignments weigh by the customer's AUM; the interval then counts fewer of them,
by Kish (1965): (Σ w)² / Σ w² of equal weight tell as much. scipy has Wilson's interval for whole counts only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.matrix import at_rows

Z = 1.959964  # two-sided 95%
Z_POWER = 0.841621  # a difference of the size meant is seen in 80% of experiments


@dataclass(frozen=True)
class Experiment:
    """One row per assignment with a known outcome.

    Money in base currency: ``lost`` is 0 for who stayed, at most ``base``.
    """

    control: NDArray[np.bool_]
    attrited: NDArray[np.bool_]
    base: NDArray[np.float64]
    lost: NDArray[np.float64]
    risk: NDArray[np.float64]
    manager: NDArray[np.str_]
    reason: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.control)


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: its assignments, the share that left, and its effective sample size."""

    assignments: int
    share: float
    effective_n: float


def difference_in_customers(experiment: Experiment) -> dict[str, Any]:
    """By how much less left of the listed than of the control group, as shares of customers.

    Either arm, which must have assignments; the ``difference`` with its 95% interval; and the same times the
    customers listed (``kept``).
    """
    return _difference(experiment, experiment.attrited, np.ones(len(experiment)))


def difference_in_money(experiment: Experiment) -> dict[str, Any]:
    """Difference of mean shares of AUM, ``kept`` in base currency; who lost nothing is there with 0."""
    share = np.zeros(len(experiment))
    np.divide(experiment.lost, experiment.base, out=share, where=experiment.base > 0)
    return _difference(experiment, share, experiment.base)


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95% interval of a share seen in ``count`` cases.

    >>> [round(bound, 3) for bound in wilson(0.0, 10)]
    [0.0, 0.278]
    """
    middle, spread = share + Z**2 / (2 * count), Z * sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    low, high = ((middle + sign * spread) / (1 + Z**2 / count) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def newcombe(listed: Arm, control: Arm) -> tuple[float, float]:
    """The 95% interval of the share of the control group less that of the listed."""
    a, b = control.share, listed.share
    low_a, high_a = wilson(a, control.effective_n)
    low_b, high_b = wilson(b, listed.effective_n)
    low = a - b - sqrt((a - low_a) ** 2 + (high_b - b) ** 2)
    return low, a - b + sqrt((high_a - a) ** 2 + (b - low_b) ** 2)


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
        difference = (Z + Z_POWER) * sqrt(left * (1 - left) / control + rest * (1 - rest) / listed)
    return difference


def assignments_needed(left: float, difference: float, control: float) -> float:
    """The assignments, a share ``control`` of them controls, that show a difference in 80% of experiments."""
    if difference <= 0 or not 0 < control < 1:
        return inf
    rest = max(left - difference, 0.0)
    variance = left * (1 - left) / control + rest * (1 - rest) / (1 - control)
    return (Z + Z_POWER) ** 2 * variance / difference**2


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


def _difference(experiment: Experiment, left: NDArray[Any], weight: NDArray[np.float64]) -> dict[str, Any]:
    listed, control = (_arm(left[rows], weight[rows]) for rows in (~experiment.control, experiment.control))
    shares = [control.share - listed.share, *newcombe(listed, control)]
    total = float(weight[~experiment.control].sum())
    return {
        "listed": {"assignments": listed.assignments, "left": listed.share},
        "control_group": {"assignments": control.assignments, "left": control.share},
        "difference": shares,
        "kept": [share * total for share in shares],
    }


def _arm(left: NDArray[Any], weight: NDArray[np.float64]) -> Arm:
    total = float(weight.sum())
    return Arm(len(left), float((left * weight).sum()) / total, total**2 / float((weight**2).sum()))
