"""The days on which a customer booked: how many, since when and how long ago, of the newest ``COUNTED``."""

from dataclasses import dataclass

import numpy as np

from features.catalogue.measures import OWN_BOOKING
from features.engine.activity import counted
from features.engine.entities import FOREVER, Entities
from features.engine.tiles import Calendar, SnapshotArray

# A hundred days tell how often somebody books to a tenth; older ones may be of another habit, and whoever
# books daily would have thousands.
COUNTED = 100


@dataclass(frozen=True)
class BookingDays:
    """(snapshot × customer) arrays of the days with bookings of the customer's own, however many a day.

    ``number`` counts the newest ``COUNTED`` before the snapshot, however long ago; ``since_first`` and
    ``since_last`` are the days from the first and the last of these to the snapshot, NaN where there is none.
    """

    number: SnapshotArray
    since_first: SnapshotArray
    since_last: SnapshotArray


def make_booking_days(entities: Entities, calendar: Calendar) -> BookingDays:
    """By the rows of ``entities`` that happened before each snapshot."""
    rows, snapshots = entities.tables["transactions"], calendar.snapshots[:, None]
    booking = counted(rows, OWN_BOOKING)
    moments = rows.customer[booking] * FOREVER + rows.day[booking]  # ascending, as rows are
    moments = moments[np.append(True, moments[1:] > moments[:-1])[: len(moments)]]
    customer = np.arange(len(entities)) * FOREVER
    stop = np.searchsorted(moments, customer + snapshots)
    start = np.maximum(np.searchsorted(moments, customer), stop - COUNTED)
    day = np.append(moments % FOREVER, 0).astype(np.float64)  # one more, for who has none after all others
    known = stop > start
    first, last = (np.where(known, snapshots - day[place], np.nan) for place in (start, stop - 1))
    return BookingDays((stop - start).astype(np.float64), first, last)
