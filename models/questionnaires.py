"""Reliability and factors of a questionnaire: matrices of answers in, figures out.

Answers are (respondent × item), NaN where an item was left out; items that ask the other way round are turned
by the caller. Figures are of complete rows unless said otherwise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.decomposition import FactorAnalysis

Floats = NDArray[np.float64]
LOADS = 0.3  # a loading below it is no sign of a factor (Hair et al. 2010, from 350 respondents on)


@dataclass(frozen=True)
class Reliability:
    """Cronbach's α of a scale with its interval, and per item what it adds.

    ``item_total`` is the correlation with the sum of the other items, ``without`` α if the item is dropped
    (NaN for a scale of two).
    """

    cronbach_alpha: float
    low: float
    high: float
    respondents: int
    item_total: Floats
    without: Floats


@dataclass(frozen=True)
class Adequacy:
    """How fit answers are for factor analysis: KMO in [0, 1], and Bartlett's χ² with degrees of freedom."""

    respondents: int
    kmo: float
    kmo_of_pairs: float
    chi2: float
    degrees: int
    p: float


def reliability(answers: Floats, confidence: float = 0.95) -> Reliability:
    """Reliability of one scale of two items or more.

    α is Cronbach's (1951, Psychometrika 16); its interval is Feldt's (1965, Psychometrika 30), exact where
    answers are normal and items parallel. Everything is NaN with fewer than three complete rows, or where all
    sums are the same.
    """
    complete = answers[~np.isnan(answers).any(axis=1)]
    rows, items = complete.shape
    nothing = np.full(items, np.nan)
    if rows < 3 or items < 2:
        return Reliability(np.nan, np.nan, np.nan, rows, nothing, nothing)
    covariance = np.cov(complete, rowvar=False)
    alpha = _alpha(covariance)
    tail = (1 - confidence) / 2
    bounds = stats.f.ppf([1 - tail, tail], rows - 1, (rows - 1) * (items - 1))
    low, high = 1 - (1 - alpha) * bounds
    others = covariance.sum(axis=1) - np.diag(covariance)
    rest = covariance.sum() - 2 * others - np.diag(covariance)
    with np.errstate(invalid="ignore", divide="ignore"):
        item_total = others / np.sqrt(np.diag(covariance) * rest)
    without = nothing.copy()
    if items > 2:
        keep = ~np.eye(items, dtype=bool)
        without = np.array([_alpha(covariance[np.ix_(kept, kept)]) for kept in keep])
    return Reliability(alpha, float(low), float(high), rows, item_total, without)


def against(answers: Floats) -> NDArray[np.bool_]:
    """Per item whether it runs against most others, as one does that asks the other way round.

    Its sign on the first principal axis of the correlations is the rarer one. Items must be about one thing.
    """
    axis: Floats = np.linalg.eigh(correlation(answers))[1][:, -1]
    flags: NDArray[np.bool_] = axis * axis.sum() < 0
    return flags


def adequacy(answers: Floats) -> Adequacy:
    """Kaiser's (1974, Psychometrika 39) sampling adequacy and Bartlett's (1951) test of sphericity.

    KMO compares correlations with partial correlations; Bartlett's χ² = −(n − 1 − (2p + 5) / 6) ln|R|.
    ``kmo_of_pairs`` is by correlations of all rows that have both items.
    """
    complete = answers[~np.isnan(answers).any(axis=1)]
    rows, items = complete.shape
    matrix = correlation(complete)
    sign, logarithm = np.linalg.slogdet(matrix)
    chi2 = -(rows - 1 - (2 * items + 5) / 6) * logarithm if sign > 0 else np.nan
    degrees = items * (items - 1) // 2
    pairwise = correlation(answers)
    return Adequacy(
        rows, _kmo(matrix), _kmo(pairwise), float(chi2), degrees, float(stats.chi2.sf(chi2, degrees))
    )


def correlation(answers: Floats) -> Floats:
    """(item × item) correlations, each of the rows that have both items."""
    if not np.isnan(answers).any():
        return np.asarray(np.corrcoef(answers, rowvar=False))
    present = (~np.isnan(answers)).astype(np.float64)
    filled = np.nan_to_num(answers - np.nanmean(answers, axis=0))
    n, products = present.T @ present, filled.T @ filled
    sums, squares = filled.T @ present, (filled**2).T @ present
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = products - sums * sums.T / n
        spread = squares - sums**2 / n
        correlations: Floats = covariance / np.sqrt(spread * spread.T)
    return correlations


def factors_suggested(answers: Floats, seed: int, draws: int = 200, quantile: float = 0.95) -> int:
    """The number of factors by Horn's (1965, Psychometrika 30) parallel analysis.

    Eigenvalues of the correlations count as long as each exceeds that of normal answers without any factor,
    at the ``quantile`` of the draws (Glorfeld 1995). Those are drawn as covariances, by Bartlett's (1933)
    decomposition of a Wishart matrix, so that the time does not grow with the respondents.
    """
    complete = answers[~np.isnan(answers).any(axis=1)]
    rows, items = complete.shape
    rng = np.random.default_rng(seed)
    lower = np.tril(rng.standard_normal((draws, items, items)), -1)
    diagonal = np.arange(items)
    lower[:, diagonal, diagonal] = np.sqrt(rng.chisquare(rows - 1 - diagonal, (draws, items)))
    wishart = lower @ lower.transpose(0, 2, 1)
    spread = np.sqrt(wishart[:, diagonal, diagonal])
    chance = np.linalg.eigvalsh(wishart / (spread[:, :, None] * spread[:, None, :]))
    exceeds = np.linalg.eigvalsh(np.corrcoef(complete, rowvar=False)) > np.quantile(chance, quantile, axis=0)
    return int(np.argmin([*exceeds[::-1], False]))


def loadings(answers: Floats, factors: int) -> Floats:
    """(item × factor) loadings by maximum likelihood, after Kaiser's (1958) varimax rotation.

    Each factor is turned so that its loadings add up to more than 0, and factors are ordered by the variance
    that they explain.
    """
    complete = answers[~np.isnan(answers).any(axis=1)]
    values, vectors = np.linalg.eigh(correlation(complete))
    # Few rows with the same correlations: the time does not grow with the respondents.
    root = vectors * np.sqrt(np.maximum(values, 0) * len(values))
    analysis = FactorAnalysis(factors, rotation="varimax", svd_method="lapack", tol=1e-4)
    rotated: Floats = analysis.fit(np.concatenate([root.T, -root.T])).components_.T
    rotated *= np.where(rotated.sum(axis=0) < 0, -1.0, 1.0)
    return rotated[:, np.argsort(-(rotated**2).sum(axis=0), kind="stable")]


def groups_of(rotated: Floats) -> NDArray[np.int64]:
    """Per item the factor that it loads most on; −1 where no loading reaches LOADS."""
    largest = np.abs(rotated).argmax(axis=1)
    return np.where(np.abs(rotated).max(axis=1) >= LOADS, largest, -1)


def most_factors(items: int) -> int:
    """The most factors that so many items tell apart: no degree of freedom below 0 (Lawley, Maxwell 1971)."""
    return max((count for count in range(items) if (items - count) ** 2 >= items + count), default=0)


def _alpha(covariance: Floats) -> float:
    items, total = len(covariance), covariance.sum()
    return float(items / (items - 1) * (1 - np.trace(covariance) / total)) if total > 0 else np.nan


def _kmo(matrix: Floats) -> float:
    inverse = np.linalg.pinv(matrix)
    partial = inverse / np.sqrt(np.outer(np.diag(inverse), np.diag(inverse)))
    off = ~np.eye(len(matrix), dtype=bool)
    whole, unexplained = (matrix[off] ** 2).sum(), (partial[off] ** 2).sum()
    return float(whole / (whole + unexplained)) if whole + unexplained > 0 else np.nan
