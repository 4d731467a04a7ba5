"""Scores to compare a model with: three rules, and the logistic regression of an afternoon."""

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from configs.settings import SILENCE
from models.matrix import Matrix, chunks

MOST = 200_000  # rows fitted on, evenly spread: more move no coefficient much and do not fit into memory
_STRENGTH = 0.01  # C of scikit-learn: windows of one measure nearly repeat each other and need a firm hand
_FAR = 5.0  # standard deviations beyond which a value counts as this far: money has very long tails


# What a bank can do without a model: rank by the money already gone, or by silence, as it is or beside each
# customer's own rhythm (models/alive.py). Higher = riskier.
RULES = {
    "largest_drop": ("aum_change_13w", -1),
    "longest_silence": ("days_since_booking", +1),
    "unusual_silence": (SILENCE, +1),
}


def rules(rows: Matrix) -> dict[str, NDArray[np.float64]]:
    """Per rule whose column ``rows`` have one score per row, higher = riskier."""
    return {
        name: sign * rows.column(feature)
        for name, (feature, sign) in RULES.items()
        if feature in rows.columns
    }


def fit_logistic(train: Matrix) -> Pipeline:
    """A regression of attrition within the whole outcome window on every column.

    Equal on any number of threads. Of more than ``MOST`` rows so many are taken, evenly spread over Mondays
    and customers. Columns are in standard deviations from the mean, never further than ``_FAR``; the median
    stands for an unknown value.
    """
    if len(train) > MOST:
        chosen = np.zeros(len(train), dtype=np.bool_)
        chosen[np.arange(MOST) * len(train) // MOST] = True
        train = train.where(chosen)
    line = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -_FAR, "a_max": _FAR}),
        LogisticRegression(C=_STRENGTH, solver="newton-cholesky"),
    )
    with threadpool_limits(limits=1):
        return line.fit(train.features, train.attrited)


def logistic_scores(line: Pipeline, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per row the log-odds; higher = riskier."""
    scores = np.empty(len(features))
    for chunk in chunks(features):
        scores[chunk] = line.decision_function(features[chunk])
    return scores
