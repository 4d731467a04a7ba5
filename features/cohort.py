"""The cohort: one exclusion code per snapshot and customer, or eligible."""

import numpy as np
from numpy.typing import NDArray

from configs.codes import EXCLUSION_CODES
from configs.settings import Settings
from configs.tables import STATUSES
from features.engine.balances import Balances
from features.engine.cut import value_as_of
from features.engine.entities import Entities
from features.engine.tiles import Calendar, SnapshotArray
from features.label import DEFINITIONS

CODES = tuple(EXCLUSION_CODES)
ELIGIBLE = -1


def exclusion(
    entities: Entities, balances: Balances, base: SnapshotArray, active: SnapshotArray, settings: Settings
) -> NDArray[np.int64]:
    """(snapshot × customer) array: the place in CODES of the first reason that holds, or ELIGIBLE.

    ``base`` is the daily average AUM at constant prices over the label's base weeks, ``active`` the number of
    rows (bookings and holdings) seen before the snapshot.
    """
    bounds, records, n = settings.cohort, entities.tables["customers"], len(entities)
    snapshots, columns = balances.calendar.snapshots, records.columns
    status = value_as_of(records, snapshots, n, columns["status"], STATUSES.index("active"))
    first_day = value_as_of(records, snapshots, n, records.day, np.nan)
    already_left = DEFINITIONS[settings.label.definition].already_left
    holds = {
        "not_yet_customer": np.isnan(first_day),
        "closed": status == STATUSES.index("closed"),
        "deceased_or_frozen": np.isin(status, [STATUSES.index("deceased"), STATUSES.index("frozen")]),
        "staff": value_as_of(records, snapshots, n, columns["is_staff"] == 1, False),
        "no_history": (active == 0) | np.isnan(base),
        "too_new": snapshots[:, None] - first_day < 7 * bounds.min_tenure_weeks,
        "below_bounds": (base < bounds.min_aum) | (base <= 0),  # of nothing no share can leave
        "above_bounds": base >= bounds.max_aum,
        "already_left": already_left(entities, balances, base, settings),
    }
    return np.select([holds[code] for code in CODES], list(range(len(CODES))), default=ELIGIBLE)


def opted_out(entities: Entities, calendar: Calendar) -> NDArray[np.bool_]:
    """(snapshot × customer) flags: the customer must not be approached, as known before each snapshot."""
    records = entities.tables["customers"]
    flags = records.columns["marketing_opt_out"] == 1
    return value_as_of(records, calendar.snapshots, len(entities), flags, False)
