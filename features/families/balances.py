"""Families of AUM: now and how it moved, by product class, at month-ends, beside the bounds of tiers."""

import numba
import numpy as np
from numpy.typing import NDArray

from features.catalogue.grammar import Name, month, weeks
from features.engine.activity import Bucket
from features.engine.balances import CLASS_GROUPS, CLASSES, MINOR, Balances
from features.engine.entities import Ints
from features.engine.tiles import Calendar, Columns, SnapshotArray, ratio, trailing_sum
from features.tier_rule import bounds, place


def balances(bucket: Bucket) -> Columns:
    """Money in base currency, changes and deviations as shares."""
    balances = bucket.balances
    aum = balances.at_snapshot(balances.aum)
    yield Name("aum", "last"), aum
    yield Name("market_move", "sum", "13w"), trailing_sum(balances.market, balances.calendar, 13) / MINOR
    yield Name("aum", "change", "quarter"), _relative_change(aum, balances.last_quarter_end("aum"))
    for window in balances.calendar.windows:
        span, mean = weeks(window), balances.mean(window)
        low, high, _, deviation = swing(balances.aum, balances.calendar, window)
        yield Name("aum", "mean", span), mean
        # At the prices of the snapshot: a fund that fell in value is no money that left.
        yield Name("aum", "change", span), _relative_change(aum, balances.ago_at_prices_now(window))
        yield Name("aum", "ratio", span), ratio(aum, mean)
        yield Name("aum", "min", span), low
        yield Name("aum", "drawdown", span), ratio(high - aum, high)
        yield Name("aum", "rebound", span), ratio(aum - low, high)
        if window >= 13:
            yield Name("aum", "deviation", span), ratio(deviation, mean)
            yield Name("aum", "slope", span), ratio(_slope(balances, window), mean)


def _relative_change(current: SnapshotArray, before: SnapshotArray) -> SnapshotArray:
    return ratio(current - before, before)


def _slope(balances: Balances, window: int) -> SnapshotArray:
    """Least-squares slope of the Monday AUM over the window, money per week; NaN where not covered."""
    twice = 2 * np.arange(window) - (window - 1)  # two times the distance from the middle: whole numbers
    scale = 2 / (twice @ twice)
    out = np.full((len(balances.calendar.at), balances.aum.shape[1]), np.nan)
    for s in np.flatnonzero(balances.calendar.covered(window)):
        end = balances.calendar.at[s] + 1
        out[s] = (twice @ balances.aum[end - window : end]) * scale / MINOR
    return out


# The classes that most customers hold and move; of the others what is held now and its changes say enough.
MAIN = ("demand", "term", "structured", "wealth", "fund")


def classes(bucket: Bucket) -> Columns:
    """Money in base currency, shares of AUM, ratios between classes."""
    balances = bucket.balances
    aum = balances.at_snapshot(balances.aum)
    running = balances.by_name
    for name in (*CLASSES, *CLASS_GROUPS):
        held = balances.at_snapshot(running[name])
        yield Name(name, "last"), held
        yield Name(name, "share"), ratio(held, aum)
        for window in (4, 13, 26):
            before = balances.ago(running[name], window)
            yield Name(name, "difference", weeks(window)), ratio(held - before, aum)
    for part, whole in (("investment", "deposits"), ("term", "demand"), ("fund", "wealth")):
        parts, wholes = (balances.at_snapshot(running[name]) for name in (part, whole))
        yield Name(part, f"per_{whole}"), ratio(parts, wholes)
    for window in (13, 26):
        mean_aum = balances.mean(window)
        for name in MAIN:
            low, high, mean, deviation = swing(running[name], balances.calendar, window)
            yield Name(name, "min", weeks(window)), low
            yield Name(name, "deviation", weeks(window)), ratio(deviation, mean_aum)
            if window == 26:
                yield Name(name, "peak", weeks(window)), high
                yield Name(name, "mean", weeks(window)), mean


def swing(
    running: Ints, calendar: Calendar, window: int
) -> tuple[SnapshotArray, SnapshotArray, SnapshotArray, SnapshotArray]:
    """Lowest, highest, mean and deviation of the window's Monday balances, base currency; NaN: uncovered."""
    shape = (len(calendar.at), running.shape[1])
    low, high, total = (np.zeros(shape, np.int64) for _ in range(3))
    squares = np.zeros(shape)
    _swing(running, calendar.at, window, low, high, total, squares)
    arrays = (low / MINOR, high / MINOR, total / (window * MINOR), np.sqrt(squares / window) / MINOR)
    for array in arrays:
        array[~calendar.covered(window)] = np.nan
    return arrays


@numba.njit(cache=True, nogil=True)
def _swing(
    running: Ints, at: Ints, window: int, low: Ints, high: Ints, total: Ints, squares: NDArray[np.float64]
) -> None:
    """Week by week in this order for every customer, so that a sum is the same in any bucket."""
    customers = running.shape[1]
    for s in range(len(at)):
        if at[s] < window:
            continue
        first = at[s] + 1 - window
        low[s], high[s] = running[first], running[first]
        for p in range(first, at[s] + 1):
            for c in range(customers):
                value = running[p, c]
                total[s, c] += value
                low[s, c] = min(low[s, c], value)
                high[s, c] = max(high[s, c], value)
        for p in range(first, at[s] + 1):
            for c in range(customers):
                off = running[p, c] - total[s, c] / window
                squares[s, c] += off * off


def months(bucket: Bucket) -> Columns:
    """Money in base currency at the end of a month's last day (1m = the last month-end), and ratios."""
    balances = bucket.balances
    for name in ("aum", *MAIN):
        for back in range(1, 7):
            yield Name(name, "closing", month(back)), balances.month_end(name, back)
    for name in ("aum", "deposits", "investment"):
        for back in range(1, 4):
            end, before = balances.month_end(name, back), balances.month_end(name, back + 1)
            yield Name(name, "step", month(back)), end - before
            yield Name(name, "growth", month(back)), ratio(end, before)
    for name in CLASS_GROUPS:
        current, before = balances.at_snapshot(balances.by_name[name]), balances.last_quarter_end(name)
        yield Name(name, "change", "quarter"), _relative_change(current, before)


WEEKS = 13  # the tier is by the average AUM over these weeks


def tiers(bucket: Bucket) -> Columns:
    """AUM above the tier's lower bound and below the next tier's, as shares of AUM; NaN in no next tier."""
    balances, declared = bucket.balances, bucket.settings.tiers
    lower_bounds = bounds(declared)
    mean, aum = balances.mean(WEEKS), balances.at_snapshot(balances.aum)
    reached = place(mean, declared)
    lower, upper = lower_bounds[reached], np.append(lower_bounds, np.nan)[reached + 1]
    unknown = np.isnan(mean)
    lower[unknown], upper[unknown] = np.nan, np.nan
    yield Name("tier", "above"), ratio(aum - lower, aum)
    yield Name("next_tier", "below"), ratio(upper - aum, aum)
