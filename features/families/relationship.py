"""Family: who looks after the customer, since when, and who did before."""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from features.catalogue.grammar import Name, weeks
from features.engine.cut import seen
from features.engine.entities import Ints, Rows, Workload, World, day_number, make_rows
from features.engine.tiles import Calendar, Grid


def relationship(world: World, calendar: Calendar) -> Iterator[tuple[Name, Grid]]:
    """The manager as of each snapshot and how many customers he has; how long the post has been vacant; how
    many managers there were."""
    manager, since = in_charge(world, calendar)
    vacant = (manager < 0).astype(np.float64)
    yield Name("manager", "vacant"), vacant
    yield (
        Name("manager_change", "days_since"),
        np.where(since > 0, calendar.snapshots[:, None] - since, np.nan),
    )
    yield Name("manager", "vacant_days"), _vacant_days(world, calendar, manager, since)
    yield Name("manager", "customers"), _customers(world, calendar, manager)
    for window in (13, 52):
        yield Name("manager", "distinct", weeks(window)), _distinct(world, calendar, window)


def workload(assignments: pa.Table, snapshots: Sequence[date]) -> Workload:
    """How many customers each manager has the day before each Monday, as known then; ``assignments`` are
    those of all buckets."""
    ids = np.array(sorted(set(assignments["customer_id"].to_pylist())), dtype=object)
    rows = make_rows("assignments", assignments, ids)
    names, load = rows.labels["manager_id"], {}
    for day in map(day_number, snapshots):
        manager = np.full(len(ids), -1, np.int64)
        now = in_force(rows, day)
        manager[rows.customer[now]] = rows.columns["manager_id"][now]
        for code, customers in zip(*np.unique(manager[manager >= 0], return_counts=True), strict=True):
            load[day, names[code]] = int(customers)
    return load


def _customers(world: World, calendar: Calendar, manager: Ints) -> Grid:
    """How many customers the manager has in the whole bank; NaN without a manager."""
    names = world.tables["assignments"].labels["manager_id"]
    count = np.full(manager.shape, np.nan)
    for s, day in enumerate(calendar.snapshots):
        load = [world.workload.get((int(day), name), np.nan) for name in names]
        count[s] = np.array([*load, np.nan])[manager[s]]
    return count


def in_charge(world: World, calendar: Calendar) -> tuple[Ints, Ints]:
    """Code of the manager (-1 where the post is vacant or unknown) and the first day of the period."""
    return assigned(world, calendar, "manager_id")


def assigned(world: World, calendar: Calendar, column: str) -> tuple[Ints, Ints]:
    """A column of the assignment in force the day before each snapshot as far as known; its first day."""
    rows = world.tables["assignments"]
    code = np.full((len(calendar.snapshots), len(world)), -1, np.int64)
    since = np.full_like(code, -1)
    for s, day in enumerate(calendar.snapshots):
        now = in_force(rows, int(day))
        code[s, rows.customer[now]] = rows.columns[column][now]
        since[s, rows.customer[now]] = rows.day[now]
    return code, since


def in_force(rows: Rows, day: int) -> Ints:
    """Rows of the assignments that run on the day before ``day``; the last to begin wins, being last."""
    to_on = rows.columns["to_on"]
    return np.flatnonzero(seen(rows, day) & ((to_on < 0) | (to_on >= day)))


def _vacant_days(world: World, calendar: Calendar, manager: Ints, since: Ints) -> Grid:
    """Days without a manager up to the snapshot, 0 with one; NaN where the bank has assigned nobody ever."""
    rows = world.tables["assignments"]
    ended = np.full(manager.shape, -1, np.int64)
    for s, day in enumerate(calendar.snapshots):
        now = np.flatnonzero(seen(rows, int(day)))
        np.maximum.at(ended[s], rows.customer[now], rows.columns["to_on"][now])
    # A period without a manager that runs has a first day; else the last period that ended.
    begin = np.where(since >= 0, since, ended)
    days = np.where(begin >= 0, calendar.snapshots[:, None] - begin, np.nan)
    return np.where(manager >= 0, 0.0, days)


def _distinct(world: World, calendar: Calendar, window: int) -> Grid:
    """How many different managers were in charge at some time of the trailing window."""
    rows = world.tables["assignments"]
    manager, to_on = rows.columns["manager_id"], rows.columns["to_on"]
    count = np.zeros((len(calendar.snapshots), len(world)))
    managers = len(rows.labels["manager_id"])
    for s, day in enumerate(calendar.snapshots):
        inside = seen(rows, int(day)) & (manager >= 0) & ((to_on < 0) | (to_on > day - 7 * window))
        pairs = np.unique(rows.customer[inside] * max(managers, 1) + manager[inside])
        count[s] = np.bincount(pairs // max(managers, 1), minlength=len(world))
    return count
