"""Family: what the customer holds now, how it moved, how far below its peak it lies."""

from collections.abc import Iterator

import numpy as np

from features.grammar import Name, weeks
from features.tiles import Grid
from features.wealth import CLASSES, Wealth


def balances(wealth: Wealth) -> Iterator[tuple[Name, Grid]]:
    """AUM and its classes; money in base currency, changes and deviations as shares."""
    aum = wealth.now(wealth.aum)
    yield Name("aum", "last"), aum
    yield Name("market_move", "sum", "13w"), wealth.now(wealth.market) - wealth.ago(wealth.market, 13)
    yield Name("aum", "change", "quarter"), _relative_change(aum, wealth.last_quarter_end())
    for window in wealth.calendar.windows:
        yield from _aum_over(wealth, aum, window)
    for k, name in enumerate(CLASSES):
        yield from _one_class(wealth, name, k, aum)


def _aum_over(wealth: Wealth, aum: Grid, window: int) -> Iterator[tuple[Name, Grid]]:
    span, mean = weeks(window), wealth.mean(window)
    low, high = wealth.extreme(window, np.minimum), wealth.extreme(window, np.maximum)
    # At the prices of the snapshot: a fund that fell in value is no money that left.
    before = wealth.ago(wealth.aum, window) + wealth.now(wealth.market) - wealth.ago(wealth.market, window)
    yield Name("aum", "mean", span), mean
    yield Name("aum", "change", span), _relative_change(aum, before)
    yield Name("aum", "ratio", span), ratio(aum, mean)
    yield Name("aum", "min", span), low
    yield Name("aum", "drawdown", span), ratio(high - aum, high)
    yield Name("aum", "rebound", span), ratio(aum - low, high)
    if window >= 13:
        yield Name("aum", "deviation", span), ratio(_deviation(wealth, window), mean)
        yield Name("aum", "slope", span), ratio(_slope(wealth, window), mean)


def _one_class(wealth: Wealth, name: str, k: int, aum: Grid) -> Iterator[tuple[Name, Grid]]:
    running = wealth.by_class[k]
    held = wealth.now(running)
    yield Name(name, "last"), held
    yield Name(name, "share"), ratio(held, aum)
    for window in (4, 13, 26):
        yield Name(name, "difference", weeks(window)), ratio(held - wealth.ago(running, window), aum)


def _relative_change(now: Grid, before: Grid) -> Grid:
    return ratio(now - before, before)


def _deviation(wealth: Wealth, window: int) -> Grid:
    """Standard deviation of the Monday AUM over the window."""
    return _over(wealth, window, lambda points: points.std(axis=0))


def _slope(wealth: Wealth, window: int) -> Grid:
    """Least-squares slope of the Monday AUM over the window, money per week."""
    time = np.arange(window) - (window - 1) / 2
    weight = (time / (time @ time))[:, None]
    return _over(wealth, window, lambda points: (weight * points).sum(axis=0))


def _over(wealth: Wealth, window: int, reduce) -> Grid:  # type: ignore[no-untyped-def]
    out = np.full((len(wealth.calendar.at), wealth.aum.shape[1]), np.nan)
    for s in np.flatnonzero(wealth.calendar.covered(window)):
        end = wealth.calendar.at[s] + 1
        out[s] = reduce(wealth.aum[end - window : end] / 100.0)
    return out


def ratio(part: Grid, whole: Grid) -> Grid:
    """part / whole; NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
