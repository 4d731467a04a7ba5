"""Family: AUM now, how it moved, how far below its peak it lies."""

from collections.abc import Callable

import numpy as np

from features.catalogue.grammar import Name, weeks
from features.engine.balances import MINOR, Balances
from features.engine.entities import Ints
from features.engine.tiles import Columns, SnapshotArray, ratio, trailing_sum
from features.families.shared import Bucket


def features(bucket: Bucket) -> Columns:
    """Money in base currency, changes and deviations as shares."""
    balances = bucket.balances
    aum = balances.at_snapshot(balances.aum)
    yield Name("aum", "last"), aum
    yield Name("market_move", "sum", "13w"), trailing_sum(balances.market, balances.calendar, 13) / MINOR
    yield Name("aum", "change", "quarter"), _relative_change(aum, balances.last_quarter_end("aum"))
    for window in balances.calendar.windows:
        yield from _aum_over(balances, aum, window)


def _aum_over(balances: Balances, aum: SnapshotArray, window: int) -> Columns:
    span, mean = weeks(window), balances.mean(window)
    low, high = balances.extreme(window, np.minimum), balances.extreme(window, np.maximum)
    yield Name("aum", "mean", span), mean
    # At the prices of the snapshot: a fund that fell in value is no money that left.
    yield Name("aum", "change", span), _relative_change(aum, balances.ago_at_prices_now(window))
    yield Name("aum", "ratio", span), ratio(aum, mean)
    yield Name("aum", "min", span), low
    yield Name("aum", "drawdown", span), ratio(high - aum, high)
    yield Name("aum", "rebound", span), ratio(aum - low, high)
    if window >= 13:
        yield Name("aum", "deviation", span), ratio(_deviation(balances, window), mean)
        yield Name("aum", "slope", span), ratio(_slope(balances, window), mean)


def _relative_change(current: SnapshotArray, before: SnapshotArray) -> SnapshotArray:
    return ratio(current - before, before)


def _deviation(balances: Balances, window: int) -> SnapshotArray:
    """Standard deviation of the Monday AUM over the window."""
    return _over(balances, window, _spread)


def _spread(points: Ints) -> SnapshotArray:
    # Row by row: numpy's own sums group by the array's shape, and so by how many customers a bucket has.
    mean = points.sum(axis=0) / len(points)
    return np.sqrt(sum((point - mean) ** 2 for point in points) / len(points))


def _slope(balances: Balances, window: int) -> SnapshotArray:
    """Least-squares slope of the Monday AUM over the window, money per week."""
    twice = 2 * np.arange(window) - (window - 1)  # two times the distance from the middle: whole numbers
    scale = 2 / (twice @ twice)
    return _over(balances, window, lambda points: (twice[:, None] * points).sum(axis=0) * scale)


def _over(balances: Balances, window: int, reduce: Callable[[Ints], SnapshotArray]) -> SnapshotArray:
    """``reduce`` of the window's Monday AUM (week × customer), in base currency; NaN where not covered."""
    out = np.full((len(balances.calendar.at), balances.aum.shape[1]), np.nan)
    for s in np.flatnonzero(balances.calendar.covered(window)):
        end = balances.calendar.at[s] + 1
        out[s] = reduce(balances.aum[end - window : end]) / MINOR
    return out
