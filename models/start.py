"""The line that trees begin with: the log-odds of going that the probability of silence alone tells.

Trees need hundreds of rounds to find a smooth function of one column, and meanwhile learn noise from all
others. What is known beforehand they are given, and correct what is left: nothing where customers follow the
process behind that probability.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Numbers = NDArray[np.float64]

MOST = 200_000  # customer-periods fitted on: more move no coefficient much and do not fit into memory
_WEAK = 1_000.0  # C of scikit-learn: so that a period in which nobody goes has an end
_FURTHEST = 1e-6  # from 0 and 1, as far as probabilities are told apart


@dataclass(frozen=True)
class Known:
    """One entry per customer-period: the probability of silence, the period's place, and who goes in it."""

    silence: Numbers
    period: NDArray[np.intp]
    gone: NDArray[np.int8]


@dataclass(frozen=True)
class Start:
    """Log-odds of going in each period: ``slope`` × (log-odds of silence − ``mean``) + the period's offset.

    ``mean`` is that of training; an unknown probability counts as it. More silence never means less risk.
    """

    slope: float
    mean: float
    offsets: tuple[float, ...]

    @classmethod
    def of(cls, written: Mapping[str, Any] | None) -> "Start | None":
        """The line as ``asdict`` or JSON has it; None for none."""
        return cls(written["slope"], written["mean"], tuple(written["offsets"])) if written else None

    def of_silence(self, silence: Numbers) -> Numbers:
        """The part of each row that the column adds in every period."""
        return self.slope * np.nan_to_num(_log_odds(silence) - self.mean)

    def log_odds(self, rows: Known) -> Numbers:
        """One entry per customer-period."""
        return self.of_silence(rows.silence) + np.array(self.offsets)[rows.period]


def fit_start(train: Known, tune: Known, periods: int, log_kept: float, seed: int) -> Start | None:
    """A logistic regression on the log-odds of silence and on each period, over the rows of ``train``.

    None where it tells no more than the periods alone do: by ``tune``, whose odds are those of ``train`` with
    all negatives (``log_kept`` of them were kept), or because more silence meant less risk.
    """
    if np.isnan(train.silence).all():
        return None
    if len(train.gone) > MOST:
        chosen = np.random.default_rng(seed).choice(len(train.gone), MOST, replace=False)
        train = Known(train.silence[chosen], train.period[chosen], train.gone[chosen])
    log_odds = _log_odds(train.silence)
    mean, of_period = float(np.nanmean(log_odds)), np.eye(periods)[train.period]
    columns = np.column_stack([np.nan_to_num(log_odds - mean), of_period])
    slope, *offsets = _coefficients(columns, train.gone)
    start, without = (
        Start(slope, mean, tuple(offsets)),
        Start(0.0, mean, tuple(_coefficients(of_period, train.gone))),
    )
    if slope > 0 and _loss(start, tune, log_kept) < _loss(without, tune, log_kept):
        return start
    return None


def _coefficients(columns: Numbers, gone: NDArray[np.int8]) -> list[float]:
    """Of the regression; equal on any number of threads."""
    with threadpool_limits(limits=1):
        line = LogisticRegression(C=_WEAK, solver="newton-cholesky", fit_intercept=False, tol=1e-10)
        return [float(each) for each in line.fit(columns, gone).coef_[0]]


def _loss(start: Start, rows: Known, log_kept: float) -> float:
    """The mean log loss."""
    score = start.log_odds(rows) + log_kept
    return float(np.logaddexp(0, np.where(rows.gone == 1, -score, score)).mean())


def _log_odds(probability: Numbers) -> Numbers:
    inside = np.clip(probability, _FURTHEST, 1 - _FURTHEST)
    return np.log(inside) - np.log1p(-inside)
