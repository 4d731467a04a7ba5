"""The rows of one bucket and their running sums: balances, and the declared measures as weekly tiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.settings import Settings
from features.catalogue.measures import Measure, declared
from features.engine.balances import MINOR, Balances, make_balances
from features.engine.entities import Entities, Ints, Rows
from features.engine.tiles import (
    Calendar,
    SnapshotArray,
    add_running_sums,
    keep_largest,
    trailing_largest,
    trailing_sum,
)

Column = tuple[str, str]  # measure, statistic


@dataclass(frozen=True)
class Activity:
    """One array (position × customer) per measure and statistic."""

    calendar: Calendar
    tiles: dict[Column, Ints]

    def total(self, measure: str, weeks: int) -> SnapshotArray:
        """Sum of the amounts over the trailing window, in base currency."""
        return trailing_sum(self.tiles[measure, "sum"], self.calendar, weeks, MINOR)

    def net(self, plus: str, minus: str, weeks: int) -> SnapshotArray:
        """Sum of one measure less the sum of another, to the minor unit."""
        return trailing_sum(self.tiles[plus, "sum"] - self.tiles[minus, "sum"], self.calendar, weeks, MINOR)

    def count(self, measure: str, weeks: int) -> SnapshotArray:
        return trailing_sum(self.tiles[measure, "count"], self.calendar, weeks)

    def largest(self, measure: str, weeks: int) -> SnapshotArray:
        """The largest single amount over the trailing window, in base currency."""
        return trailing_largest(self.tiles[measure, "max"], self.calendar, weeks) / MINOR

    def days_since(self, measure: str) -> SnapshotArray:
        """Days from the last one to the snapshot; NaN where there never was one."""
        last = self.tiles[measure, "days_since"][self.calendar.at].astype(np.float64)
        return np.where(last > 0, self.calendar.snapshots[:, None] - last, np.nan)


def make_activity(entities: Entities, calendar: Calendar, measures: Sequence[Measure]) -> Activity:
    """Add every table's rows into the tiles of its measures."""
    tiles: dict[Column, Ints] = {}
    for table in sorted({measure.table for measure in measures}):
        of_table = [measure for measure in measures if measure.table == table]
        tiles |= _tiles(entities.tables[table], of_table, calendar, len(entities))
    return Activity(calendar, tiles)


@dataclass(frozen=True)
class Bucket:
    """The rows of one bucket as cut, and their running sums, which all families share."""

    entities: Entities
    calendar: Calendar
    settings: Settings
    measures: tuple[Measure, ...]
    balances: Balances
    activity: Activity


def make_bucket(entities: Entities, calendar: Calendar, settings: Settings) -> Bucket:
    """Add all rows once. Raises ConfigError for a measure that the bank declared wrongly."""
    measures = declared(settings)
    balances = make_balances(entities.tables["holdings"], calendar, len(entities))
    return Bucket(
        entities, calendar, settings, measures, balances, make_activity(entities, calendar, measures)
    )


def _tiles(rows: Rows, measures: Sequence[Measure], calendar: Calendar, customers: int) -> dict[Column, Ints]:
    used = sorted({column for measure in measures for column in measure.where})
    group_key, sizes = group_keys(rows, used)
    member = {measure.name: _members(rows, measure, sizes) for measure in measures}
    where = (calendar.position(rows.day), rows.customer, group_key)
    amount = np.abs(rows.columns["amount_base"]) if "amount_base" in rows.columns else np.zeros_like(rows.day)
    tiles: dict[Column, Ints] = {}
    for statistics, value in ((("sum", "count"), amount), (("days_since",), rows.day), (("max",), amount)):
        columns = [(m.name, s) for m in measures for s in m.statistics if s in statistics]
        if not columns:
            continue
        array = np.zeros((len(columns), calendar.positions, customers), np.int64)
        first, column = _columns_by_key([member[name] for name, _ in columns])
        if statistics == ("sum", "count"):
            counts = np.array([statistic == "count" for _, statistic in columns], np.int64)[column]
            add_running_sums(*where, value, first, column, counts, array)
        else:
            keep_largest(*where, value, first, column, array)
        if statistics == ("days_since",):
            np.maximum.accumulate(array, axis=1, out=array)
        tiles |= dict(zip(columns, array, strict=True))
    return tiles


def counted(rows: Rows, measure: Measure) -> NDArray[np.bool_]:
    """One flag per row of its table: it belongs to the measure."""
    group_key, sizes = group_keys(rows, sorted(measure.where))
    return _members(rows, measure, sizes)[group_key]


def group_keys(rows: Rows, columns: Sequence[str]) -> tuple[Ints, dict[str, int]]:
    """One number per row for its labels and its sign; how many values each column has (empty included)."""
    sizes = {column: len(rows.labels[column]) + 1 for column in columns}
    group_key = np.zeros(len(rows), np.int64)
    for column, size in sizes.items():
        code = rows.columns[column]
        group_key = group_key * size + np.where(code < 0, size - 1, code)
    negative = rows.columns["amount_base"] < 0 if "amount_base" in rows.columns else np.zeros(len(rows), bool)
    return group_key * 2 + negative, sizes


def _members(rows: Rows, measure: Measure, sizes: Mapping[str, int]) -> NDArray[np.bool_]:
    """One flag per group key: rows of that key belong to the measure."""
    inside = np.ones(1, bool)
    for column, size in sizes.items():
        allowed = np.full(size, column not in measure.where)
        allowed[rows.code(column, *measure.where.get(column, ()))] = True
        inside = np.logical_and.outer(inside, allowed).reshape(-1)
    sign = np.array([measure.sign >= 0, measure.sign <= 0])
    return np.logical_and.outer(inside, sign).reshape(-1)


def _columns_by_key(members: Sequence[NDArray[np.bool_]]) -> tuple[Ints, Ints]:
    """For each group key the columns it adds to: column[first[key] : first[key + 1]]."""
    table = np.stack(members, axis=1)
    first = np.concatenate([[0], np.cumsum(table.sum(axis=1))]).astype(np.int64)
    return first, np.nonzero(table)[1].astype(np.int64)
