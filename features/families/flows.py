"""Families of bookings: money in and out, large single entries, and how the weeks differ from each other."""

from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

from configs.tables import COUNTERPARTIES
from features.catalogue.grammar import Name, weeks
from features.catalogue.measures import CHANNELS, MEASURES
from features.engine.activity import Activity, Bucket, counted
from features.engine.balances import MINOR
from features.engine.entities import Entities, Ints
from features.engine.tiles import Calendar, Columns, SnapshotArray, add, ratio, sum_up, trailing_sum

# Measures whose sum says more beside what the customer holds.
_PER_AUM = ("inflow", "outflow", "inflow_elsewhere", "outflow_elsewhere", "redeem", "buy")
_RATE_RATIOS = ("outflow", "outflow_elsewhere", "inflow", "booking", "login", "card")


def flows(bucket: Bucket) -> Columns:
    """Every declared measure over every window, then ratios between them; money in base currency."""
    activity, balances = bucket.activity, bucket.balances
    windows = activity.calendar.windows
    per_aum = _PER_AUM if bucket.settings.counts == "money" else ()
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
        if per_aum:
            yield Name("net_flow", "per_aum", weeks(window)), ratio(net, balances.mean(window))
        for name in per_aum:
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


def _chosen(entities: Entities, name: str) -> Ints:
    measure = next(measure for measure in MEASURES if measure.name == name)
    return np.flatnonzero(counted(entities.tables["transactions"], measure))


def _large_counts(entities: Entities, calendar: Calendar, name: str, large_amount: int) -> Ints:
    """Running number of large entries by kind of counterparty (counterparty × position × customer)."""
    rows, chosen = entities.tables["transactions"], _chosen(entities, name)
    chosen = chosen[np.abs(rows.columns["amount_base"][chosen]) >= large_amount]
    n = len(chosen)
    tiles = np.zeros((len(COUNTERPARTIES), calendar.positions, len(entities)), np.int64)
    add(
        calendar.position(rows.day[chosen]), rows.customer[chosen],
        np.arange(n + 1), rows.columns["counterparty"][chosen], np.ones(n, np.int64), tiles,
    )  # fmt: skip
    sum_up(tiles)
    return tiles


def _days_since_largest(entities: Entities, calendar: Calendar, name: str) -> SnapshotArray:
    """Days since the largest entry of the last year, of equal ones the newest; NaN without one."""
    rows, chosen = entities.tables["transactions"], _chosen(entities, name)
    out = np.full((len(calendar.at), len(entities)), np.nan)
    _sweep(
        rows.customer[chosen], rows.day[chosen], np.abs(rows.columns["amount_base"][chosen]),
        calendar.snapshots, 7 * YEAR, np.zeros(out.shape, np.int64), out,
    )  # fmt: skip
    out[~calendar.covered(YEAR)] = np.nan
    return out


@numba.njit(cache=True, nogil=True)
def _sweep(
    customer: Ints, day: Ints, amount: Ints, snapshots: Ints, span: int, largest: Ints,
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    for i in range(len(customer)):
        c = customer[i]
        for s in range(len(snapshots)):
            ago = snapshots[s] - day[i]
            if 0 < ago <= span:
                newer = amount[i] == largest[s, c] and not ago >= out[s, c]
                if amount[i] > largest[s, c] or newer:
                    largest[s, c], out[s, c] = amount[i], ago


MONTH = 4
HALF_LIFE = 4  # weeks in which a booking's weight halves
COLLAPSED = 0.2  # a last month below this part of the year's weekly rate
_LAST = f"{weeks(MONTH)}_per_{weeks(YEAR)}"


def rhythm(bucket: Bucket) -> Columns:
    """Weekly sums and counts of the last year; NaN where the history does not cover it."""
    activity, calendar = bucket.activity, bucket.calendar
    for name in ("inflow", "outflow"):
        for window in (13, YEAR):
            span, total, count = weeks(window), activity.total(name, window), activity.count(name, window)
            yield Name(name, "ticket", span), ratio(total, count)
            if name == "inflow":
                yield Name(name, "per_outflow", span), ratio(total, activity.total("outflow", window))
        year = weeks_of_year(activity.tiles[name, "sum"], calendar)
        yield Name(name, "volatility", weeks(YEAR)), ratio(year["deviation"], year["mean"])
        yield Name(name, "zscore", _LAST), ratio(year["last_month"] - year["mean"], year["deviation"])
    for name in ("booking", "login"):
        year = weeks_of_year(activity.tiles[name, "count"], calendar)
        year["burstiness"] = ratio(year["deviation"] ** 2, year["mean"])
        for statistic in ("recent", "burstiness", "active_weeks", "median_gap", "longest_gap"):
            yield Name(name, statistic, weeks(YEAR)), year[statistic]
        yield Name(name, "zscore", _LAST), ratio(year["last_month"] - year["mean"], year["deviation"])
    for name in ("booking", "inflow"):
        monthly_rate, yearly_rate = activity.count(name, MONTH) / MONTH, activity.count(name, YEAR) / YEAR
        collapsed = np.where(yearly_rate > 0, monthly_rate < COLLAPSED * yearly_rate, np.nan)
        yield Name(name, "collapse", _LAST), collapsed
    half, before = activity.total("salary", 26), activity.total("salary", 13)
    yield Name("salary", "change", weeks(13)), ratio(2 * before - half, half - before)
    for window in (13, YEAR):
        yield Name("login", "idle", weeks(window)), trailing_sum(_idle(activity), calendar, window)


def _idle(activity: Activity) -> Ints:
    """Running number of weeks with a login in which no money went out."""
    looked, paid = (np.diff(activity.tiles[name, "count"], axis=0) for name in ("login", "outflow"))
    idle = np.zeros_like(activity.tiles["login", "count"])
    np.cumsum((looked > 0) & (paid == 0), axis=0, out=idle[1:])
    return idle


OF_YEAR = ("mean", "deviation", "last_month", "recent", "active_weeks", "median_gap", "longest_gap")


def weeks_of_year(running: Ints, calendar: Calendar) -> dict[str, SnapshotArray]:
    """Figures of the 52 weekly values of a year (snapshot × customer), from running sums, in their own unit.

    ``last_month`` is the mean of its weeks; ``recent`` the sum with weight 1/2 per HALF_LIFE weeks of age.
    A gap is a run of weeks of nothing, the year's edges included; 0 where there is none.
    """
    arrays = np.full((len(OF_YEAR), len(calendar.at), running.shape[1]), np.nan)
    weight = np.array([0.5 ** ((YEAR - 1 - week) / HALF_LIFE) for week in range(YEAR)])
    # A customer's weeks side by side: the kernel goes along them.
    _weeks(np.ascontiguousarray(running.T), calendar.at, weight, arrays)
    return dict(zip(OF_YEAR, arrays, strict=True))


@numba.njit(cache=True, nogil=True)
def _weeks(running: Ints, at: Ints, weight: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    span = len(weight)
    gaps = np.zeros(span, np.int64)
    for c in range(len(running)):
        for s in range(len(at)):
            if at[s] < span:
                continue
            week = running[c, at[s] - span : at[s] + 1]
            mean = (week[span] - week[0]) / span
            gap_count, silent, active, weighted, squares = 0, 0, 0, 0.0, 0.0
            for k in range(span):
                value = week[k + 1] - week[k]
                weighted += weight[k] * value
                squares += (value - mean) ** 2
                if value:
                    gap_count, silent, active = _close(gaps, gap_count, silent), 0, active + 1
                else:
                    silent += 1
            gap_count = _close(gaps, gap_count, silent)
            out[0, s, c], out[1, s, c] = mean, np.sqrt(squares / span)
            out[2, s, c] = (week[span] - week[span - MONTH]) / MONTH
            out[3, s, c], out[4, s, c] = weighted, active
            out[5, s, c] = (gaps[(gap_count - 1) // 2] + gaps[gap_count // 2]) / 2 if gap_count else 0
            out[6, s, c] = gaps[gap_count - 1] if gap_count else 0


@numba.njit(cache=True, nogil=True)
def _close(gaps: Ints, gap_count: int, silent: int) -> int:
    """Put a gap that has ended among the sorted ones; how many there are then."""
    if not silent:
        return gap_count
    place = gap_count
    while place and gaps[place - 1] > silent:
        gaps[place] = gaps[place - 1]
        place -= 1
    gaps[place] = silent
    return gap_count + 1
