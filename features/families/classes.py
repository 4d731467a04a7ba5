"""Family: each product class and group of classes: what is held, how it moved, how far it swung."""

from collections.abc import Mapping

import numba
import numpy as np
from numpy.typing import NDArray

from features.catalogue.grammar import Name, weeks
from features.engine.balances import CLASS_GROUPS, CLASSES, MINOR, Balances
from features.engine.entities import Ints
from features.engine.tiles import Calendar, Columns, SnapshotArray, ratio
from features.families.shared import Bucket

# The classes that most customers hold and move; of the others what is held now and its changes say enough.
MAIN = ("demand", "term", "structured", "wealth", "fund")


def features(bucket: Bucket) -> Columns:
    """Money in base currency, shares of AUM, ratios between classes."""
    balances = bucket.balances
    aum = balances.at_snapshot(balances.aum)
    running = balances.by_name
    for name in (*CLASSES, *CLASS_GROUPS):
        sums = running[name]
        held = balances.at_snapshot(sums)
        yield Name(name, "last"), held
        yield Name(name, "share"), ratio(held, aum)
        for window in (4, 13, 26):
            yield Name(name, "difference", weeks(window)), ratio(held - balances.ago(sums, window), aum)
    for part, whole in (("investment", "deposits"), ("term", "demand"), ("fund", "wealth")):
        parts, wholes = (balances.at_snapshot(running[name]) for name in (part, whole))
        yield Name(part, f"per_{whole}"), ratio(parts, wholes)
    for window in (13, 26):
        yield from _swings(balances, running, window)


def _swings(balances: Balances, running: Mapping[str, Ints], window: int) -> Columns:
    """Extremes, mean and standard deviation of the Monday balances; deviations as a share of average AUM."""
    span, mean_aum = weeks(window), balances.mean(window)
    for name in MAIN:
        low, high, mean, deviation = swing(running[name], balances.calendar, window)
        yield Name(name, "min", span), low
        yield Name(name, "deviation", span), ratio(deviation, mean_aum)
        if window == 26:
            yield Name(name, "peak", span), high
            yield Name(name, "mean", span), mean


def swing(
    running: Ints, calendar: Calendar, window: int
) -> tuple[SnapshotArray, SnapshotArray, SnapshotArray, SnapshotArray]:
    """Lowest, highest, mean and deviation of the window's Monday balances, base currency; NaN: not
    covered."""
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
