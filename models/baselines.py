"""Scores to compare a model with: three rules, and the logistic regression of an afternoon."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from configs.settings import SILENCE
from models.boosting import medians
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
    attrited, features = train.attrited, np.array(train.features) if len(train) <= MOST else None
    if features is None:
        places = np.arange(MOST) * len(train) // MOST
        attrited, features = attrited[places], train.at(places).features
    middle = np.array([value or 0.0 for value in medians(features)[0]])
    line = make_pipeline(  # each step changes the features in place: a copy of them would take gigabytes
        FunctionTransformer(_filled, kw_args={"middle": middle}),
        StandardScaler(copy=False),
        FunctionTransformer(_cut),
        LogisticRegression(C=_STRENGTH, solver="newton-cholesky"),
    )
    with threadpool_limits(limits=1):
        return line.fit(features, attrited)


def _filled(features: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    np.copyto(features, middle, where=np.isnan(features))
    return features


def _cut(standardised: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(standardised, -_FAR, _FAR, out=standardised)


def logistic_scores(line: Pipeline, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per row the log-odds; higher = riskier."""
    scores = np.empty(len(features))
    for chunk in chunks(features):
        scores[chunk] = line.decision_function(np.array(features[chunk]))
    return scores
