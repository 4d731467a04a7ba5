"""Limits learnt from a figure's own history, so that a wanted share of good weeks lies outside of them.

Weekly figures of a bank are skewed, and a few weeks are unlike all others. So shares are compared as log-odds
and counts as logarithms, by median and median absolute deviation, and the interval is that of a next value
under Student's t with at most ten degrees of freedom: its tails are heavier than a normal's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from configs.dates import WEEK

_HEAVY = 10  # degrees of freedom at most
_EFFICIENCY = 0.37  # a median absolute deviation is as exact as a standard deviation of so many fewer values
NORMAL = 1.4826  # standard deviations in a median absolute deviation of a normal
PAST_WEEKS = 8  # whose median is the usual week
LEAST = 4  # weeks of a kind from which on their median counts
FAR = 4  # weeks since the Monday before from which on its level says nothing of this one's
MARGIN = 3  # standard deviations by which the extremes of a season are widened
SEASON = (49, 55)  # weeks back: the same season last year; New Year by the moon moves by up to three weeks
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

    ``scale``: ``log`` for counts, which may be 0, ``ratio`` for what is positive, ``lag`` for days. With
    ``level`` it is compared with the value before it, else it is a change and compared as it is. ``noise`` is
    the least standard deviation to be expected, on the scale. ``weekly`` figures are compared with the median
    of the weeks before: the weeks of a month, quarter ends and seasons have their own rhythm.
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
    """The limits for the last value of a series; None with fewer than ``least_weeks`` weeks to learn from, or
    for a level whose Monday before lies more than ``FAR`` weeks back."""
    if series.scale == "lag":
        lags, weeks = series.values[:-1], len(series.values) - 1
        return Limits(0, longest_lag(lags, false_share), weeks) if weeks >= least_weeks else None
    gap = _gap(series)
    if gap > FAR:
        return None
    onto, back = _SCALES[series.scale]
    values = onto(np.array(series.values, np.float64))
    middle = (
        np.array([_median_before(values, k, PAST_WEEKS if series.weekly else 1) for k in range(len(values))])
        if series.level
        else np.zeros(len(values))
    )
    rest = values - middle
    known = np.flatnonzero(~np.isnan(rest[:-1]))
    if len(known) < least_weeks or np.isnan(middle[-1]):
        return None
    shift = _by_week_of_month(series, rest, known) if series.weekly else np.zeros(len(rest))
    rest = rest - shift
    history = rest[known]
    center = float(np.median(history))
    spread = max(NORMAL * float(np.median(np.abs(history - center))), series.noise, 1e-9)
    spread *= gap**0.5
    # A next value of a normal sample varies by its own variance and that of the median, π/2 · 1/n.
    degrees = min(_EFFICIENCY * (len(history) - 1), _HEAVY)
    width = _student(1 - false_share / 2, degrees) * spread * (1 + np.pi / 2 / len(history)) ** 0.5
    if not series.weekly:  # weekly rows have their extremes by the calendar
        width = max(width, _tail(np.abs(history - center), false_share) * gap**0.5)
    low, high = center * gap - width, center * gap + width
    if series.weekly:
        season, margin = rest[_season(series, known)], MARGIN * spread
        low, high = min([low, *(season - margin)]), max([high, *(season + margin)])
    level = float(middle[-1] + shift[-1])
    return Limits(back(level + low), back(level + high), len(history))


@lru_cache
def _student(share: float, degrees: float) -> float:
    """The value below which a share of Student's t lies; asked for each gate of a run, it takes long."""
    return float(student.ppf(share, degrees))


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


def _tail(distances: Values, false_share: float) -> float:
    """The distance from the middle that a good week exceeds with a probability of ``false_share``.

    Beyond the upper quartile distances are taken to fall off exponentially. The largest 5%, at least one, are
    left out: they may be what a gate should have refused.
    """
    kept = np.sort(distances)[: -max(1, round(0.05 * len(distances)))]
    quartile = float(np.quantile(kept, 0.75))
    excess = float((kept[kept >= quartile] - quartile).mean())
    return quartile + excess * float(np.log(max(0.25 / false_share, 1)))


def _median_before(values: Values, k: int, weeks: int) -> float:
    """The median of the values before place ``k``; NaN before the first."""
    before = values[max(0, k - weeks) : k]
    return float(np.median(before)) if len(before) else float("nan")


def _gap(series: Series) -> float:
    """Weeks from the value before this Monday's to it, at least 1: what drifts, drifts further."""
    if not series.level or len(series.days) < 2:
        return 1.0
    return max(1.0, (series.days[-1] - series.days[-2]) / WEEK)


def _by_week_of_month(series: Series, rest: Values, known: NDArray[np.intp]) -> Values:
    """By week the median of those that end in the same seven days of a month; 0 for fewer than ``LEAST``."""
    place = np.array([((monday - WEEK / 7).day - 1) // 7 for monday in series.days])
    shift = np.zeros(len(rest))
    for week in range(5):
        same = known[place[known] == week]
        if len(same) >= LEAST:
            shift[place == week] = np.median(rest[same])
    return shift


def _season(series: Series, known: NDArray[np.intp]) -> NDArray[np.intp]:
    """The places of weeks like this one in earlier quarters, and of the same season a year ago."""
    ago = np.array([(series.days[-1] - series.days[k]).days // 7 for k in known], np.intp)
    quarters = (np.abs(ago - 13 * np.rint(ago / 13)) <= 1) & (ago >= 12) & (ago <= 53)
    return known[quarters | ((ago >= SEASON[0]) & (ago <= SEASON[1]))]
