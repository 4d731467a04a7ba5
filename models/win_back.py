"""The chance that a former customer comes back: a small logistic regression, or one rate where too few did.

A bank has few former customers, and fewer come back, so little may be learnt: a dozen columns, standardised
and shrunken (L2), and none of the trees that hundreds of features ask for. The first life, the reason of
leaving and the time since predict the return (Kumar, Bhagwat and Zhang 2015, Regaining "Lost" Customers).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
_PENALTY = 0.1  # C of the regression: a slope of 1 per standard deviation costs 5 of log-likelihood


@dataclass(frozen=True)
class Prior:
    """The share who come back before anything is seen, what it weighs, and how many teach a model."""

    rate: float
    evidence: int
    least: int


@dataclass(frozen=True)
class Past:
    """One row per former customer and week on which the outcome is known: columns, outcome, customer, week.

    ``week`` is a running number; the outcome of a row is known ``wait`` weeks after it. Rows of one customer
    overlap, so each counts ``weight``.
    """

    columns: Floats
    returned: NDArray[np.bool_]
    customer: NDArray[Any]
    week: NDArray[np.int64]
    wait: int
    weight: float

    def take(self, rows: NDArray[np.bool_]) -> "Past":
        return Past(
            self.columns[rows],
            self.returned[rows],
            self.customer[rows],
            self.week[rows],
            self.wait,
            self.weight,
        )

    def known_by(self, week: int) -> "Past":
        return self.take(self.week + self.wait <= week)


@dataclass(frozen=True)
class Chance:
    """The chance to come back; ``rate`` alone where no ``model`` could be learnt."""

    rate: float
    model: Pipeline | None

    @property
    def rests_on(self) -> str:
        return "rate" if self.model is None else "model"

    def of(self, columns: Floats) -> Floats:
        if self.model is None or not len(columns):
            return np.full(len(columns), self.rate)
        chances: Floats = self.model.predict_proba(columns)[:, 1]
        return chances


def fit_chance(past: Past, prior: Prior) -> Chance:
    """The chance by what is known; its rate is drawn to that of the prior."""
    weight = past.weight
    returns, count = weight * past.returned.sum(), weight * len(past.returned)
    rate = float((returns + prior.rate * prior.evidence) / (count + prior.evidence))
    if len(np.unique(past.customer[past.returned])) < prior.least or past.returned.all():
        return Chance(rate, None)
    model = make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=_PENALTY, max_iter=1000),
    )
    model.fit(
        past.columns, past.returned, logisticregression__sample_weight=np.full(len(past.returned), weight)
    )
    return Chance(rate, model)


def chances_out_of_time(past: Past, prior: Prior, weeks: NDArray[np.int64]) -> Floats:
    """The chance of each row of these ``weeks`` by what was known on its week.

    NaN of other rows, and of weeks before a model could be learnt.
    """
    chances = np.full(len(past.returned), np.nan)
    for week in weeks.tolist():
        chance = fit_chance(past.known_by(week), prior)
        rows = past.week == week
        if chance.model is not None:
            chances[rows] = chance.of(past.columns[rows])
    return chances
