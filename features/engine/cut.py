"""The cut in time: which rows a snapshot may see, and which customers that makes special.

A row is seen at a snapshot only if it happened before it, was known before it, and no later version of it was
known before it. Nearly all rows are known in the week in which they happened, so running sums over weeks
serve every snapshot at once. The few customers with a row that straddles a snapshot (happened before, known
after; or corrected after) are computed again: each such customer and snapshot becomes a customer of small
entities of their own that hold exactly the rows seen on that day.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.tables import EVENT_TABLES
from features.catalogue.grammar import Name
from features.engine.entities import FOREVER, Entities, Ints, Rows
from features.engine.tiles import Calendar

TOGETHER = 500  # customers and snapshots with late rows that are computed again in one pass
Arrays = dict[Name, NDArray[Any]]  # (snapshot × customer) each


def seen(rows: Rows, snapshot: int | Ints) -> NDArray[np.bool_]:
    """One flag per row: visible at the snapshot (a day number, or one per row)."""
    return (rows.day < snapshot) & (rows.known_on < snapshot) & (rows.until >= snapshot)


def value_as_of(
    rows: Rows,
    snapshots: Ints,
    customers: int,
    values: NDArray[Any],
    missing: float,
    visible: Callable[[Rows, int], NDArray[np.bool_]] | None = None,
) -> NDArray[Any]:
    """(snapshot × customer) array: ``values`` of each customer's last visible row, else ``missing``."""
    result = np.full(
        (len(snapshots), customers), missing, np.result_type(values, np.min_scalar_type(missing))
    )
    for s, day in enumerate(snapshots):
        places = np.flatnonzero((visible or seen)(rows, int(day)))
        result[s, rows.customer[places]] = values[places]
    return result


def any_between(rows: Rows, customers: int, start: Ints, end: Ints) -> NDArray[np.bool_]:
    """(window × customer) flags: the customer has a row in [start, end), a day number per window."""
    moment = rows.customer * FOREVER + rows.day
    customer = np.arange(customers) * FOREVER
    first, stop = (np.searchsorted(moment, customer + day[:, None]) for day in (start, end))
    return stop > first


def recompute_late_arrivals(
    entities: Entities, calendar: Calendar, compute: Callable[[Entities, Calendar], Arrays]
) -> Arrays:
    """The arrays of ``compute`` by the rows that each snapshot could see.

    All customers are computed at once from the last versions of rows; the few for whom that is wrong on a
    snapshot are computed again from the rows seen then, and put in their places.
    """
    arrays, customers = compute(last_versions(entities), calendar), len(entities)
    pairs = [_straddled(entities.tables[name], calendar.snapshots, customers) for name in EVENT_TABLES]
    snapshot, customer = np.divmod(np.unique(np.concatenate(pairs)), customers)
    for late in _together(snapshot, len(calendar.snapshots)):
        s, who = snapshot[late], customer[late]
        some = replace(calendar, snapshots=calendar.snapshots[s[0] : s[-1] + 1])
        patch = compute(_as_seen(entities, who, calendar.snapshots[s]), some)
        for name, array in arrays.items():
            array[s, who] = patch[name][s - s[0], np.arange(len(s))]
    return arrays


def _together(snapshot: Ints, snapshots: int) -> Iterator[slice]:
    """Cuts pairs, which come by snapshot, between snapshots: a cut is computed on all of its snapshots.

    A pass of all families over a few pairs costs what one over hundreds does, so a cut holds TOGETHER pairs
    or, where a snapshot alone has more, that snapshot's.
    """
    edges = np.searchsorted(snapshot, np.arange(snapshots + 1)).tolist()
    start = 0
    for edge, following in pairwise([*edges, len(snapshot) + TOGETHER + 1]):
        if edge > start and following - start > TOGETHER:
            yield slice(start, edge)
            start = edge


def last_versions(entities: Entities) -> Entities:
    """The entities of the fast path: every row's last version, as if known when it happened."""
    tables = dict(entities.tables)
    for name in EVENT_TABLES:
        last = tables[name].until == FOREVER
        if not last.all():
            tables[name] = tables[name].take(last)
    return replace(entities, tables=tables)


def _as_seen(entities: Entities, customer: Ints, snapshot: Ints) -> Entities:
    """Small entities of these customers, each with exactly the rows seen at its snapshot (a day number)."""
    tables = {name: _gather(rows, customer) for name, rows in entities.tables.items()}
    for name in EVENT_TABLES:
        tables[name] = tables[name].take(seen(tables[name], snapshot[tables[name].customer]))
    return replace(entities, customers=entities.customers[customer], tables=tables)


def _straddled(rows: Rows, snapshots: Ints, customers: int) -> Ints:
    """snapshot × customers + customer, wherever a row is not what ``last_versions`` takes it for.

    A last version is wrongly counted at the snapshots after it happened up to the day it was known; an
    earlier version is wrongly left out from when it was known until it was superseded.
    """
    last = rows.until == FOREVER
    start = np.where(last, rows.day, np.maximum(rows.day, rows.known_on))
    end = np.where(last, rows.known_on, rows.until)
    first = np.searchsorted(snapshots, start, side="right")
    width = np.maximum(np.searchsorted(snapshots, end, side="right") - first, 0)
    return _ranges(first, width) * customers + np.repeat(rows.customer, width)


def _gather(rows: Rows, customer: Ints) -> Rows:
    """The rows of these customers, renumbered."""
    first = np.searchsorted(rows.customer, customer, side="left")
    width = np.searchsorted(rows.customer, customer, side="right") - first
    return rows.take(_ranges(first, width), np.repeat(np.arange(len(customer)), width))


def _ranges(first: Ints, width: Ints) -> Ints:
    """``width`` numbers from each ``first`` on, one after the other."""
    offset = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
    return np.repeat(first, width) + offset
