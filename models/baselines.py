"""Scores to compare a model with: two rules, and the logistic regression of an afternoon."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models.matrix import Matrix, chunks

MOST = 200_000  # rows fitted on, evenly spread: more move no coefficient much and do not fit into memory
_STRENGTH = 0.01  # C of scikit-learn: windows of one measure nearly repeat each other and need a firm hand
_FAR = 5.0  # standard deviations beyond which a value counts as this far: money has very long tails


# What a bank can do without a model: rank by the money already gone, or by silence. Higher = riskier.
RULES = {"largest_drop": ("aum_change_13w", -1), "longest_silence": ("days_since_booking", +1)}


def rules(rows: Matrix) -> dict[str, NDArray[np.float64]]:
    """Per rule one score per row, higher = riskier."""
    return {name: sign * rows.column(feature) for name, (feature, sign) in RULES.items()}


@dataclass(frozen=True)
class Logistic:
    """Coefficients on standardised columns; ``middle`` stands for an unknown value."""

    middle: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    weight: NDArray[np.float64]

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Per row the log-odds but for a constant; higher = riskier."""
        scores = np.empty(len(features))
        for chunk in chunks(features):
            scores[chunk] = self.standardised(features[chunk]) @ self.weight
        return scores

    def standardised(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows × columns in standard deviations from the mean, never further than ``_FAR``."""
        filled = np.where(np.isnan(features), self.middle, features)
        return np.clip((filled - self.mean) / self.spread, -_FAR, _FAR)


def fit_logistic(train: Matrix) -> Logistic:
    """The regression of attrition within the whole outcome window on every column; equal on any number of
    threads.

    Of more than ``MOST`` rows so many are taken, evenly spread over Mondays and customers.
    """
    if len(train) > MOST:
        chosen = np.zeros(len(train), dtype=np.bool_)
        chosen[np.arange(MOST) * len(train) // MOST] = True
        train = train.where(chosen)
    unknown = np.isnan(train.features).all(axis=0)
    middle = np.zeros(train.features.shape[1])
    middle[~unknown] = np.nanmedian(train.features[:, ~unknown], axis=0)
    filled = np.where(np.isnan(train.features), middle, train.features)
    spread = filled.std(axis=0)
    flat = Logistic(middle, filled.mean(axis=0), np.where(spread > 0, spread, 1.0), np.zeros(len(middle)))
    with threadpool_limits(limits=1):
        line = LogisticRegression(C=_STRENGTH, solver="newton-cholesky")
        line.fit(flat.standardised(train.features), train.attrited)
    return Logistic(flat.middle, flat.mean, flat.spread, np.asarray(line.coef_[0], dtype=np.float64))
