"""Family: large single entries and from how many sides, the largest one, how long ago and how much of all."""

import numba
import numpy as np
from numpy.typing import NDArray

from configs.tables import COUNTERPARTIES
from features.catalogue.grammar import Name, weeks
from features.catalogue.measures import MEASURES
from features.engine.activity import counted
from features.engine.balances import MINOR
from features.engine.entities import Entities, Ints
from features.engine.tiles import Calendar, Columns, SnapshotArray, add, ratio, trailing_sum
from features.families.shared import Bucket

LARGEST = ("inflow_elsewhere", "outflow_elsewhere", "outflow")
YEAR = 52


def features(bucket: Bucket) -> Columns:
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
    """Places of the bookings of a measure."""
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
    return np.cumsum(tiles, axis=1)


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
