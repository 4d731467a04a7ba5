"""The kernel: rows are added once into weekly tiles; running sums along the weeks answer every window.

A tile array has the shape (column, position, customer). Position 0 holds everything before the history
begins; position k the week that starts k - 1 weeks after ``history_from``. Of running sums position k
holds the sum of all positions up to k, so a trailing window of w weeks is the difference of two positions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from features.catalogue.grammar import Name
from features.engine.entities import Ints

SnapshotArray = NDArray[np.float64]  # (snapshot × customer)
Columns = Iterator[tuple[Name, SnapshotArray]]  # the features of a family, in their order
CACHE_BLOCK = 8  # customers; their tiles of one week fill a line of the cache


@dataclass(frozen=True)
class Calendar:
    """The Mondays to compute: day numbers of the snapshots and of the first full week of history."""

    snapshots: Ints
    history_from: int
    windows: tuple[int, ...]

    @cached_property
    def at(self) -> Ints:
        """The last position that each snapshot sees: the week that ends right before it."""
        return np.asarray((self.snapshots - self.history_from) // 7, dtype=np.int64)

    @property
    def positions(self) -> int:
        return int(self.at.max()) + 1

    def position(self, day: Ints) -> Ints:
        """The tile of each day; days from the last snapshot on fall outside (== positions)."""
        return np.clip((day - self.history_from) // 7 + 1, 0, self.positions)

    def only(self, snapshot: int) -> "Calendar":
        """The calendar with one of its snapshots, given by its place."""
        return replace(self, snapshots=self.snapshots[snapshot : snapshot + 1])

    def covered(self, weeks: int) -> NDArray[np.bool_]:
        """One flag per snapshot: a trailing window of so many weeks lies inside the history."""
        return self.at >= weeks


@numba.njit(cache=True, nogil=True)
def add(position: Ints, customer: Ints, first: Ints, columns: Ints, value: Ints, tiles: Ints) -> None:
    """Add each row's value (row × slot) to the columns first[i] … first[i + 1] of its tile."""
    for i in range(len(position)):
        p, c = position[i], customer[i]
        if p < tiles.shape[1]:
            for k in range(first[i], first[i + 1]):
                tiles[columns[k], p, c] += value[k]


@numba.njit(cache=True, nogil=True)
def add_running_sums(
    position: Ints,
    customer: Ints,
    group_key: Ints,
    amount: Ints,
    first: Ints,
    column: Ints,
    counts: Ints,
    tiles: Ints,
) -> None:
    """Running sums: each row adds 1 or its amount to every column of its group key, as ``counts`` says.

    Rows come by customer. Their tiles lie far apart, so those of CACHE_BLOCK customers are filled side by
    side first.
    """
    block = np.zeros((tiles.shape[0], tiles.shape[1], CACHE_BLOCK), np.int64)
    start = 0
    for i in range(len(position)):
        if not start <= customer[i] < start + CACHE_BLOCK:
            _add_block(block, tiles, start)
            start = customer[i] // CACHE_BLOCK * CACHE_BLOCK
        p, c = position[i], customer[i] - start
        if p < tiles.shape[1]:
            for k in range(first[group_key[i]], first[group_key[i] + 1]):
                block[column[k], p, c] += 1 if counts[k] else amount[i]
    _add_block(block, tiles, start)


@numba.njit(cache=True, nogil=True)
def _add_block(block: Ints, tiles: Ints, start: int) -> None:
    """Add running sums of ``block`` to the tiles of the customers from ``start`` on, and empty it."""
    for k in range(block.shape[0]):
        for c in range(min(CACHE_BLOCK, tiles.shape[2] - start)):
            total = 0
            for p in range(block.shape[1]):
                total += block[k, p, c]
                tiles[k, p, start + c] += total
    block[:] = 0


@numba.njit(cache=True, nogil=True)
def sum_up(tiles: Ints) -> None:
    """Turn the tiles into their running sums, in their place."""
    for k in range(tiles.shape[0]):
        for p in range(1, tiles.shape[1]):
            for c in range(tiles.shape[2]):
                tiles[k, p, c] += tiles[k, p - 1, c]


@numba.njit(cache=True, nogil=True)
def keep_largest(
    position: Ints, customer: Ints, group_key: Ints, value: Ints, first: Ints, column: Ints, tiles: Ints
) -> None:
    """Keep each column's largest value per tile: the last day, or the largest amount."""
    for i in range(len(position)):
        p, c = position[i], customer[i]
        if p < tiles.shape[1]:
            for k in range(first[group_key[i]], first[group_key[i] + 1]):
                if value[i] > tiles[column[k], p, c]:
                    tiles[column[k], p, c] = value[i]


def trailing_sum(running: Ints, calendar: Calendar, weeks: int, unit: float = 1.0) -> SnapshotArray:
    """Sum over the trailing window in ``unit``s, by snapshot and customer; NaN: the history is too short."""
    total = np.empty((len(calendar.at), running.shape[1]))
    _difference(running, calendar.at, weeks, unit, total)
    return total


@numba.njit(cache=True, nogil=True)
def _difference(running: Ints, at: Ints, weeks: int, unit: float, total: SnapshotArray) -> None:
    for s in range(len(at)):
        if at[s] < weeks:
            total[s] = np.nan
        else:
            end, start = running[at[s]], running[at[s] - weeks]
            for c in range(len(end)):
                total[s, c] = (end[c] - start[c]) / unit


def trailing_largest(tiles: Ints, calendar: Calendar, weeks: int) -> SnapshotArray:
    """The largest value of the trailing window's positions; NaN where not covered."""
    out = np.full((len(calendar.at), tiles.shape[1]), np.nan)
    for s in np.flatnonzero(calendar.covered(weeks)):
        end = calendar.at[s] + 1
        out[s] = tiles[end - weeks : end].max(axis=0)
    return out


def ratio(part: SnapshotArray, whole: SnapshotArray) -> SnapshotArray:
    """part / whole; NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
