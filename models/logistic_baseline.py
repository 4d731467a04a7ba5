"""A logistic regression to compare with: what a bank's analyst would fit in an afternoon."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models.matrix import Matrix, chunks

MOST = 200_000  # rows that are fitted on, evenly spread: more move no coefficient much and do not fit into memory
_STRENGTH = 0.01  # C of scikit-learn: windows of one measure nearly repeat each other and need a firm hand
_FAR = 5.0  # standard deviations beyond which a value counts as this far: money has very long tails


@dataclass(frozen=True)
class Logistic:
    """Coefficients on standardised columns; ``middle`` stands for an unknown value."""

    middle: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    weight: NDArray[np.float64]

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Per row the log-odds but for a constant; higher = riskier."""
        found = [self.standardised(features[chunk]) @ self.weight for chunk in chunks(features)]
        return np.concatenate([np.empty(0), *found])

    def standardised(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows × columns in standard deviations from the mean, never further than ``_FAR``."""
        known = np.where(np.isnan(features), self.middle, features)
        return np.clip((known - self.mean) / self.spread, -_FAR, _FAR)


def fit_logistic(train: Matrix) -> Logistic:
    """Regress attrition within the whole outcome window on every column; the same on any number of threads.

    Of more than ``MOST`` rows so many are taken, evenly spread over Mondays and customers.
    """
    if len(train) > MOST:
        train = train.where(_evenly(len(train), MOST))
    unknown = np.isnan(train.features).all(axis=0)
    middle = np.zeros(train.features.shape[1])
    middle[~unknown] = np.nanmedian(train.features[:, ~unknown], axis=0)
    known = np.where(np.isnan(train.features), middle, train.features)
    spread = known.std(axis=0)
    flat = Logistic(middle, known.mean(axis=0), np.where(spread > 0, spread, 1.0), np.zeros(len(middle)))
    with threadpool_limits(limits=1):
        line = LogisticRegression(C=_STRENGTH, solver="newton-cholesky")
        line.fit(flat.standardised(train.features), train.attrited)
    return Logistic(flat.middle, flat.mean, flat.spread, np.asarray(line.coef_[0], dtype=np.float64))


def _evenly(rows: int, kept: int) -> NDArray[np.bool_]:
    """``kept`` of the rows, as evenly spread as whole numbers allow."""
    chosen = np.zeros(rows, dtype=np.bool_)
    chosen[np.arange(kept) * rows // kept] = True
    return chosen
