"""Families of bookings: money in and out, rate ratios and silence; large single entries."""

from itertools import pairwise

import numpy as np

from configs.tables import COUNTERPARTIES
from features.catalogue.grammar import Name, weeks
from features.catalogue.measures import CHANNELS, MEASURES
from features.engine.activity import Bucket, counted
from features.engine.balances import MINOR
from features.engine.entities import Entities, Ints, Rows
from features.engine.tiles import Calendar, Columns, SnapshotArray, add, ratio, trailing_sum

# Measures whose sum says more beside what the customer holds.
_PER_AUM = ("inflow", "outflow", "inflow_elsewhere", "outflow_elsewhere", "redeem", "buy")
_RATE_RATIOS = ("outflow", "outflow_elsewhere", "inflow", "booking", "login", "card")


def flows(bucket: Bucket) -> Columns:
    """Every declared measure over every window, then ratios between them; money in base currency."""
    activity, balances = bucket.activity, bucket.balances
    windows = activity.calendar.windows
    of = {"sum": activity.total, "count": activity.count, "max": activity.largest}
    for measure in bucket.measures:
        if measure.name in CHANNELS and measure.name != "counter":
            continue  # their shares say enough
        for statistic in measure.statistics:
            if statistic == "days_since":
                yield Name(measure.name, statistic), activity.days_since(measure.name)
                continue
            for window in windows:
                yield Name(measure.name, statistic, weeks(window)), of[statistic](measure.name, window)
    for window in windows:
        net = activity.net("inflow", "outflow", window)
        yield Name("net_flow", "sum", weeks(window)), net
        yield Name("net_flow", "per_aum", weeks(window)), ratio(net, balances.mean(window))
        for name in _PER_AUM:
            total = activity.total(name, window)
            yield Name(name, "per_aum", weeks(window)), ratio(total, balances.mean(window))
    for name in _RATE_RATIOS:
        rate = {window: activity.count(name, window) / window for window in windows}
        for short, long in pairwise(windows):  # 1 = as usual, 0 = stopped
            yield Name(name, "speed", f"{weeks(short)}_per_{weeks(long)}"), ratio(rate[short], rate[long])
    for channel in CHANNELS:
        for window in (13, 52):
            part, whole = activity.count(channel, window), activity.count("booking", window)
            yield Name(channel, "of_bookings", weeks(window)), ratio(part, whole)


LARGEST = ("inflow_elsewhere", "outflow_elsewhere", "outflow")
YEAR = 52


def large(bucket: Bucket) -> Columns:
    """Counts of entries from ``large_amount`` (base currency) upwards; days since the year's largest one."""
    entities, activity, calendar = bucket.entities, bucket.activity, bucket.calendar
    minor = round(bucket.settings.features.large_amount * MINOR)
    for way in ("inflow", "outflow"):
        running = _large_counts(entities, calendar, way, minor)
        for window in (13, YEAR):
            by_side = np.stack([trailing_sum(counts, calendar, window) for counts in running])
            yield Name(f"large_{way}", "count", weeks(window)), by_side.sum(axis=0)
            sides = np.where(calendar.covered(window)[:, None], (by_side > 0).sum(axis=0), np.nan)
            yield Name(f"large_{way}", "counterparties", weeks(window)), sides
            biggest, all_of_it = activity.largest(way, window), activity.total(way, window)
            yield Name(way, "largest_share", weeks(window)), ratio(biggest, all_of_it)
    for name in LARGEST:
        yield Name(name, "days_since_largest"), _days_since_largest(entities, calendar, name)


def _of_measure(entities: Entities, name: str) -> Rows:
    """The bookings of a measure."""
    rows = entities.tables["transactions"]
    return rows.take(counted(rows, next(measure for measure in MEASURES if measure.name == name)))


def _large_counts(entities: Entities, calendar: Calendar, name: str, large_amount: int) -> Ints:
    """Running number of large entries by kind of counterparty (counterparty × position × customer)."""
    rows = _of_measure(entities, name)
    rows = rows.take(np.abs(rows.columns["amount_base"]) >= large_amount)
    tiles = np.zeros((len(COUNTERPARTIES), calendar.positions, len(entities)), np.int64)
    place, one = np.arange(len(rows) + 1), np.ones(len(rows), np.int64)
    add(calendar.position(rows.day), rows.customer, place, rows.columns["counterparty"], one, tiles)
    return np.cumsum(tiles, axis=1)


def _days_since_largest(entities: Entities, calendar: Calendar, name: str) -> SnapshotArray:
    """Days since the largest entry of the last year, of equal ones the newest; NaN without one."""
    rows = _of_measure(entities, name)
    rows = rows.take(np.lexsort((rows.day, np.abs(rows.columns["amount_base"]))))
    out = np.full((len(calendar.at), len(entities)), np.nan)
    for s in np.flatnonzero(calendar.covered(YEAR)):
        ago = calendar.snapshots[s] - rows.day
        inside = (ago > 0) & (ago <= 7 * YEAR)
        out[s, rows.customer[inside]] = ago[inside]  # the last in this order stands
    return out
