"""The cut in time: which rows a snapshot may see, and which customers that makes special.

A row is seen at a snapshot only if it happened before it, was known before it, and no later version of
it was known before it. Nearly all rows are known in the week in which they happened, so running sums over
weeks serve every snapshot at once. The few customers with a row that straddles a snapshot (happened
before, known after; or corrected after) are replayed: each such customer and snapshot becomes a customer
of a small world of its own that holds exactly the rows seen on that day.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from configs.tables import EVENT_TABLES
from features.catalogue.grammar import Name
from features.engine.entities import FOREVER, Ints, Rows, World


@dataclass(frozen=True)
class Replay:
    """Customers to compute apart as of one snapshot (a position), with exactly the rows seen then."""

    snapshot: int
    customer: Ints
    world: World


def seen(rows: Rows, snapshot: int | Ints) -> NDArray[np.bool_]:
    """Whether each row is visible at the snapshot (a day number, or one per row)."""
    return (rows.day < snapshot) & (rows.known < snapshot) & (rows.until >= snapshot)


def any_between(rows: Rows, customers: int, start: Ints, end: Ints) -> NDArray[np.bool_]:
    """Whether each customer has a row in [start, end): windows × customers, a day number per window."""
    moment = rows.customer * FOREVER + rows.day
    customer = np.arange(customers) * FOREVER
    first, stop = (np.searchsorted(moment, customer + day[:, None]) for day in (start, end))
    return stop > first


def as_if_prompt(world: World) -> World:
    """The world of the fast path: every row's last version, as if known when it happened."""
    prompt = {
        name: _last_versions(rows) if name in EVENT_TABLES else rows for name, rows in world.tables.items()
    }
    return replace(world, tables=prompt)


def replay(world: World, snapshots: Ints) -> Iterator[Replay]:
    """The customers whom ``as_if_prompt`` gets wrong at some snapshot, snapshot by snapshot."""
    pairs = [_straddled(world.tables[name], snapshots, len(world)) for name in EVENT_TABLES]
    both = np.unique(np.concatenate(pairs))
    snapshot, customer = both // len(world), both % len(world)
    for s in np.unique(snapshot).tolist():
        chosen = customer[snapshot == s]
        tables = {
            name: _gather(rows, chosen, int(snapshots[s]), name in EVENT_TABLES)
            for name, rows in world.tables.items()
        }
        yield Replay(s, chosen, replace(world, customers=world.customers[chosen], tables=tables))


def _last_versions(rows: Rows) -> Rows:
    return rows if (rows.until == FOREVER).all() else rows.take(rows.until == FOREVER)


def _straddled(rows: Rows, snapshots: Ints, customers: int) -> Ints:
    """snapshot × customers + customer, wherever a row is not what ``as_if_prompt`` takes it for.

    A last version is wrongly counted at the snapshots after it happened up to the day it was known; an
    earlier version is wrongly left out from when it was known until it was superseded.
    """
    last = rows.until == FOREVER
    start = np.where(last, rows.day, np.maximum(rows.day, rows.known))
    end = np.where(last, rows.known, rows.until)
    first = np.searchsorted(snapshots, start, side="right")
    stop = np.searchsorted(snapshots, end, side="right")
    hit = np.flatnonzero(stop > first)
    width = (stop - first)[hit]
    offset = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
    return (np.repeat(first[hit], width) + offset) * customers + np.repeat(rows.customer[hit], width)


def _gather(rows: Rows, customer: Ints, day: int, happenings: bool) -> Rows:
    """The rows of these customers, renumbered; happenings only as seen on the day."""
    first = np.searchsorted(rows.customer, customer, side="left")
    width = np.searchsorted(rows.customer, customer, side="right") - first
    offset = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
    chosen = rows.take(np.repeat(first, width) + offset, np.repeat(np.arange(len(customer)), width))
    return chosen.take(seen(chosen, day)) if happenings else chosen


def mend(
    grid: Mapping[Name, NDArray[np.float64]], fix: Replay, fixed: Mapping[Name, NDArray[np.float64]]
) -> None:
    """Put the replayed values (of that snapshot alone) into the grids (snapshot × customer), in place."""
    for name, values in grid.items():
        values[fix.snapshot, fix.customer] = fixed[name][0]
