"""The bank's own label: the rows of table ``labels`` as what became of a customer after a Monday.

Worked example (horizon 180 days): the row of day 2024-03-31, a Sunday, with ``gone`` 0 and known on
2024-09-27, belongs to the Monday 2024-03-25, so that no feature sees past the Monday. Its window
[03-31, 09-27) has closed for whoever looks on 2024-09-30. Of several days of a customer in one week the first
counts. A row with ``gone`` 0 that was known before 09-27 says what nobody could know yet: it is no label. A
customer-Monday without a row is unknown.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from configs.settings import Label
from features.engine.cut import seen
from features.engine.entities import FOREVER, Entities, Ints, Rows

WEEK = 7
MONDAY = 4  # the day number of a Monday, 1970-01-05


@dataclass(frozen=True)
class Delivered:
    """Per snapshot and customer: ``gone`` is 1, 0, or -1: unknown; ``lost`` in minor units, -1 likewise."""

    gone: Ints
    lost: Ints


def known_too_early(rows: Rows, horizon_days: int) -> NDArray[np.bool_]:
    """One flag per row: nobody could know on ``known_on`` that the customer would not leave."""
    return (rows.columns["gone"] == 0) & (rows.known_on < rows.day + horizon_days)


def known_labels(rows: Rows, label: Label, known_before: int) -> Rows:
    """The rows that tell what became of their customer, as known before a day number, for good."""
    closed = rows.day + label.horizon_days <= known_before
    known = rows.take(closed & seen(rows, known_before) & ~known_too_early(rows, label.horizon_days))
    return replace(known, until=np.full(len(known), FOREVER))


def monday_of(day: Ints) -> Ints:
    """The Monday on or before each day number."""
    return day - (day - MONDAY) % WEEK


def delivered(entities: Entities, snapshots: Ints, label: Label, known_before: int) -> Delivered:
    """What the bank's labels say of each snapshot, as known before a day number."""
    rows = known_labels(entities.tables["labels"], label, known_before)
    shape, order, monday = (len(snapshots), len(entities)), np.argsort(snapshots), monday_of(rows.day)
    gone, lost = np.full(shape, -1), np.full(shape, -1)
    place = order[np.minimum(np.searchsorted(snapshots, monday, sorter=order), len(snapshots) - 1)]
    ours = np.flatnonzero(snapshots[place] == monday)
    ours = ours[::-1]  # days ascend: the first of a week is written last
    for values, name in ((gone, "gone"), (lost, "lost")):
        values[place[ours], rows.customer[ours]] = rows.columns[name][ours]
    return Delivered(gone, lost)
