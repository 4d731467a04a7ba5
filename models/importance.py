"""Relative importance of predictors that go together: shares of R² with intervals, by weighted rows."""

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_EXACT = 8  # predictors whose subsets are all looked at; beyond, Johnson's relative weights
DRAWS = 500  # of the bootstrap and of the permutations
_CHUNK = 50  # draws at once; bounds the memory of many rows
_TINY = 1e-9


@dataclass(frozen=True)
class Importance:
    """What each predictor explains of an outcome; intervals hold 95%.

    ``shares`` of ``r2`` add up to 1. ``slopes`` are changes of the outcome, in its own unit, per standard
    deviation of one predictor with the others held. ``p`` is the probability of such an ``r2`` where the
    outcome has nothing to do with any predictor.
    """

    rows: int
    r2: float
    p: float
    shares: Floats
    low: Floats
    high: Floats
    slopes: Floats
    slope_low: Floats
    slope_high: Floats


def importance(predictors: Floats, outcome: Floats, weights: Floats, seed: int) -> Importance:
    """Importance of each column of ``predictors`` (row × predictor) for ``outcome``; one row per customer.

    The share is the Shapley value of R², averaged over all orders in which predictors can enter a linear
    regression (Lindeman, Merenda, Gold 1980; Grömping 2007, The American Statistician 61); of more than
    MOST_EXACT predictors it is Johnson's (2000, Multivariate Behavioral Research 35) relative weight. An
    outcome of 0 and 1 makes it a linear probability model. Intervals are percentiles of a bootstrap of rows,
    ``p`` of permutations of the outcome; both are drawn from ``seed``. Rows must be complete.
    """
    rng = np.random.default_rng(seed)
    columns = np.column_stack([predictors, outcome])
    columns = columns - np.average(columns, axis=0, weights=weights)
    whole = _moments(columns, weights[None])
    parts, slopes = _explained(whole), _slopes(whole)
    moments = [
        _moments(columns, weights * rng.poisson(1.0, (size, len(outcome))))
        for size in [_CHUNK] * (DRAWS // _CHUNK)
    ]
    again = np.concatenate(moments)
    parts_again, slopes_again = _explained(again), _slopes(again)
    low, high = np.quantile(_shares(parts_again), (0.025, 0.975), axis=0)
    slope_low, slope_high = np.quantile(slopes_again, (0.025, 0.975), axis=0)
    r2 = float(parts.sum())
    return Importance(
        len(outcome), r2, _chance(columns, weights, r2, rng), _shares(parts)[0], low, high, slopes[0],
        slope_low, slope_high,
    )  # fmt: skip


def _moments(columns: Floats, weights: Floats) -> Floats:
    """(draw, column, column) covariances by the weights of each draw (draw × row)."""
    count = columns.shape[1]
    first, second = np.triu_indices(count)
    total = np.maximum(weights.sum(axis=1), _TINY)[:, None]
    means = weights @ columns / total
    products = weights @ (columns[:, first] * columns[:, second]) / total
    covariances = np.empty((len(weights), count, count))
    covariances[:, first, second] = products - means[:, first] * means[:, second]
    covariances[:, second, first] = covariances[:, first, second]
    return covariances


def _correlations(covariances: Floats) -> Floats:
    """Correlations; a column that is the same everywhere goes with nothing."""
    spread = np.sqrt(np.maximum(np.diagonal(covariances, axis1=1, axis2=2), 0))
    product = spread[:, :, None] * spread[:, None, :]
    correlations = np.divide(covariances, product, out=np.zeros_like(covariances), where=product > _TINY**2)
    diagonal = np.arange(covariances.shape[1])
    correlations[:, diagonal, diagonal] = 1 + _TINY  # so that twins can be told apart from errors of rounding
    return correlations


def _explained(covariances: Floats) -> Floats:
    """(draw × predictor) parts of R², which add up to it; the outcome is the last column."""
    matrix = _correlations(covariances)
    among, outcome = matrix[:, :-1, :-1], matrix[:, :-1, -1]
    return _johnson(among, outcome) if outcome.shape[1] > MOST_EXACT else _shapley(among, outcome)


def _shapley(among: Floats, outcome: Floats) -> Floats:
    count = outcome.shape[1]
    r2: dict[tuple[int, ...], Floats] = {(): np.zeros(len(outcome))}
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            inner, outer = among[:, chosen][:, :, chosen], outcome[:, chosen]
            r2[chosen] = (np.linalg.solve(inner, outer[:, :, None])[:, :, 0] * outer).sum(axis=1)
    parts = np.zeros_like(outcome)
    for chosen, explained in r2.items():
        for new in set(range(count)) - set(chosen):
            orders = factorial(len(chosen)) * factorial(count - len(chosen) - 1) / factorial(count)
            parts[:, new] += orders * (r2[tuple(sorted((*chosen, new)))] - explained)
    return parts


def _johnson(among: Floats, outcome: Floats) -> Floats:
    values, vectors = np.linalg.eigh(among)
    root = vectors * np.sqrt(np.maximum(values, _TINY))[:, None, :] @ vectors.transpose(0, 2, 1)
    effect: Floats = np.linalg.solve(root, outcome[:, :, None])
    return np.asarray((root**2 @ effect**2)[:, :, 0])


def _shares(parts: Floats) -> Floats:
    parts = np.maximum(parts, 0)
    total = parts.sum(axis=1, keepdims=True)
    return np.divide(parts, total, out=np.full_like(parts, 1 / parts.shape[1]), where=total > _TINY)


def _slopes(covariances: Floats) -> Floats:
    """(draw × predictor) change of the outcome per standard deviation of one predictor, others held."""
    matrix = _correlations(covariances)
    standard = np.linalg.solve(matrix[:, :-1, :-1], matrix[:, :-1, -1][:, :, None])[:, :, 0]
    return np.asarray(standard * np.sqrt(np.maximum(covariances[:, -1, -1], 0))[:, None])


def _chance(columns: Floats, weights: Floats, r2: float, rng: np.random.Generator) -> float:
    """Share of outcomes in random order, the one that came included, that are explained as well or better."""
    predictors, outcome = columns[:, :-1], columns[:, -1]
    total = weights.sum()
    among = predictors.T * weights @ predictors / total + _TINY * np.eye(predictors.shape[1])
    as_good = 1
    for _ in range(DRAWS):
        mixed = rng.permutation(outcome)
        centred = mixed - weights @ mixed / total
        joint = (weights * centred) @ predictors / total
        explained = joint @ np.linalg.solve(among, joint)
        as_good += bool(explained >= r2 * (weights @ centred**2 / total) - _TINY)
    return as_good / (DRAWS + 1)
