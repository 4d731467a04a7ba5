"""Families of time: tenure and stage of a customer, firsts, the outcome before, the season."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from configs.published import STAGES
from configs.tables import PRODUCT_CLASSES
from features.catalogue.grammar import Name
from features.catalogue.measures import MEASURES
from features.engine.activity import Activity, Bucket, counted
from features.engine.balances import month_number
from features.engine.cut import value_as_of
from features.engine.entities import Entities, Ints, Rows
from features.engine.tiles import Calendar, Columns, SnapshotArray
from features.label import share_left

NEW_DAYS = 365
DORMANT_DAYS = 182
STAGE_WEEKS = 26  # a stage that has lasted longer is not counted on: each look takes half a year before it
TREND = 0.10  # change of AUM over 26 weeks that makes a customer growing or declining


def lifecycle(bucket: Bucket) -> Columns:
    """Tenure in days; the stage, coded by its place in STAGES, and how long it has lasted."""
    activity, aum = bucket.activity, bucket.balances.aum
    days = tenure(bucket.entities, activity.calendar)
    current = stage(activity, aum, days)
    yield Name("tenure", "days"), days
    yield Name("lifecycle_stage", "code"), current
    yield Name("lifecycle_stage", "weeks"), _weeks_in_stage(activity, aum, days, current)


def tenure(entities: Entities, calendar: Calendar) -> SnapshotArray:
    """Days since the customer's first day; NaN while the bank does not know the customer."""
    records, snapshots = entities.tables["customers"], calendar.snapshots
    return snapshots[:, None] - value_as_of(records, snapshots, len(entities), records.day, np.nan)


def stage(activity: Activity, aum: Ints, days: SnapshotArray) -> SnapshotArray:
    """The first that holds: dormant (no booking of the customer's own for half a year), new (first year),
    growing or declining (AUM moved by TREND over 26 weeks), else mature.

    ``aum`` at every position (minor units), ``days`` the tenure at each snapshot.
    """
    calendar, half_a_year = activity.calendar, DORMANT_DAYS // 7
    quiet = ~(activity.days_since("booking") <= DORMANT_DAYS)
    seen_long_enough = calendar.covered(half_a_year)[:, None]
    recent, before = aum[calendar.at], aum[np.maximum(calendar.at - half_a_year, 0)]
    measurable = (before > 0) & seen_long_enough
    change = np.divide(recent - before, before, out=np.zeros(recent.shape), where=measurable)
    return np.select(
        [quiet & seen_long_enough, days < NEW_DAYS, change >= TREND, change <= -TREND],
        [STAGES.index(name) for name in ("dormant", "new", "growing", "declining")],
        default=float(STAGES.index("mature")),
    ).astype(np.float64)


def _weeks_in_stage(
    activity: Activity, aum: Ints, days: SnapshotArray, current: SnapshotArray
) -> SnapshotArray:
    """On how many Mondays in a row right before the snapshot the stage was the same, STAGE_WEEKS at most.

    The stage of an earlier Monday is the one that today's rows give it; a Monday with less than half a year
    of history before it ends the count.
    """
    calendar, weeks = activity.calendar, np.zeros_like(current)
    mondays = calendar.history_from + 7 * np.arange(calendar.positions)
    always = replace(activity, calendar=replace(calendar, snapshots=mondays))
    old = stage(always, aum, np.full(aum.shape, np.inf)).astype(np.int8)
    same, dormant = np.ones(current.shape, bool), STAGES.index("dormant")
    for back in range(1, STAGE_WEEKS + 1):
        at = calendar.at - back
        earlier = old[np.maximum(at, 0)]
        earlier = np.where((earlier != dormant) & (days - 7 * back < NEW_DAYS), STAGES.index("new"), earlier)
        same &= (earlier == current) & (at >= DORMANT_DAYS // 7)[:, None]
        weeks += same
    return weeks


HELD = ("term", "fund", "wealth")
DONE = ("login", "outflow_elsewhere", "salary")
# A first older than this is as good as "always": else it would tell how long ago the data begin.
LONGEST = 728
GAPS = (("term", "wealth"), ("wealth", "fund"), ("salary", "outflow_elsewhere"))


def firsts(bucket: Bucket) -> Columns:
    """Days since each first, LONGEST at most, NaN where there was none; days from one first to another."""
    entities, calendar = bucket.entities, bucket.calendar
    since: dict[str, SnapshotArray] = {}
    holdings = entities.tables["holdings"]
    held = HELD if bucket.settings.counts == "money" else ()
    for name in held:
        kind = holdings.columns["product_class"] == PRODUCT_CLASSES.index(name)
        since[name] = _since(holdings, kind & (holdings.columns["balance_base"] > 0), calendar, len(entities))
    for measure in MEASURES:
        if measure.name in DONE:
            rows = entities.tables[measure.table]
            since[measure.name] = _since(rows, counted(rows, measure), calendar, len(entities))
    for name in (*held, *DONE):
        yield Name(name, "days_since_first"), since[name]
    for earlier, later in GAPS:
        if earlier in since:
            yield Name(later, f"days_after_{earlier}"), since[earlier] - since[later]


def _since(rows: Rows, chosen: NDArray[np.bool_], calendar: Calendar, customers: int) -> SnapshotArray:
    first: Ints = np.full(customers, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, rows.customer[chosen], rows.day[chosen])
    snapshots = calendar.snapshots[:, None]
    return np.where(first < snapshots, np.minimum(snapshots - first, LONGEST), np.nan)


def past(bucket: Bucket) -> Columns:
    """Of the AUM before an earlier Monday, the share that had left by the end of its outcome window.

    That Monday is the last one whose window closed by the snapshot: with lead 7 and horizon 90 days, 14 weeks
    before. Judged by the rows seen at the snapshot; NaN where the label was unknown.
    """
    calendar, label = bucket.calendar, bucket.settings.label
    earlier = np.maximum(calendar.snapshots - 7 * label.weeks_to_close, calendar.history_from)
    balances = replace(bucket.balances, calendar=replace(calendar, snapshots=earlier))
    base, end = balances.constant_price_mean(label.base_weeks), earlier + label.lead_days + label.horizon_days
    left = share_left(balances, base, end, label.settle_days)
    yield Name("past_outflow", "share"), np.where(base > 0, left, np.nan)


# First day of the Chinese New Year, 1990 to 2050: the second new moon after the winter solstice (Beijing).
SPRING_FESTIVALS = """
    1990-01-27 1991-02-15 1992-02-04 1993-01-23 1994-02-10 1995-01-31 1996-02-19 1997-02-07 1998-01-28
    1999-02-16 2000-02-05 2001-01-24 2002-02-12 2003-02-01 2004-01-22 2005-02-09 2006-01-29 2007-02-18
    2008-02-07 2009-01-26 2010-02-14 2011-02-03 2012-01-23 2013-02-10 2014-01-31 2015-02-19 2016-02-08
    2017-01-28 2018-02-16 2019-02-05 2020-01-25 2021-02-12 2022-02-01 2023-01-22 2024-02-10 2025-01-29
    2026-02-17 2027-02-06 2028-01-26 2029-02-13 2030-02-03 2031-01-23 2032-02-11 2033-01-31 2034-02-19
    2035-02-08 2036-01-28 2037-02-15 2038-02-04 2039-01-24 2040-02-12 2041-02-01 2042-01-22 2043-02-10
    2044-01-30 2045-02-17 2046-02-06 2047-01-26 2048-02-14 2049-02-02 2050-01-23
"""


def season(bucket: Bucket) -> Columns:
    """The month as a point on a circle; days to the next Spring Festival (NaN after 2050)."""
    calendar, customers = bucket.calendar, len(bucket.entities)
    angle = [2 * math.pi * month / 12 for month in (month_number(calendar.snapshots) % 12).tolist()]
    festivals = np.array(SPRING_FESTIVALS.split(), "datetime64[D]").astype(np.int64)
    following = np.searchsorted(festivals, calendar.snapshots, side="left")
    days = np.append(festivals, 0)[following] - calendar.snapshots.astype(np.float64)
    days[following == len(festivals)] = np.nan
    for name, value in (
        (Name("season", "sine"), np.array([math.sin(radians) for radians in angle])),
        (Name("season", "cosine"), np.array([math.cos(radians) for radians in angle])),
        (Name("spring_festival", "days_to"), days),
    ):
        yield name, np.repeat(value[:, None], customers, axis=1)
