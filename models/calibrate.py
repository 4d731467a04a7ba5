"""From a raw score to a probability that means what it says, and from that to money at risk."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from configs.errors import DataError
from models.matrix import Matrix

# Regularisation so weak that it only matters when the outcomes are perfectly separated.
_WEAK = 1_000.0


@dataclass(frozen=True)
class Calibrator:
    """probability = 1 / (1 + exp(−(slope · raw + offset))), with slope > 0: the order of customers stays."""

    slope: float
    offset: float

    def apply(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """One probability per raw score, strictly between 0 and 1, strictly growing."""
        return 1.0 / (1.0 + np.exp(-(self.slope * raw + self.offset)))


def fit_calibrator(raw: NDArray[np.float64], attrited: NDArray[np.int8]) -> Calibrator:
    """Logistic regression of the outcome on the raw score of the tuning snapshots (Platt 1999).

    The raw score already is a log-odds, so two numbers suffice; a step function (isotonic) would make ties
    and with them an arbitrary order at the edge of a list. Fitted on one thread so that two runs agree.
    Raises DataError when a higher score does not mean more attrition.
    """
    with threadpool_limits(limits=1):
        line = LogisticRegression(C=_WEAK, solver="newton-cholesky", tol=1e-10)
        line.fit(raw.reshape(-1, 1), attrited)
    slope, offset = float(line.coef_[0, 0]), float(line.intercept_[0])
    if not slope > 0:
        raise DataError(
            f"on the {len(raw)} tuning rows a higher score does not mean more attrition (slope {slope:.3g}): "
            "the model has learnt nothing that lasts. Check features and labels before training again."
        )
    return Calibrator(slope, offset)


def fit_severity(train: Matrix) -> float:
    """The share of AUM that leaves with a customer who attrites: AUM-weighted mean over attrited rows.

    Weighted, so that the sum over a portfolio comes out right in money. What those who stay take out is
    left out on purpose: ordinary spending is not at risk and cannot be saved, and with attrition of a few
    per cent it would outweigh the rest, so that a list by money would merely be a list by wealth.
    """
    left = train.attrited == 1
    aum = float(train.aum[left].sum())
    if not aum > 0:
        raise DataError(f"{int(left.sum())} attrited rows with AUM {aum} in train; severity needs some.")
    return float((train.outflow_share[left] * train.aum[left]).sum() / aum)


def money_at_risk(
    risk: NDArray[np.float64], aum_base: NDArray[np.float64], aum: NDArray[np.float64], severity: float
) -> NDArray[np.float64]:
    """Money expected to leave with the customer, in the unit of ``aum``: risk × average AUM × severity.

    Never more than risk × ``aum``: a customer cannot lose more than is here now, however much it was on
    average.
    """
    return risk * np.minimum(severity * aum_base, aum)
