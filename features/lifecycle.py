"""Family: how long a customer has been here and at which stage; when each thing was done first and last."""

from collections.abc import Iterator

import numpy as np

from features.activity import Activity
from features.cut import seen
from features.grammar import Name
from features.tiles import Calendar, Grid
from features.wealth import Wealth
from features.world import World

STAGES = ("new", "growing", "mature", "declining", "dormant")
NEW_DAYS = 365
DORMANT_DAYS = 182
TREND = 0.10  # change of AUM over 26 weeks that makes a customer growing or declining


def lifecycle(world: World, activity: Activity, wealth: Wealth) -> Iterator[tuple[Name, Grid]]:
    """Tenure in days and the stage, coded by its place in STAGES."""
    yield Name("tenure", "days"), tenure(world, activity.calendar)
    yield Name("lifecycle_stage", "code"), stage(world, activity, wealth)


def tenure(world: World, calendar: Calendar) -> Grid:
    """Days since the customer's first day; NaN while the bank does not know the customer."""
    rows = world.tables["customers"]
    days = np.full((len(calendar.snapshots), len(world)), np.nan)
    for s, day in enumerate(calendar.snapshots):
        now = np.flatnonzero(seen(rows, int(day)))
        days[s, rows.customer[now]] = day - rows.day[now]
    return days


def stage(world: World, activity: Activity, wealth: Wealth) -> Grid:
    """The first that holds: dormant (no booking of the customer's own for half a year), new (first year),
    growing or declining (AUM moved by TREND over 26 weeks), else mature."""
    change = _trend(wealth)
    quiet = ~(activity.days_since("booking") <= DORMANT_DAYS)
    seen_long_enough = activity.calendar.covered(DORMANT_DAYS // 7)[:, None]
    return np.select(
        [
            quiet & seen_long_enough,
            tenure(world, activity.calendar) < NEW_DAYS,
            change >= TREND,
            change <= -TREND,
        ],
        [STAGES.index(name) for name in ("dormant", "new", "growing", "declining")],
        default=float(STAGES.index("mature")),
    ).astype(np.float64)


def _trend(wealth: Wealth) -> Grid:
    before = wealth.ago(wealth.aum, 26)
    now = wealth.now(wealth.aum)
    return np.divide(now - before, before, out=np.zeros_like(now), where=before > 0)
