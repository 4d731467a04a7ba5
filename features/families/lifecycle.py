"""Family: how long a customer has been here and at which stage; when each thing was done first and last."""

from dataclasses import replace

import numpy as np

from configs.published import STAGES
from features.catalogue.grammar import Name
from features.engine.activity import Activity
from features.engine.cut import value_as_of
from features.engine.entities import Entities, Ints
from features.engine.tiles import Calendar, Columns, SnapshotArray
from features.families.shared import Bucket

NEW_DAYS = 365
DORMANT_DAYS = 182
STAGE_WEEKS = 26  # a stage that has lasted longer is not counted on: each look takes half a year before it
TREND = 0.10  # change of AUM over 26 weeks that makes a customer growing or declining


def features(bucket: Bucket) -> Columns:
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
    change = _trend(aum, activity.calendar)
    quiet = ~(activity.days_since("booking") <= DORMANT_DAYS)
    seen_long_enough = activity.calendar.covered(DORMANT_DAYS // 7)[:, None]
    return np.select(
        [quiet & seen_long_enough, days < NEW_DAYS, change >= TREND, change <= -TREND],
        [STAGES.index(name) for name in ("dormant", "new", "growing", "declining")],
        default=float(STAGES.index("mature")),
    ).astype(np.float64)


def _trend(aum: Ints, calendar: Calendar) -> SnapshotArray:
    current, before = aum[calendar.at], aum[np.maximum(calendar.at - DORMANT_DAYS // 7, 0)]
    positive = (before > 0) & calendar.covered(DORMANT_DAYS // 7)[:, None]
    return np.divide(current - before, before, out=np.zeros(current.shape), where=positive)


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
