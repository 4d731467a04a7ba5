"""How likely a customer who books in a rhythm of their own is still alive, and books again: BG/NBD.

Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model.
While alive, a customer books at random times at a rate of their own, and after each booking but the first
dies with a probability of their own. The rates of all are distributed Gamma(r, alpha), the probabilities
Beta(a, b). Of a customer three numbers count: ``x`` bookings after the first (days with one), the last of
them ``recency`` days after the first, which lies ``age`` days back (t_x and T in the paper).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, expit, gammaln, psi

from configs.settings import Label

Numbers = NDArray[np.float64]

MOST = 50_000  # customers fitted on, evenly spread: more move the parameters by less than a hundredth
_START = (1.0, 30.0, 1.0, 3.0)  # a booking a month, a death after four
_WIDEST = 12.0  # of a parameter's logarithm: where all are alike there is no largest likelihood
_DIGITS = 6  # of a parameter: where the search ends differs a little from processor to processor


@dataclass(frozen=True)
class Alive:
    """The four parameters, ``alpha`` in days; the outcome window of ``horizon_days`` after ``lead_days``."""

    r: float
    alpha: float
    a: float
    b: float
    lead_days: int
    horizon_days: int

    def alive(self, x: Numbers, recency: Numbers, age: Numbers) -> Numbers:
        """P(alive) of each customer; 1 without a booking after the first, for nobody dies before (x = 0)."""
        later = np.maximum(x, 1)
        longer = np.log(self.alpha + age) - np.log(self.alpha + recency)
        dead = np.log(self.a) - np.log(self.b + later - 1) + (self.r + x) * longer
        return np.where(x > 0, expit(-dead), 1.0)

    def silent(self, x: Numbers, recency: Numbers, age: Numbers) -> Numbers:
        """P(no booking in the outcome window) of each customer.

        Whoever is alive now is so at the window's beginning unless bookings of the lead end it, with the mean
        probability of dying that the customer has, ``a / (a + b + x)``; then the time to the next booking has
        the distribution of the negative binomial's zero.
        """
        deaths = self.a / (self.a + self.b + x) * self.lead_days

        def none_within(days: Numbers) -> Numbers:
            return np.exp((self.r + x) * (np.log(self.alpha + age) - np.log(self.alpha + age + days)))

        books = none_within(deaths) - none_within(deaths + self.horizon_days)
        return 1 - self.alive(x, recency, age) * books

    def of(self, cohort: pd.DataFrame) -> Numbers:
        """The probability of silence of each row of a cohort; NaN where the customer never booked."""
        return self.silent(*_counts(cohort))


def fit_alive(cohort: pd.DataFrame, label: Label) -> Alive:
    """The parameters of the largest likelihood over a ``cohort``, one row per customer, eligible or not.

    Rows without a booking count nowhere; of none at all the parameters are those that the search begins with.
    """
    counts = np.column_stack(_counts(cohort))
    counts = counts[~np.isnan(counts).any(axis=1)]
    if len(counts) > MOST:
        counts = counts[np.arange(MOST) * len(counts) // MOST]
    parameters = np.array(_START)
    if len(counts):
        # Equal customers are counted once; and sorted, so that nothing depends on the order of rows.
        rows, weight = np.unique(counts, axis=0, return_counts=True)
        search = minimize(
            _loss, np.log(_START), (*rows.T, weight / weight.sum()), "L-BFGS-B", jac=True,
            bounds=[(-_WIDEST, _WIDEST)] * len(_START),
        )  # fmt: skip
        parameters = np.exp(search.x)
    r, alpha, a, b = (float(f"{value:.{_DIGITS}g}") for value in parameters)
    return Alive(r, alpha, a, b, label.lead_days, label.horizon_days)


def _counts(cohort: pd.DataFrame) -> tuple[Numbers, Numbers, Numbers]:
    """``x``, ``recency`` and ``age`` of each row; all unknown (NaN) without a booking."""
    days, age, since_last = (
        cohort[name].to_numpy(np.float64) for name in ("booking_days", "days_since_first", "days_since_last")
    )
    return np.where(days > 0, days - 1, np.nan), age - since_last, age


def _loss(
    logarithms: Numbers, x: Numbers, recency: Numbers, age: Numbers, weight: Numbers
) -> tuple[float, Numbers]:
    """Minus the mean log likelihood (equation 6 of the paper) and its slopes along each logarithm."""
    r, alpha, a, b = np.exp(logarithms)
    later, repeats = np.maximum(x, 1), x > 0
    log_age, log_recency = np.log(alpha + age), np.log(alpha + recency)
    alive = betaln(a, b + x) - (r + x) * log_age
    dead = np.where(repeats, betaln(a + 1, b + later - 1) - (r + x) * log_recency, -np.inf)
    either = np.logaddexp(alive, dead)
    likelihood = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b) + either
    p = np.exp(alive - either)  # the share of the likelihood that the customer is alive in
    q = 1 - p
    both, all_of = psi(a + b + x), psi(a + b)
    slopes = (
        r * (psi(r + x) - psi(r) + np.log(alpha) - p * log_age - q * log_recency),
        r - alpha * (r + x) * (p / (alpha + age) + q / (alpha + recency)),
        a * (p * psi(a) + q * psi(a + 1) - both - psi(a) + all_of),
        b * (p * psi(b + x) + q * psi(b + later - 1) - both - psi(b) + all_of),
    )
    return -float(weight @ likelihood), -np.array([weight @ slope for slope in slopes])
