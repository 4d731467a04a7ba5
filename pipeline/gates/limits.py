"""Limits learnt from a figure's own history, so that a wanted share of good weeks lies outside of them.

Weekly figures of a bank are skewed, and a few weeks are unlike all others. So shares are compared as log-odds
and counts as logarithms, by median and median absolute deviation, and the interval is that of a next value
under Student's t with at most ten degrees of freedom: its tails are heavier than a normal's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from configs.dates import WEEK

_HEAVY = 10  # degrees of freedom at most
_EFFICIENCY = 0.37  # a median absolute deviation is as exact as a standard deviation of so many fewer values
NORMAL = 1.4826  # standard deviations in a median absolute deviation of a normal
PAST_VALUES = 8  # values before a Monday whose median is the middle one
_SAME_KIND = 8  # weeks of the same kind from which on only those count
SEASON = (48, 56)  # weeks back: the same season last year; New Year by the moon moves by up to three weeks
EDGE = 0.001  # added to a share and to its rest, so that 0 and 1 have log-odds

Values = NDArray[np.float64]
Scale = Literal["log", "ratio", "logit", "plain", "lag"]
_SCALES: dict[Scale, tuple[Callable[[Values], Values], Callable[[float], float]]] = {
    "log": (lambda x: np.log(x + 1), lambda y: float(np.exp(min(y, 700.0))) - 1),
    "ratio": (lambda x: np.log(np.maximum(x, 1e-12)), lambda y: float(np.exp(min(y, 700.0)))),
    "logit": (
        lambda x: np.log((x + EDGE) / (1 - x + EDGE)),
        lambda y: (1 + 2 * EDGE) / (1 + float(np.exp(min(-y, 700.0)))) - EDGE,
    ),
    "plain": (lambda x: x, lambda y: y),
}


@dataclass(frozen=True)
class Series:
    """A figure by Monday, the oldest first; the last value is this Monday's.

    ``level``: compared with the median of the values before it; else the values are changes and compared as
    they are. ``noise`` is the least standard deviation to be expected, on the scale. ``weekly``: month ends
    and seasons have their own rhythm.
    """

    days: tuple[date, ...]
    values: tuple[float, ...]
    scale: Scale = "plain"
    level: bool = True
    noise: float = 0.0
    weekly: bool = False


@dataclass(frozen=True)
class Limits:
    """The interval in which a next value lies but for a wanted share of weeks; ``weeks`` it was learnt
    from."""

    low: float
    high: float
    weeks: int


def learn(series: Series, false_share: float, least_weeks: int) -> Limits | None:
    """The limits for the last value of a series; None with fewer than ``least_weeks`` weeks to learn from."""
    if series.scale == "lag":
        lags, weeks = series.values[:-1], len(series.values) - 1
        return Limits(0, longest_lag(lags, false_share), weeks) if weeks >= least_weeks else None
    onto, back = _SCALES[series.scale]
    values = onto(np.array(series.values, np.float64))
    middle = (
        np.array([_median_before(values, k) for k in range(len(values))])
        if series.level
        else np.zeros(len(values))
    )
    rest = values - middle
    known = np.flatnonzero(~np.isnan(rest[:-1]))
    if len(known) < least_weeks or np.isnan(middle[-1]):
        return None
    chosen = _same_kind(series, known) if series.weekly else known
    history = rest[chosen]
    center = float(np.median(history))
    spread = max(NORMAL * float(np.median(np.abs(history - center))), series.noise, 1e-9)
    spread *= _gap(series) ** 0.5
    # A next value of a normal sample varies by its own variance and that of the median, π/2 · 1/n.
    degrees = min(_EFFICIENCY * (len(history) - 1), _HEAVY)
    width = float(student.ppf(1 - false_share / 2, degrees)) * spread * (1 + np.pi / 2 / len(history)) ** 0.5
    low, high = center - width, center + width
    if series.weekly:
        season = rest[_season(series, known)]
        low, high = min([low, *(season - spread)]), max([high, *(season + spread)])
    return Limits(back(float(middle[-1] + low)), back(float(middle[-1] + high)), len(history))


def longest_lag(lags: Sequence[float], false_share: float) -> int:
    """The lag in days that a good week exceeds with a probability of ``false_share``.

    Beyond the upper quartile lags are taken to fall off exponentially, as threshold excesses of most
    distributions do (Pickands 1975). Half a Monday with half a day of excess is added: what was always 1 may
    be 2.
    """
    values = np.sort(np.array(lags, np.float64))
    quartile = float(np.quantile(values, 0.75, method="lower"))
    beyond = values[values > quartile]
    share = (len(beyond) + 0.5) / len(values)
    mean = (float((beyond - quartile).sum()) + 0.25) / (len(beyond) + 0.5)
    excess = mean * max(float(np.log(share / false_share)), 0.0)
    return int(np.ceil(max(quartile + excess, values[-1])))


def _median_before(values: Values, k: int) -> float:
    """The median of the values before place ``k``; NaN before the first."""
    before = values[max(0, k - PAST_VALUES) : k]
    return float(np.median(before)) if len(before) else float("nan")


def _gap(series: Series) -> float:
    """Weeks from the value before this Monday's to it, at least 1: what drifts, drifts further."""
    return max(1.0, (series.days[-1] - series.days[-2]) / WEEK) if series.level else 1.0


def _kind(monday: date) -> str:
    """Whether a quarter or a month ends in the week before a Monday."""
    first = min((monday - k * WEEK / 7 for k in range(7) if (monday - k * WEEK / 7).day == 1), default=None)
    if first is None:
        return "plain"
    return "quarter" if first.month % 3 == 1 else "month"


def _same_kind(series: Series, known: NDArray[np.intp]) -> NDArray[np.intp]:
    """The places of weeks of this Monday's kind, or of all where those are too few."""
    kind = _kind(series.days[-1])
    same = np.array([k for k in known if _kind(series.days[k]) == kind], np.intp)
    return same if len(same) >= _SAME_KIND else known


def _season(series: Series, known: NDArray[np.intp]) -> NDArray[np.intp]:
    ago = [(series.days[-1] - series.days[k]).days // 7 for k in known]
    return np.array(
        [k for k, weeks in zip(known, ago, strict=True) if SEASON[0] <= weeks <= SEASON[1]], np.intp
    )
