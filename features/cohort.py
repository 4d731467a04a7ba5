"""Who is eligible at a snapshot, and for everyone else the code that says why not."""

import numpy as np
from numpy.typing import NDArray

from configs.published import EXCLUSION_CODES
from configs.settings import Settings
from configs.tables import STATUSES
from features.catalogue.measures import OWN_BOOKING, counted
from features.engine.balances import Wealth
from features.engine.cut import any_between, seen
from features.engine.entities import World
from features.engine.tiles import Calendar, Grid
from features.families.tiers import lower_bound

CODES = tuple(EXCLUSION_CODES)
ELIGIBLE = -1


def exclusion(world: World, wealth: Wealth, active: Grid, settings: Settings) -> NDArray[np.int64]:
    """Per snapshot and customer the place in CODES of the first reason that holds, or ELIGIBLE.

    AUM is the daily average at constant prices over the label's base weeks; ``active`` is the number of
    rows (bookings and holdings) seen before the snapshot.
    """
    calendar, bounds = wealth.calendar, settings.cohort
    known, tenure, staff, status = _record(world, calendar)
    base = wealth.constant_price_mean(settings.label.base_weeks)
    holds = {
        "not_yet_customer": ~known,
        "closed": status == STATUSES.index("closed"),
        "deceased_or_frozen": np.isin(status, [STATUSES.index("deceased"), STATUSES.index("frozen")]),
        "staff": staff,
        "no_history": (active == 0) | np.isnan(base),
        "too_new": tenure < 7 * bounds.min_tenure_weeks,
        "below_bounds": base < bounds.min_aum,
        "above_bounds": base >= bounds.max_aum,
        "already_left": already_left(world, wealth, settings),
    }
    return np.select([holds[code] for code in CODES], list(range(len(CODES))), default=ELIGIBLE)


def already_left(world: World, wealth: Wealth, settings: Settings) -> NDArray[np.bool_]:
    """Whether the customer is gone on the snapshot by the label's own measure, as far as it can be seen then.

    Dormancy looks at the bookings of as many days before the snapshot as the outcome window has.
    """
    label, calendar = settings.label, wealth.calendar
    base, now = wealth.constant_price_mean(label.base_weeks), wealth.now(wealth.aum)
    if label.definition == "tier_downgrade":
        return now < lower_bound(base, settings.tiers)
    if label.definition == "closure":
        return wealth.products[calendar.at] == 0
    if label.definition == "dormancy":
        bookings = world.tables["transactions"]
        own = bookings.take(counted(bookings, OWN_BOOKING))
        day = calendar.snapshots
        return (now < label.dormant_floor) & ~any_between(own, len(world), day - label.horizon_days, day)
    return now <= (1 - label.min_drop) * base


def opted_out(world: World, calendar: Calendar) -> NDArray[np.bool_]:
    """Whether the customer must not be approached, as known before each snapshot."""
    out = np.zeros((len(calendar.snapshots), len(world)), bool)
    rows = world.tables["customers"]
    for s, day in enumerate(calendar.snapshots):
        now = np.flatnonzero(seen(rows, int(day)))
        out[s, rows.customer[now]] = rows.columns["marketing_opt_out"][now] == 1
    return out


def _record(
    world: World, calendar: Calendar
) -> tuple[NDArray[np.bool_], Grid, NDArray[np.bool_], NDArray[np.int64]]:
    """The customer's record as of each snapshot: known at all, tenure in days, staff, status."""
    rows = world.tables["customers"]
    shape = (len(calendar.snapshots), len(world))
    known, staff = np.zeros(shape, bool), np.zeros(shape, bool)
    tenure, status = np.zeros(shape), np.zeros(shape, np.int64)
    for s, day in enumerate(calendar.snapshots):
        now = np.flatnonzero(seen(rows, int(day)))
        who = rows.customer[now]
        known[s, who] = True
        tenure[s, who] = day - rows.day[now]
        staff[s, who] = rows.columns["is_staff"][now] == 1
        status[s, who] = rows.columns["status"][now]
    return known, tenure, staff, status
