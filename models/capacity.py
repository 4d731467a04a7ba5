"""Lists filled up to what each team can call in a week, what they find, and what the calls earn.

A call costs ``call_cost`` whoever is called. Of those who would leave, a share γ (``success_rate``) is kept
by it, and what they would have taken along earns ``margin``; who would have stayed anyway earns nothing more.
So

    profit = Σ over called rows (γ · margin · lost − call_cost)

in base currency, with ``lost`` the money that leaves with the row's customer, 0 for who stays. This is the
maximum-profit measure for churn of Verbraken, Verbeke and Baesens (2013) without an incentive (their d = 0),
with money of each customer's own in place of one lifetime value for all. Each Monday is evaluated by itself,
as if nobody had been called before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from configs.settings import Profit
from models.matrix import Matrix
from models.metrics import Metrics, best_first
from models.resample import Lists, Mondays, Times, Totals


@dataclass(frozen=True)
class Teams:
    """One entry per row of a matrix: the number of the team in charge, how many customers it can call on one
    Monday, and whether the customer may be called at all."""

    team: NDArray[np.int64]
    capacity: NDArray[np.int64]
    callable: NDArray[np.bool_]


class Ranked:
    """The lists of each team's Monday; draws share their order.

    ``scores`` rank customers, the largest first; where the first is equal the second decides, and so on, and
    in the end the customer_id, so that nothing is left to chance. An unknown score (NaN) ranks last.
    """

    def __init__(self, matrix: Matrix, mondays: Mondays, teams: Teams, *scores: NDArray[np.float64]) -> None:
        order, self._rows = best_first(*scores), len(matrix)
        number = mondays.of_row.astype(np.int64) * (teams.team.max() + 1) + teams.team
        self._lists = Lists(matrix, mondays, number, order[teams.callable[order]])
        self._capacity = teams.capacity[self._lists.order[self._lists.begins]]

    @property
    def called(self) -> NDArray[np.bool_]:
        """One entry per row: true for the first ``capacity`` callable customers of each list."""
        order, begins = self._lists.order, self._lists.begins
        size = np.diff(np.append(begins, len(order)))
        called = np.zeros(self._rows, dtype=np.bool_)
        called[order[np.arange(len(order)) - np.repeat(begins, size) < np.repeat(self._capacity, size)]] = (
            True
        )
        return called

    def figures(self, times: Times, whole: Totals) -> Metrics:
        """``at_capacity`` of the lists of a draw, whose sums are ``whole``."""
        return _shares(self._lists.filled(times, self._capacity)[0], whole)


def listed(matrix: Matrix, teams: Teams, *scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """One entry per row: true for the first ``capacity`` callable customers of each team's Monday."""
    return Ranked(matrix, Mondays(matrix), teams, *scores).called


def at_capacity(matrix: Matrix, called: NDArray[np.bool_]) -> Metrics:
    """The figures of the lists ``called`` (one entry per row), the mean over Mondays.

    ``listed`` customers a week; ``recall`` is the share of all who attrite that stand on a list,
    ``precision`` the share of a list that attrites, ``lift`` how many times more often a listed customer
    attrites than any, ``aum_caught`` the share of the money leaving with attrited customers that leaves with
    listed ones. A Monday on which a share has nothing to be a share of (nobody attrited, nobody listed) is
    left out of it; a figure without any Monday is 0.
    """
    _, monday = np.unique(matrix.snapshot_date, return_inverse=True)

    def totals(rows: NDArray[np.bool_]) -> Totals:
        each = rows.astype(np.float64)
        of_monday = (np.bincount(monday, each * values) for values in (1.0, matrix.attrited, matrix.lost))
        return Totals(*(np.asarray(total, dtype=np.float64) for total in of_monday))

    return _shares(totals(called), totals(np.ones_like(called)))


def _shares(on_lists: Totals, everybody: Totals) -> Metrics:
    calls, caught, money = on_lists
    return {
        "listed": float(calls.mean()),
        "recall": _mean_ratio(caught, everybody.attrited),
        "precision": _mean_ratio(caught, calls),
        "lift": _mean_ratio(caught * everybody.rows, calls * everybody.attrited),
        "aum_caught": _mean_ratio(money, everybody.lost),
    }


def _mean_ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    positive = whole > 0
    return float((part[positive] / whole[positive]).mean()) if positive.any() else 0.0


def profit_of(called: NDArray[np.bool_], lost: NDArray[np.float64], terms: Profit) -> float:
    """The profit of calling these rows; expected money in place of ``lost`` gives the profit to expect."""
    return terms.success_rate * terms.margin * float(lost[called].sum()) - terms.call_cost * int(called.sum())


def break_even(terms: Profit) -> float:
    """The expected money from which on a call pays: γ · margin · money = call_cost."""
    return terms.call_cost / (terms.success_rate * terms.margin)


def best_cut(scores: NDArray[np.float64], lost: NDArray[np.float64], terms: Profit) -> tuple[int, float]:
    """Calls and profit of the cut, largest ``scores`` first, that would have earned most, seen afterwards.

    Rows of equal score are called together or not at all; of equally good cuts the shortest is taken, and
    where no call pays, nobody is called.
    """
    calls, gone = _cuts(scores, lost)
    profit = terms.success_rate * terms.margin * gone - terms.call_cost * calls
    best = int(np.argmax(profit))
    return int(calls[best]), float(profit[best])


def expected_maximum(scores: NDArray[np.float64], lost: NDArray[np.float64], terms: Profit) -> float:
    """The expected maximum profit: the best cut's, with γ not known but Beta(α, β).

    The EMP of Verbraken et al. (2013): ∫ max over cuts (γ · margin · gone − call_cost · calls) h(γ) dγ, where
    α = success_rate · success_evidence and β the rest of the evidence. Each cut is a line in γ; the largest
    of them changes at the corners of the concave hull of (calls, gone), and between two corners the integral
    is closed: ∫ h is I(γ; α, β) and ∫ γ h is α / (α + β) · I(γ; α + 1, β), I being the regularised incomplete
    beta function.
    """
    calls, gone = _cuts(scores, lost)
    corners = _concave_hull(calls, terms.margin * gone)
    cost, earned = terms.call_cost * calls[corners], terms.margin * gone[corners]
    turns = np.diff(cost) / np.diff(earned)
    ends = np.minimum(np.r_[0.0, turns, 1.0], 1.0)
    alpha, beta = (share * terms.success_evidence for share in (terms.success_rate, 1 - terms.success_rate))
    weight = np.diff(betainc(alpha, beta, ends))
    mean = terms.success_rate * np.diff(betainc(alpha + 1, beta, ends))
    return float((earned * mean - cost * weight).sum())


def _cuts(
    scores: NDArray[np.float64], lost: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Per possible cut, nobody first: how many are called, and the money leaving with them."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    return np.r_[0, ends + 1], np.r_[0.0, np.cumsum(lost[order])[ends]]


def _concave_hull(x: NDArray[np.int64], y: NDArray[np.float64]) -> list[int]:
    """The places of the points that no line between two others runs above, from the first to the highest."""
    hull: list[int] = []
    # Where a call adds nothing, the cut before it has as much for less.
    for c in np.flatnonzero(np.append(True, y[1:] > y[:-1])[: int(np.argmax(y)) + 1]).tolist():
        while len(hull) > 1:
            a, b = hull[-2:]
            if (y[b] - y[a]) * (x[c] - x[a]) > (y[c] - y[a]) * (x[b] - x[a]):
                break  # b lies above the line from a to c
            hull.pop()
        hull.append(c)
    return hull
