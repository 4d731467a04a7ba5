"""Intervals of figures by resampling whole customers (block bootstrap; Efron 1979).

A drawn bank holds the rows of this one, each as many ``times`` as its customer was drawn. So rows are sorted
once, and a draw only weighs them: its figures are those of the drawn rows written out and sorted anew. Equal
scores stand in the order of the rows, and so do their copies.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models.hazard import fit_line
from models.matrix import Matrix
from models.metrics import BINS, Metrics, best_first

Floats = NDArray[np.float64]
Times = NDArray[np.int16]  # one entry per row
_NEAR = 1e-4  # a step of Newton's, after which the error is of the order of its square
_STEPS = 20
_BLOCK = 16_384  # rows that stay in the cache
_PENALTY = 1e-3  # on the square of a slope, as fit_line has it


def intervals(
    matrix: Matrix, figures: Callable[[Times], Metrics], draws: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Per figure the range that holds 95% of ``draws`` resamples of as many customers, with replacement.

    ``figures`` gets how many ``times`` each row was drawn. Customers are drawn with all their Mondays, which
    are nearly the same row again and again: rows drawn alone would make every interval too narrow. Draws in
    which everybody stays or everybody leaves say nothing and are left out.
    """
    _, customer = np.unique(matrix.customer_id, return_inverse=True)
    count, random, left = (
        int(customer.max()) + 1,
        np.random.default_rng(seed),
        np.flatnonzero(matrix.attrited),
    )
    drawn = list[Metrics]()
    with threadpool_limits(limits=1):  # equal on any number of threads, which so short sums only wait for
        for _ in range(draws):
            times = np.bincount(random.integers(count, size=count), minlength=count).astype(np.int16)
            times = times[customer]
            if 0 < times[left].sum() < times.sum():
                drawn.append(figures(times))
    if not drawn:
        return {}
    return {
        name: tuple(np.quantile([each[name] for each in drawn], (0.025, 0.975)).tolist()) for name in drawn[0]
    }


class Totals(NamedTuple):
    """One entry per Monday of a draw: all rows, those who left, and the money that left with them."""

    rows: Floats
    attrited: Floats
    lost: Floats


class Mondays:
    """The Monday of each row and the sums of a draw over each Monday, which all ways to rank share."""

    def __init__(self, matrix: Matrix) -> None:
        _, self._begins, of_row = np.unique(matrix.snapshot_date, return_index=True, return_inverse=True)
        self.of_row = of_row.astype(np.int16)
        self._left = np.flatnonzero(matrix.attrited)
        self._lost, self._bounds = matrix.lost[self._left], self.bounds(self.of_row[self._left])

    def totals(self, times: Times) -> Totals:
        left = times[self._left]
        return Totals(
            np.add.reduceat(times, self._begins, dtype=np.int64).astype(np.float64),
            sums(left, self._bounds),
            sums(left * self._lost, self._bounds),
        )

    def bounds(self, monday: NDArray[np.int16]) -> NDArray[np.intp]:
        """The begin of each Monday among entries that ascend by Monday, and the end of the last."""
        return np.searchsorted(monday, np.arange(len(self._begins) + 1))


def sums(values: NDArray[Any], bounds: NDArray[np.intp]) -> Floats:
    """One entry per Monday, whose values lie together."""
    ends = bounds.tolist()
    return np.array([values[a:b].sum() for a, b in pairwise(ends)], dtype=np.float64)


class Lists:
    """Rows in the order in which lists are filled, one list after the other; a list is of one Monday.

    ``number`` says on which list each row stands, ascending by Monday; ``order`` holds the rows that may
    stand on one, the first to be called first.
    """

    def __init__(
        self, matrix: Matrix, mondays: Mondays, number: NDArray[np.integer], order: NDArray[np.integer]
    ) -> None:
        self.order = order[np.argsort(number[order], kind="stable")].astype(np.int32)
        lists = number[self.order]
        self.begins = np.flatnonzero(np.append(True, lists[1:] != lists[:-1])[: len(lists)])
        self._left = np.flatnonzero(matrix.attrited[self.order])
        self._of_left = np.searchsorted(self.begins, self._left, side="right") - 1
        self._lost, monday = matrix.lost[self.order[self._left]], mondays.of_row[self.order[self.begins]]
        self._bounds, self._bounds_left = mondays.bounds(monday), mondays.bounds(monday[self._of_left])

    def filled(self, times: Times, *lengths: NDArray[Any]) -> list[Totals]:
        """Per Monday what stands on the lists of a draw, for each of the ``lengths`` (an entry per list)."""
        copies = times.take(self.order)
        through = np.cumsum(copies, dtype=np.int32)
        before = through[self.begins] - copies[self.begins]
        size = np.diff(np.append(before, through[-1:]))
        mine = copies[self._left]
        ahead = through[self._left] - mine - before[self._of_left]
        on_lists = list[Totals]()
        for length in lengths:
            caught = np.clip(length[self._of_left] - ahead, 0, mine)
            left, lost = (sums(each, self._bounds_left) for each in (caught, caught * self._lost))
            on_lists.append(Totals(sums(np.minimum(length, size), self._bounds), left, lost))
        return on_lists


class Ranking:
    """``ranking`` of models/metrics.py, for draws."""

    def __init__(self, matrix: Matrix, mondays: Mondays, scores: Floats) -> None:
        self._order = best_first(scores).astype(np.int32)
        ranked = np.where(np.isnan(scores), -np.inf, scores)[self._order]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        self._left = np.flatnonzero(matrix.attrited[self._order])
        tied, self._tie = np.unique(np.searchsorted(ends, self._left), return_inverse=True)
        self._ends, self._begins = ends[tied], np.append(0, ends + 1)[tied]
        self._lists = Lists(matrix, mondays, mondays.of_row, self._order)

    def figures(self, times: Times, whole: Totals) -> Metrics:
        rows, attrited, lost = (float(each.sum()) for each in whole)
        # 0.07 × 100 is 7.000000000000001 in floats; the small step back keeps that 7.
        lengths = [np.ceil(share * whole.rows - 1e-9) for share in (0.05, 0.10)]
        five, ten = self._lists.filled(times, *lengths)
        return {
            "rows": rows,
            "attrited": attrited,
            "attrition_rate": attrited / rows,
            **self._areas(times),
            "lift_at_5": float(five.attrited.sum() / five.rows.sum() * rows / attrited),
            "lift_at_10": float(ten.attrited.sum() / ten.rows.sum() * rows / attrited),
            "recall_at_5": float(five.attrited.sum() / attrited),
            "recall_at_10": float(ten.attrited.sum() / attrited),
            "aum_caught_at_10": float(ten.lost.sum() / lost) if lost else 0.0,
        }

    def _areas(self, times: Times) -> Metrics:
        """At the scores that somebody who left has; the other rows only stand between them."""
        copies = times.take(self._order)
        through = np.cumsum(copies, dtype=np.int32)
        called, before = through[self._ends], through[self._begins] - copies[self._begins]
        hit = np.bincount(self._tie, copies[self._left])
        hits = np.cumsum(hit)
        attrited, stayed = hits[-1], through[-1] - hits[-1]
        wrong = (called - hits + before - (hits - hit)) / 2
        precision = hits / np.maximum(called, 1)
        return {
            "auroc": float((hit * (stayed - wrong)).sum() / (attrited * stayed)),
            "average_precision": float((hit * precision).sum() / attrited),
        }


class Tenths:
    """Rows by ascending value, in tenths of the rows of a draw."""

    def __init__(self, values: Floats, *columns: NDArray[np.generic]) -> None:
        self._order = np.argsort(values, kind="stable").astype(np.int32)
        self._columns = [column[self._order].astype(np.float64) for column in columns]

    def sums(self, times: Times) -> list[Floats]:
        """Of each column the sum over each tenth."""
        copies = times.take(self._order)
        through = np.cumsum(copies, dtype=np.int32)
        each, more = divmod(int(through[-1]), BINS)
        ends = np.cumsum(each + (np.arange(BINS) < more))
        places = np.searchsorted(through, ends)  # the row whose copies the end may cut
        within = ends - through[places] + copies[places]
        weights, bounds = copies.astype(np.float64), np.append(0, places)
        return [
            np.diff(
                np.cumsum([weights[a:b] @ column[a:b] for a, b in zip(bounds, places, strict=False)])
                + within * column[places],
                prepend=0.0,
            )
            for column in self._columns
        ]


class Slope:
    """``calibration_slope`` of models/metrics.py, for draws: Newton's steps from the line of all rows."""

    def __init__(self, attrited: NDArray[np.int8], risk: Floats) -> None:
        self._odds, self._attrited = np.log(risk) - np.log1p(-risk), attrited
        self._line = fit_line(self._odds, attrited)

    def of(self, times: Times) -> float:
        slope, offset = self._line
        for _ in range(_STEPS):
            gap, gap_odds, spread, spread_odds, spread_squared = self._sums(times, slope, offset)
            gap_odds, spread_squared = gap_odds + _PENALTY * slope, spread_squared + _PENALTY
            area = spread * spread_squared - spread_odds**2
            if not area > 0:
                break
            step = (spread * gap_odds - spread_odds * gap) / area
            shift = (spread_squared * gap - spread_odds * gap_odds) / area
            slope, offset = slope - step, offset - shift
            if max(abs(step), abs(shift)) < _NEAR:
                return float(slope)
        drawn = np.repeat(np.arange(len(times)), times)
        return fit_line(self._odds[drawn], self._attrited[drawn])[0]

    def _sums(self, times: Times, slope: float, offset: float) -> Floats:
        """Both derivatives of the log-likelihood less the penalty, the first by offset and slope, the second
        by both: Σ (p − y), Σ (p − y) x, Σ p (1 − p), Σ p (1 − p) x, Σ p (1 − p) x²."""
        total = np.zeros(5)
        for start in range(0, len(times), _BLOCK):
            block = slice(start, start + _BLOCK)
            odds, weights = self._odds[block], times[block]
            with np.errstate(over="ignore"):
                predicted = 1 / (1 + np.exp(-slope * odds - offset))
            gap, spread = (predicted - self._attrited[block]) * weights, predicted * (1 - predicted) * weights
            spread_odds = spread * odds
            total += gap.sum(), gap @ odds, spread.sum(), spread_odds.sum(), spread_odds @ odds
        return total
