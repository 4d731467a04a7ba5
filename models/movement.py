"""Where customers stand a quarter on: probabilities of each state, expected counts and money with intervals.

Boosted trees (a multiclass softmax) give the state at the end of a quarter from what was known at its start.
Log-odds added by state at the start, found by iterative scaling (Deming and Stephan 1940), then make the
trees expect in each cell of the matrix as many customers as there were, over the quarters fitted on.

Customers of one bank share markets and seasons, so quarters differ by more than chance. In each row of the
matrix normal shocks of variance ``spread`` move the log-odds of a quarter. With C = Σ (diag(p) − p pᵀ), the
covariance of a row's counts by chance alone, a shock u moves them by C u, so that they vary by C + spread ·
C Cᵀ. The spread is a moment estimate like that of DerSimonian and Laird (1986): of k quarters the mean of
Σ rᵀC⁻¹r is (Σ df + spread · Σ tr C) (1 − 1/k), where r is observed less expected. The quarter ahead is
predicted with the mean of k quarters, which is uncertain too: hence a factor 1 + 1/k of its variance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

MOST = 60_000  # rows fitted on, evenly spread: more gain little and take long
Z = 1.959964  # two-sided 95%
LEAST_EXPECTED = 5.0  # customers; cells that expect fewer are joined for a χ² (Cochran 1954)
_ROUNDS = 80
_TREES = {
    "objective": "multiclass",
    "num_leaves": 7,
    "learning_rate": 0.1,
    "min_data_in_leaf": 100,
    "num_threads": 1,  # so small a fit gains nothing by more, and waits for them where cores are busy
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_SCALINGS = 50
_TINY = 1e-6  # added to variances, so that trees that are sure of everything are refuted, too

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Quarter:
    """One row per customer present at the start: features (NaN = unknown), states at the start and the end.

    States at the start are 0 … n − 1; at the end n is one more, that of who left. ``group`` is the code of a
    group, such as a branch, that is expected by itself too.
    """

    features: Floats
    start: Codes
    end: Codes
    group: Codes


@dataclass(frozen=True)
class Cells:
    """Of rows × ends: ``mean``, what is expected; ``chance``, its covariance by chance alone (rows × ends ×
    ends); ``slope``, by how much a unit of log-odds of one end moves another (rows × ends × ends)."""

    mean: Floats
    chance: Floats
    slope: Floats

    def covariance(self, spread: float, quarters: int) -> Floats:
        """Rows × ends × ends: of the quarter ahead, with the shocks that its customers share."""
        shared = self.slope @ self.slope.transpose(0, 2, 1)
        return (1 + 1 / quarters) * (self.chance + spread * shared)

    def interval(self, spread: float, quarters: int) -> tuple[Floats, Floats]:
        """Rows × ends: the bounds of 95%, by the normal distribution; never below 0."""
        variance = np.diagonal(self.covariance(spread, quarters), axis1=1, axis2=2)
        width = Z * np.sqrt(np.maximum(variance, 0))
        return np.maximum(self.mean - width, 0), self.mean + width


@dataclass(frozen=True)
class Movement:
    """A fitted model. ``log_odds`` are states × ends, in log-odds; ``quarters`` is how many it was fitted on.

    ``spread`` is the variance of a quarter's log-odds over all customers, ``group_spread`` within a group,
    which is no smaller: a group shares what all share.
    Of one quarter neither can be known: both are 0 then, and intervals hold chance alone.
    """

    trees: lgb.Booster
    log_odds: Floats
    quarters: int
    spread: float = 0.0
    group_spread: float = 0.0

    def probabilities(self, features: Floats, start: Codes) -> Floats:
        """Rows × ends: of each state a quarter on, of leaving last. A row sums to 1."""
        return _shifted(np.asarray(self.trees.predict(features)), self.log_odds[start])


@dataclass(frozen=True)
class Agreement:
    """χ² of one row of a matrix against its expectation: the statistic, its degrees of freedom, and p."""

    row: int
    statistic: float
    degrees: int

    @property
    def p(self) -> float:
        """The probability of a statistic as large or larger where the expectation is right."""
        return float(chi2.sf(self.statistic, self.degrees))


def fit_movement(quarters: Sequence[Quarter], states: int, seed: int) -> Movement:
    """The model of one or more quarters that have ended. Equal rows give an equal model."""
    features, start, end, group = (
        np.concatenate([getattr(quarter, name) for quarter in quarters])
        for name in ("features", "start", "end", "group")
    )
    number = np.repeat(np.arange(len(quarters)), [len(quarter.start) for quarter in quarters])
    chosen = np.arange(min(len(start), MOST)) * len(start) // min(len(start), MOST)
    params = _TREES | {"num_class": states + 1, "seed": seed}
    trees = lgb.train(params, lgb.Dataset(features[chosen], end[chosen]), _ROUNDS)
    raw = np.asarray(trees.predict(features))
    log_odds = _log_odds(raw, start, end, states)
    fitted = _shifted(raw, log_odds[start])
    spread = _spread(fitted, number * states + start, end, states)
    groups = int(group.max()) + 1
    group_spread = _spread(fitted, (number * groups + group) * states + start, end, states)
    if len(quarters) < 2:
        return Movement(trees, log_odds, len(quarters))
    return Movement(trees, log_odds, len(quarters), spread, max(spread, group_spread))


def expected_cells(probabilities: Floats, row: Codes, rows: int, weight: Floats | None = None) -> Cells:
    """What is expected in each row of one or more matrices; in money where ``weight`` is each customer's."""
    ends = probabilities.shape[1]
    weight = np.ones(len(row)) if weight is None else weight
    mean = _summed(probabilities * weight[:, None], row, rows)
    slope, chance = np.zeros((rows, ends, ends)), np.zeros((rows, ends, ends))
    for end in range(ends):
        product = probabilities * -probabilities[:, [end]]
        product[:, end] += probabilities[:, end]
        slope[:, end] = _summed(product * weight[:, None], row, rows)
        chance[:, end] = _summed(product * weight[:, None] ** 2, row, rows)
    return Cells(mean, chance, slope)


def agreement(cells: Cells, observed: Floats, spread: float, quarters: int) -> Iterator[Agreement]:
    """χ² of each row of counts (rows × ends) that came, where the row has enough customers.

    Where too few are expected to move at all, the variance counts as 1 at least: a single one proves nothing.
    """
    covariance = cells.covariance(spread, quarters)
    for row, join in _joined(cells.mean):
        if cells.mean[row].sum() < LEAST_EXPECTED:
            continue
        residual = (join @ (observed[row] - cells.mean[row]))[1:]
        within = (join @ covariance[row] @ join.T)[1:, 1:] + _TINY * np.eye(len(residual))
        if (join @ cells.mean[row])[0] < LEAST_EXPECTED:
            within = np.maximum(within, 1.0)
        yield Agreement(row, float(residual @ np.linalg.solve(within, residual)), len(residual))


def log_loss(probabilities: Floats, end: Codes) -> float:
    """The mean of −log of the probability of what came, each at least one in a million."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(end)), end], 1e-6)).mean())


def counts_by_cell(row: Codes, end: Codes, rows: int, ends: int) -> Floats:
    """Rows × ends: how many customers came from each row to each end."""
    return np.bincount(row * ends + end, minlength=rows * ends).reshape(rows, ends).astype(np.float64)


def _shifted(probabilities: Floats, log_odds: Floats) -> Floats:
    moved = probabilities * np.exp(log_odds)
    return moved / moved.sum(axis=1, keepdims=True)


def _log_odds(probabilities: Floats, start: Codes, end: Codes, states: int) -> Floats:
    """States × ends; one customer more per row, spread as the trees expect, keeps an empty cell possible."""
    log_odds = np.zeros((states, probabilities.shape[1]))
    expected = _summed(probabilities, start, states)
    customers = np.maximum(expected.sum(axis=1, keepdims=True), 1)
    target = counts_by_cell(start, end, *log_odds.shape) + expected / customers
    target *= customers / (customers + 1)
    for _ in range(_SCALINGS):
        reached = np.where(target > 0, expected, 1)
        log_odds += np.log(np.where(target > 0, target, 1) / reached)
        expected = _summed(_shifted(probabilities, log_odds[start]), start, states)
    return log_odds


def _spread(fitted: Floats, unit: Codes, end: Codes, states: int) -> float:
    """The variance of shared shocks over units, each a row of the matrix of one quarter (or group in it)."""
    units = (int(unit.max()) // states + 1) * states
    cells = expected_cells(fitted, unit, units)
    observed = counts_by_cell(unit, end, units, fitted.shape[1])
    number, statistic = np.zeros(states), np.zeros(states)
    degrees, moved = 0.0, 0.0
    for row, join in _joined(cells.mean):
        if (join @ cells.mean[row])[0] < LEAST_EXPECTED:
            continue
        residual = (join @ (observed[row] - cells.mean[row]))[1:]
        inverse = np.linalg.inv((join @ cells.chance[row] @ join.T)[1:, 1:] + _TINY * np.eye(len(residual)))
        shared = join @ cells.slope[row] @ cells.slope[row].T @ join.T
        statistic[row % states] += float(residual @ inverse @ residual)
        number[row % states] += 1
        degrees += len(residual)
        moved += float(np.trace(inverse @ shared[1:, 1:]))
    corrected = statistic * number / np.maximum(number - 1, 1)
    return max(0.0, (float(corrected.sum()) - degrees) / moved) if moved else 0.0


def _joined(mean: Floats) -> Iterator[tuple[int, Floats]]:
    """Per row a 0/1 array that joins the cells that expect too few customers, at most all but the largest."""
    for row, expected in enumerate(mean):
        order = np.argsort(expected, kind="stable")
        before = np.cumsum(expected[order])
        merged = max(int(np.searchsorted(before, LEAST_EXPECTED)) + 1, int((expected < LEAST_EXPECTED).sum()))
        merged = min(merged, len(expected) - 1)
        joined = np.zeros((len(expected) - merged + 1, len(expected)))
        joined[0, order[:merged]] = 1
        joined[np.arange(1, len(joined)), order[merged:]] = 1
        yield row, joined


def _summed(values: Floats, row: Codes, rows: int) -> Floats:
    """Rows × columns: the sums of each column over the customers of a row."""
    return np.stack([np.bincount(row, column, minlength=rows) for column in values.T], axis=1)
