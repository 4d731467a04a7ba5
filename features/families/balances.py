"""Family: AUM now, how it moved, how far below its peak it lies."""

from collections.abc import Callable, Iterator

import numpy as np

from features.catalogue.grammar import Name, weeks
from features.engine.balances import MINOR, Wealth
from features.engine.entities import Ints
from features.engine.tiles import Grid, trailing_sum


def balances(wealth: Wealth) -> Iterator[tuple[Name, Grid]]:
    """Money in base currency, changes and deviations as shares."""
    aum = wealth.now(wealth.aum)
    yield Name("aum", "last"), aum
    yield Name("market_move", "sum", "13w"), trailing_sum(wealth.market, wealth.calendar, 13) / MINOR
    yield Name("aum", "change", "quarter"), _relative_change(aum, wealth.last_quarter_end())
    for window in wealth.calendar.windows:
        yield from _aum_over(wealth, aum, window)


def _aum_over(wealth: Wealth, aum: Grid, window: int) -> Iterator[tuple[Name, Grid]]:
    span, mean = weeks(window), wealth.mean(window)
    low, high = wealth.extreme(window, np.minimum), wealth.extreme(window, np.maximum)
    yield Name("aum", "mean", span), mean
    # At the prices of the snapshot: a fund that fell in value is no money that left.
    yield Name("aum", "change", span), _relative_change(aum, wealth.ago_at_prices_now(window))
    yield Name("aum", "ratio", span), ratio(aum, mean)
    yield Name("aum", "min", span), low
    yield Name("aum", "drawdown", span), ratio(high - aum, high)
    yield Name("aum", "rebound", span), ratio(aum - low, high)
    if window >= 13:
        yield Name("aum", "deviation", span), ratio(_deviation(wealth, window), mean)
        yield Name("aum", "slope", span), ratio(_slope(wealth, window), mean)


def _relative_change(now: Grid, before: Grid) -> Grid:
    return ratio(now - before, before)


def _deviation(wealth: Wealth, window: int) -> Grid:
    """Standard deviation of the Monday AUM over the window."""
    return _over(wealth, window, _spread)


def _spread(points: Ints) -> Grid:
    # Row by row: numpy's own sums group by the array's shape, and so by how many customers a bucket has.
    mean = points.sum(axis=0) / len(points)
    return np.sqrt(sum((point - mean) ** 2 for point in points) / len(points))


def _slope(wealth: Wealth, window: int) -> Grid:
    """Least-squares slope of the Monday AUM over the window, money per week."""
    twice = 2 * np.arange(window) - (window - 1)  # two times the distance from the middle: whole numbers
    scale = 2 / (twice @ twice)
    return _over(wealth, window, lambda points: (twice[:, None] * points).sum(axis=0) * scale)


def _over(wealth: Wealth, window: int, reduce: Callable[[Ints], Grid]) -> Grid:
    """``reduce`` of the window's Monday AUM (week × customer), in base currency; NaN where not covered."""
    out = np.full((len(wealth.calendar.at), wealth.aum.shape[1]), np.nan)
    for s in np.flatnonzero(wealth.calendar.covered(window)):
        end = wealth.calendar.at[s] + 1
        out[s] = reduce(wealth.aum[end - window : end]) / MINOR
    return out


def ratio(part: Grid, whole: Grid) -> Grid:
    """part / whole; NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
