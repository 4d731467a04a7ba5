"""The cut in time: which rows a snapshot may see, and which customers that makes special.

A row is seen at a snapshot only if it happened before it, was known before it, and no later version of
it was known before it. Nearly all rows are known in the week in which they happened, so running sums over
weeks serve every snapshot at once. The few customers with a row that straddles a snapshot (happened
before, known after; or corrected after) are replayed: each such customer and snapshot becomes a customer
of a small world of its own that holds exactly the rows seen on that day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.grammar import Name
from features.world import FOREVER, Ints, Rows, World

# Tables of things that happen; the others (customers, assignments) are looked up as of each snapshot.
HAPPENINGS = ("transactions", "holdings", "contacts", "events", "surveys")


@dataclass(frozen=True)
class Replay:
    """Customers to compute apart: pair k is customer ``customer[k]`` as of ``snapshot[k]`` (a position)."""

    world: World
    customer: Ints
    snapshot: Ints


def seen(rows: Rows, snapshot: int | Ints) -> NDArray[np.bool_]:
    """Whether each row is visible at the snapshot (a day number, or one per row)."""
    return (rows.day < snapshot) & (rows.known < snapshot) & (rows.until >= snapshot)


def as_if_prompt(world: World) -> World:
    """The world of the fast path: every row's last version, as if known when it happened."""
    prompt = {
        name: _last_versions(rows) if name in HAPPENINGS else rows for name, rows in world.tables.items()
    }
    return replace(world, tables=prompt)


def replay(world: World, snapshots: Ints) -> Replay | None:
    """The customers whom ``as_if_prompt`` gets wrong at some snapshot, with exactly the rows seen then."""
    pairs = [_straddled(world.tables[name], snapshots) for name in HAPPENINGS]
    both = np.unique(np.concatenate(pairs))
    if not len(both):
        return None
    snapshot, customer = both % len(snapshots), both // len(snapshots)
    tables = {
        name: _gather(rows, customer, snapshots[snapshot], name in HAPPENINGS)
        for name, rows in world.tables.items()
    }
    return Replay(replace(world, customers=world.customers[customer], tables=tables), customer, snapshot)


def _last_versions(rows: Rows) -> Rows:
    return rows if (rows.until == FOREVER).all() else rows.take(rows.until == FOREVER)


def _straddled(rows: Rows, snapshots: Ints) -> Ints:
    """customer × snapshots + snapshot, wherever a row is not what ``as_if_prompt`` takes it for.

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
    return np.repeat(rows.customer[hit], width) * len(snapshots) + np.repeat(first[hit], width) + offset


def _gather(rows: Rows, customer: Ints, day: Ints, happenings: bool) -> Rows:
    """The rows of each pair's customer, renumbered to the pair; happenings only as seen on the pair's day."""
    first = np.searchsorted(rows.customer, customer, side="left")
    width = np.searchsorted(rows.customer, customer, side="right") - first
    pair = np.repeat(np.arange(len(customer)), width)
    offset = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
    chosen = rows.take(np.repeat(first, width) + offset, customer=pair)
    return chosen.take(seen(chosen, day[pair])) if happenings else chosen


def mend(
    grid: Mapping[Name, NDArray[np.float64]], fix: Replay, fixed: Mapping[Name, NDArray[np.float64]]
) -> None:
    """Put the replayed values into the grids (snapshot × customer), in place."""
    pair = np.arange(len(fix.customer))
    for name, values in grid.items():
        values[fix.snapshot, fix.customer] = fixed[name][fix.snapshot, pair]
