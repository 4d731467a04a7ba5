"""Weights that make those who answered resemble all who could have, and figures by such weights."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
LARGEST = 5.0  # times the mean weight; a rare answer must not speak for a crowd (Battaglia et al. 2009)
_ROUNDS = 100
_CLOSE = 1e-6


class Mean(NamedTuple):
    """A weighted mean with its interval of 95% and its standard error."""

    mean: float
    low: float
    high: float
    error: float


def raked(categories: Sequence[NDArray[np.int64]], targets: Sequence[Floats]) -> Floats:
    """One weight per row, of mean 1 and at most LARGEST, by which each margin matches its targets.

    Of each margin ``categories`` has a row's category and ``targets`` by category the number or share of all.
    Iterative proportional fitting (Deming, Stephan 1940), cut off at LARGEST after each round; a category
    that no row has is left out, and its share goes to the others of its margin.
    """
    rows = len(categories[0])
    weights = np.ones(rows)
    wanted = []
    for category, target in zip(categories, targets, strict=True):
        present = np.where(np.bincount(category, minlength=len(target)) > 0, target, 0.0)
        wanted.append(present * (rows / max(present.sum(), _CLOSE)))
    for _ in range(_ROUNDS):
        before = weights
        for category, aim in zip(categories, wanted, strict=True):
            have = np.bincount(category, weights, len(aim))
            weights = weights * np.divide(aim, have, out=np.ones_like(aim), where=have > 0)[category]
        weights = _cut_off(weights * (rows / weights.sum()))
        if np.abs(weights - before).max() < _CLOSE:
            break
    return weights


def _cut_off(weights: Floats) -> Floats:
    """None above LARGEST; what is cut off goes to the others, in proportion."""
    large = weights >= LARGEST
    rest = weights[~large].sum()
    factor = (len(weights) - LARGEST * large.sum()) / rest if rest > 0 else 1.0
    return np.where(large, LARGEST, weights * factor)


def effective_n(weights: Floats) -> float:
    """The number of equal weights that would give means as precise (Kish 1965): (Σw)² / Σw²."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def weighted_mean(
    values: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]], customers: NDArray[np.int64]
) -> Mean:
    """The mean over rows that have a value; ``customers`` numbers whose row it is, for one may have several.

    The error is linearised and by customer: √Σ(Σ w (x − m))² / Σw, the inner sum over a customer's rows
    (Binder 1983, International Statistical Review 51).
    """
    has = ~np.isnan(values)
    value, weight = values[has], weights[has]
    rows_of = np.bincount(customers[has])
    count = int((rows_of > 0).sum())
    if count < 2 or weight.sum() <= 0:
        return Mean(np.nan, np.nan, np.nan, np.nan)
    mean = float(np.average(value, weights=weight))
    moved = np.bincount(customers[has], weight * (value - mean))
    error = float(np.sqrt((moved**2).sum() * count / (count - 1)) / weight.sum())
    half = float(stats.t.ppf(0.975, count - 1)) * error
    return Mean(mean, mean - half, mean + half, error)


def holm(p: Floats) -> Floats:
    """Probabilities of error over all comparisons together (Holm 1979); NaN is no comparison."""
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = np.maximum.accumulate(p[order] * (len(order) - np.arange(len(order))))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
