"""Calibrated probabilities from raw scores, one per horizon."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from configs.errors import DataError
from models.hazard import customer_periods

# Regularisation so weak that it only matters when the outcomes are perfectly separated.
_WEAK = 1_000.0
_FLAT = 1e-6  # a score that is the same for everybody; a score that means something has a slope near 1
ENOUGH = 100  # customer-periods that go, in every period; with fewer all periods share one line


@dataclass(frozen=True)
class Calibrator:
    """hazard in period k = 1 / (1 + exp(−(slope k · raw k + offset k))), every slope > 0."""

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def hazards(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows × periods: the probability of going in the period for who is here at its beginning."""
        return np.asarray(1.0 / (1.0 + np.exp(-(raw * self.slopes + self.offsets))), dtype=np.float64)

    def risks(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows × horizons: the probability of being gone by then, 1 − Π (1 − hazard); it grows along a row.

        Summed as logarithms, so that a hazard of a billionth still counts.
        """
        return -np.expm1(np.cumsum(np.log1p(-self.hazards(raw)), axis=1))


def fit_calibrator(
    raw: NDArray[np.float64], time_to_attrition: NDArray[np.int16], horizons: Sequence[int]
) -> Calibrator:
    """Per period a logistic regression of going on the raw score, over those still here (Platt 1999).

    ``raw`` is rows × periods of the tuning snapshots. The raw score already is a log-odds, so two numbers
    suffice; a step function (isotonic) would make ties and with them an arbitrary order at the edge of a
    list. Where a period has fewer than ``ENOUGH`` that go, or a slope that is not positive, all periods share
    one line. Raises DataError when even then a higher score does not mean more attrition.
    """
    periods = customer_periods(time_to_attrition, horizons)
    period = np.searchsorted(horizons, periods.days)
    score = raw[periods.row, period]
    rows_of = [period == k for k in range(len(horizons))]
    if min(int(periods.gone[rows].sum()) for rows in rows_of) >= ENOUGH:
        slopes, offsets = zip(*(fit_line(score[rows], periods.gone[rows]) for rows in rows_of), strict=True)
        if min(slopes) > 0:
            return Calibrator(slopes, offsets)
    slope, offset = fit_line(score, periods.gone)
    if not slope > _FLAT:
        raise DataError(
            f"on the {len(raw)} tuning rows a higher score does not mean more attrition (slope {slope:.3g}): "
            "the model has learnt nothing that lasts. Check features and labels before training again."
        )
    return Calibrator((slope,) * len(horizons), (offset,) * len(horizons))


def fit_line(raw: NDArray[np.float64], outcome: NDArray[np.int8]) -> tuple[float, float]:
    """Slope and offset of the logistic regression of a 0/1 outcome; on one thread so that two runs agree."""
    with threadpool_limits(limits=1):
        line = LogisticRegression(C=_WEAK, solver="newton-cholesky", tol=1e-10)
        line.fit(raw.reshape(-1, 1), outcome)
    return float(line.coef_[0, 0]), float(line.intercept_[0])
