"""What scores are worth to the people who call: each team's list, filled up to what it can call in a week."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.matrix import Matrix
from models.metrics import Metrics


@dataclass(frozen=True)
class Teams:
    """One entry per row of a matrix: the number of the team in charge, how many customers it can call on one
    Monday, and whether the customer may be called at all."""

    team: NDArray[np.int64]
    capacity: NDArray[np.int64]
    callable: NDArray[np.bool_]

    def of(self, rows: NDArray[np.intp]) -> "Teams":
        """The entries of these rows, in the order given."""
        return Teams(self.team[rows], self.capacity[rows], self.callable[rows])


def listed(matrix: Matrix, teams: Teams, *worth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows stand on their team's list of their Monday: the first ``capacity`` of those who may be called.

    ``worth`` ranks them, the largest first; where the first is equal the second decides, and so on, and in
    the end the customer_id, so that nothing is left to chance. An unknown worth (NaN) ranks last.
    """
    keys = [np.where(np.isnan(one), np.inf, -one) for one in reversed(worth)]
    # The matrix is sorted by (snapshot_date, customer_id) and lexsort is stable: ties keep that order.
    order = np.lexsort((*keys, ~teams.callable, teams.team, matrix.snapshot_date))
    day, team = matrix.snapshot_date[order], teams.team[order]
    begins = np.r_[True, (day[1:] != day[:-1]) | (team[1:] != team[:-1])]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
    chosen = np.zeros(len(matrix), dtype=np.bool_)
    chosen[order] = np.arange(len(order)) - first < teams.capacity[order]
    return chosen & teams.callable


def at_capacity(matrix: Matrix, called: NDArray[np.bool_]) -> Metrics:
    """What the lists ``called`` find, the mean over Mondays.

    ``listed`` customers a week; ``recall`` is the share of all who attrite that stand on a list, ``precision``
    the share of a list that attrites, ``lift`` how many times more often a listed customer attrites than any,
    ``aum_caught`` the share of the money leaving with attrited customers that leaves with listed ones. A
    Monday on which a share has nothing to be a share of (nobody attrited, nobody listed) is left out of it; a
    figure without any Monday is 0.
    """
    _, monday = np.unique(matrix.snapshot_date, return_inverse=True)
    attrited = matrix.attrited == 1

    def per_monday(weights: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(monday, weights=weights.astype(np.float64)), dtype=np.float64)

    calls, found = per_monday(called), per_monday(called & attrited)
    gone, everyone = per_monday(attrited), per_monday(np.ones(len(matrix)))
    return {
        "listed": float(calls.mean()),
        "recall": _mean(_ratio(found, gone)),
        "precision": _mean(_ratio(found, calls)),
        "lift": _mean(_ratio(found * everyone, calls * gone)),
        "aum_caught": _mean(_ratio(per_monday(matrix.lost * called), per_monday(matrix.lost))),
    }


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where there is no whole."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
