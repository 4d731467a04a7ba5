"""What being on the lists does: customers listed against customers held out, as drawn (intention to treat).

The lot is as good as random, so the difference between the two arms is the effect, whoever was in the end called.
Shares that left are compared by Newcombe's interval for two independent proportions (1998, method 10), which rests
on Wilson's (1927) and holds for small counts and for nobody at all. For money the lots weigh by the customer's AUM;
the interval then counts the lots as fewer, by Kish (1965): (Σ w)² / Σ w² of equal weight tell as much.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z = 1.959964  # two-sided 95%
Z_POWER = 0.841621  # an effect of the size meant is seen in 80% of trials


@dataclass(frozen=True)
class Trial:
    """One row per lot with a known outcome. Money in base currency: ``lost`` is 0 for who stayed, at most ``base``."""

    held_out: NDArray[np.bool_]
    attrited: NDArray[np.bool_]
    base: NDArray[np.float64]
    lost: NDArray[np.float64]
    risk: NDArray[np.float64]
    manager: NDArray[np.str_]
    reason: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.held_out)

    def where(self, rows: NDArray[np.bool_]) -> "Trial":
        return Trial(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: how many lots, the share that left, and how many lots of equal weight tell as much."""

    lots: int
    share: float
    telling: float


@dataclass(frozen=True)
class Kept:
    """By how much less left of the listed than of the held out: as shares with a 95% interval, and in all.

    ``total`` is ``difference`` times the customers listed, or their AUM.
    """

    listed: Arm
    held_out: Arm
    difference: float
    low: float
    high: float
    of: float

    @property
    def total(self) -> tuple[float, float, float]:
        return self.difference * self.of, self.low * self.of, self.high * self.of


def customers_kept(trial: Trial) -> Kept:
    """Each lot counts once. Both arms must have lots."""
    listed, held_out = (_arm(trial.attrited[rows], np.ones(rows.sum())) for rows in _arms(trial))
    return _kept(listed, held_out, float(listed.lots))


def money_kept(trial: Trial) -> Kept:
    """Each lot weighs by its customer's AUM; who lost nothing of it is there with 0."""
    share = np.divide(trial.lost, trial.base, out=np.zeros(len(trial)), where=trial.base > 0)
    listed, held_out = (_arm(share[rows], trial.base[rows]) for rows in _arms(trial))
    return _kept(listed, held_out, float(trial.base[~trial.held_out].sum()))


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95% interval of a share seen in ``count`` cases.

    >>> [round(bound, 3) for bound in wilson(0.0, 10)]
    [0.0, 0.278]
    """
    middle, spread = share + Z**2 / (2 * count), Z * sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    low, high = ((middle + sign * spread) / (1 + Z**2 / count) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def newcombe(listed: Arm, held_out: Arm) -> tuple[float, float]:
    """The 95% interval of the share of the held out less that of the listed."""
    (low_a, high_a), (low_b, high_b) = (wilson(one.share, one.telling) for one in (held_out, listed))
    a, b = held_out.share, listed.share
    return a - b - sqrt((a - low_a) ** 2 + (high_b - b) ** 2), a - b + sqrt(
        (high_a - a) ** 2 + (b - low_b) ** 2
    )


def least_visible(left: float, listed: int, held_out: int) -> float:
    """The smallest difference that so many lots show in 80% of trials, where a share ``left`` of the held out leaves.

    It solves d = (z + z') · √(p (1 − p) / held out + (p − d) (1 − p + d) / listed) by going round; infinite where an
    arm is empty.
    """
    if not listed or not held_out:
        return inf
    found = 0.0
    for _ in range(50):
        rest = max(left - found, 0.0)
        found = (Z + Z_POWER) * sqrt(left * (1 - left) / held_out + rest * (1 - rest) / listed)
    return found


def lots_needed(left: float, difference: float, held_out: float) -> float:
    """How many lots, of which a share ``held_out`` is held out, show a difference in 80% of trials."""
    if difference <= 0 or not 0 < held_out < 1:
        return inf
    rest = max(left - difference, 0.0)
    variance = left * (1 - left) / held_out + rest * (1 - rest) / (1 - held_out)
    return (Z + Z_POWER) ** 2 * variance / difference**2


def weeks_to_go(needed: float, known: int, waiting: int, a_week: float, wait: int) -> int | None:
    """Until so many outcomes are known, at ``a_week`` new lots each of which takes ``wait`` weeks; None: never."""
    if needed <= known:
        return 0
    if needed <= known + waiting:
        return wait
    return ceil((needed - known - waiting) / a_week) + wait if a_week and needed < inf else None


def by_group(trial: Trial, groups: NDArray[np.str_], least: int) -> Iterator[tuple[str, Trial]]:
    """The lots of each group of at least ``least``, with some in either arm; the largest group first."""
    names, counts = np.unique(groups, return_counts=True)
    for k in np.argsort(-counts, kind="stable"):
        own = trial.where(groups == names[k])
        if counts[k] >= least and 0 < own.held_out.sum() < len(own):
            yield str(names[k]), own


def _arms(trial: Trial) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return ~trial.held_out, trial.held_out


def _arm(left: NDArray[Any], weight: NDArray[np.float64]) -> Arm:
    total = float(weight.sum())
    return Arm(len(left), float((left * weight).sum()) / total, total**2 / float((weight**2).sum()))


def _kept(listed: Arm, held_out: Arm, of: float) -> Kept:
    return Kept(listed, held_out, held_out.share - listed.share, *newcombe(listed, held_out), of)
