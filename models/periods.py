"""Customer-periods: what a discrete-time hazard model is fitted on.

The outcome window is cut at the horizons, for example into days 1–30, 31–60 and 61–90. A customer on a Monday
is one row in each period up to the one he goes in; the target is whether he goes in that period. A model of
these rows gives the hazard, the probability of going in a period for whoever is still here at its beginning
(Singer and Willett 1993).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Periods:
    """One row per customer, Monday and period, ascending by row of the matrix, then by period.

    ``row`` is the position in the matrix, ``days`` the horizon at which the period ends, ``gone`` 0 or 1.
    """

    row: NDArray[np.intp]
    days: NDArray[np.float64]
    gone: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.row)

    def where(self, rows: NDArray[np.bool_]) -> "Periods":
        """The rows where the mask is true, in the same order."""
        return Periods(self.row[rows], self.days[rows], self.gone[rows])


def customer_periods(gone_within: NDArray[np.int16], horizons: Sequence[int]) -> Periods:
    """Every period a customer was at risk in; ``gone_within`` is one of ``horizons``, or 0 for who stayed.

    Gone within 60 of 30, 60, 90 days makes the rows 30: 0 and 60: 1; who stayed makes three rows of 0.
    """
    ends = np.array(horizons)
    gone = gone_within[:, None]
    row, period = np.nonzero((gone == 0) | (ends <= gone))
    return Periods(row, ends[period].astype(np.float64), (gone_within[row] == ends[period]).astype(np.int8))


def thinned(periods: Periods, kept: float, seed: int) -> Periods:
    """All rows that go and a random share ``kept`` of those that do not.

    The odds of going grow by 1 / kept in every corner of the data alike, so the true log-odds are those of
    a model of the thinned rows plus log(kept), exactly (King and Zeng 2001).
    """
    if kept == 1:
        return periods
    drawn = np.random.default_rng(seed).random(len(periods)) < kept
    return periods.where((periods.gone == 1) | drawn)
