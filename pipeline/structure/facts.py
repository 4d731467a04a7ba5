"""The structure of each Monday of a year, bucket by bucket, as one folder per snapshot.

structure/snapshot_date=…    one row per customer known by that Monday
unexplained/snapshot_date=…  one row per customer and day of the week before with an unexplained amount
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.dates import WEEK
from configs.settings import Settings
from features.build import first_monday
from features.engine.compact_history import COMPACTED
from features.engine.entities import Entities, make_entities, read_columns
from features.structure import STRUCTURE_VERSION, TABLES_READ, VALUED_WITHIN, build_structure_of
from pipeline.artefacts import Home, fingerprint, write_parquet
from pipeline.snapshots.build import (
    CompactHistory,
    PartitionTask,
    compact_history,
    draft_part,
    partition_digest,
    stands,
    write_partitions,
)
from pipeline.tables import Ingested

YEAR = 52  # weeks: the structure of a Monday and of those before it
KINDS = ("structure", "unexplained")


def build_structure(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshot_date: date,
    progress: Callable[[int, int], None],
) -> int:
    """Write ``structure`` and ``unexplained`` of the Monday and the year before it, unless they stand there
    already; the number of Mondays written.

    A partition stands as long as the rows that its Monday can see and the settings that shape it do.
    """
    made_by = {day: _made_by(settings, tables, day) for day in mondays_of_year(tables, snapshot_date)}
    due = tuple(
        day for day, by in made_by.items() if not all(stands(home.partition(kind, day), by) for kind in KINDS)
    )
    if due:
        # A year at once would compact less of the history than the features' Mondays do.
        alone = due == (snapshot_date,) and not settings.engine.storage
        history = compact_history(settings, home, tables, due) if alone else None
        write_partitions(
            StructureTask(tables, due, home.drafts, settings, KINDS, history), home, made_by, progress
        )
    return len(due)


def mondays_of_year(tables: Ingested, snapshot_date: date) -> tuple[date, ...]:
    """The Monday and the 52 before it, the oldest first, without those before the history."""
    start = first_monday(tables.first_day)
    days = (snapshot_date - k * WEEK for k in range(YEAR, -1, -1))
    return tuple(day for day in days if day >= start)


@dataclass(frozen=True)
class StructureTask(PartitionTask):
    """Writes structure and unexplained amounts of one bucket."""

    history: CompactHistory | None

    def __call__(self, bucket: int) -> None:
        start = first_monday(self.tables.first_day)
        for day, *parts in build_structure_of(self._entities(bucket), self.due, start, self.settings):
            for kind, rows in zip(self.kinds, parts, strict=True):
                write_parquet(rows, draft_part(self.drafts, kind, day, bucket))

    def _entities(self, bucket: int) -> Entities:
        read = {name: self._read(name, bucket) for name in TABLES_READ}
        parts = {name: rows for name, rows in read.items() if rows is not None}
        return make_entities(parts | self.tables.products())

    def _read(self, name: str, bucket: int) -> pa.Table | None:
        columns = read_columns(name)
        if name == "transactions":
            return self._bookings(bucket, columns)
        if self.history and name in COMPACTED:
            return self.history.read(self.tables, name, bucket)
        if name != "customers":
            return self.tables.read(name, bucket, columns)
        # Features must not see the year of birth, and under its own name it is not even read.
        return _renamed(self.tables.read(name, bucket, [*columns, "birth_year"]), "birth_year", "born")

    def _bookings(self, bucket: int, columns: Sequence[str]) -> pa.Table | None:
        """With the amount as booked, ``in_currency``; of compacted years the one in base currency will do."""
        name, columns, parts = "transactions", [*columns, "amount"], list[pa.Table]()
        waits_from = min(self.due) - YEAR * WEEK - timedelta(days=VALUED_WITHIN)
        since = min(self.history.year, waits_from.year) if self.history else 0
        if (
            self.history
            and (old := self.history.old_rows(self.tables, name, bucket, columns[:-1])) is not None
        ):
            before = pc.less(old["booked_at"], pa.scalar(datetime(since, 1, 1), old["booked_at"].type))
            parts.append(old.append_column("amount", old["amount_base"]).filter(before).select(columns))
        if (recent := self.tables.read(name, bucket, columns, since)) is not None:
            parts.append(recent.select(columns))
        whole = pa.concat_tables(parts).unify_dictionaries() if parts else None
        return _renamed(whole, "amount", "in_currency")


def _renamed(rows: pa.Table | None, old: str, new: str) -> pa.Table | None:
    if rows is None:
        return None
    return rows.rename_columns([new if column == old else column for column in rows.column_names])


def read_structure(
    home: Home, mondays: Sequence[date], columns: Sequence[str] | None = None, kind: str = "structure"
) -> pa.Table:
    """The rows of these Mondays in the order given, by bucket and customer; of all columns or of some."""
    parts = [
        pq.read_table(home.partition(kind, day), columns=columns and [*columns], partitioning=None)
        for day in mondays
    ]
    return pa.concat_tables(parts)


def _made_by(settings: Settings, tables: Ingested, day: date) -> str:
    figures = settings.figures.model_dump_json(include={"age_bands"})
    return fingerprint(partition_digest(settings, tables.as_of(day)), figures, str(STRUCTURE_VERSION))
