"""The first ingest of a bank too large for one process.

Its files are validated and its buckets written on Spark.

A task per part (one file, or a few) checks its rows as a local ingest does and lays the good ones down by
bucket; a task per bucket writes them. In between the driver validates the few rows that need others beside
them, by the code of a local ingest: those that are refused, and those whose key comes more than once,
wherever their customers lie. The bytes are those of a local ingest.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb
import numpy as np

from configs.bank_folder import find_raw
from configs.settings import Settings
from configs.tables import EVENT_TABLES, Table
from pipeline.artefacts import Home
from pipeline.ingest.checks import checked
from pipeline.ingest.deliveries import Plan
from pipeline.ingest.distributed_tasks import (
    Work,
    copy_rows,
    gather_again,
    raw_text,
    repeated_keys,
    validate_part,
    weeks_of_part,
    write_buckets_of,
)
from pipeline.ingest.incoming import Incoming, Ingestion
from pipeline.ingest.quarantine import refused_lines
from pipeline.ingest.relations import CHECKED, TABLE_KEY, contract_columns
from pipeline.ingest.selects import load_selects, row_by_row, sources_read
from pipeline.snapshots.spark import over_buckets, session

if TYPE_CHECKING:
    from pyspark import SparkContext

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_PARTS = 1024  # a task that writes buckets opens a file of every part
MOST_WRITERS = 512  # a task that writes buckets reads the index of every such file


@dataclass(frozen=True)
class Cluster:
    """Spark, the sources whose files its tasks read, and a folder that all of them see."""

    context: "SparkContext"
    sources: frozenset[str]
    folder: Path

    def over(self, task: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """One task per item."""
        return over_buckets(self.context, partial(_of_item, task, items), len(items), lambda _done, _of: None)


def _of_item(task: Callable[[Item], Result], items: Sequence[Item], number: int) -> Result:
    return task(items[number])


@contextmanager
def distributed_ingest(
    con: duckdb.DuckDBPyConnection, settings: Settings, home: Home, plan: Plan
) -> Iterator[Cluster | None]:
    """Spark for an ingest; None where it runs in this process: without Spark, or beside earlier tables."""
    folder = (home.root / ".distributed").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    engine = settings.engine
    wanted = engine.kind == "spark" and not engine.storage and plan.base is None
    sources = _row_by_row_sources(con, settings) if wanted else frozenset()
    if not sources:
        yield None
        return
    try:
        with session(engine.spark_master) as context:
            yield Cluster(context, sources, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row_by_row_sources(con: duckdb.DuckDBPyConnection, settings: Settings) -> frozenset[str]:
    """The sources of files that are read row by row, alone, and for nothing but what happened."""
    alone = {name: spec.format != "postgres" for name, spec in settings.sources.items()}
    for table, select in load_selects(settings.bank).items():
        read = sources_read(con, settings, select)
        fits = table in EVENT_TABLES and len(read) == 1 and row_by_row(con, select, read[0])
        alone |= {name: alone[name] and fits for name in read}
    return frozenset(name for name, fits in alone.items() if fits)


@dataclass(frozen=True)
class DistributedTable:
    """One table on its way through Spark's tasks; what the driver does with them."""

    state: Ingestion
    cluster: Cluster
    work: Work

    def weekly_bookings(self) -> list[tuple[date, int]]:
        """The weeks in which bookings were known, over all parts."""
        weeks: Counter[date] = Counter()
        for weeks_known in self._over_parts(weeks_of_part):
            weeks.update(dict(weeks_known))
        return sorted(weeks.items())

    def validate(self) -> dict[str, int]:
        """The number of rows by file; makes ``checked`` of the refused rows and of those that share a key.

        ``_place`` says where a row lies among the good ones.
        """
        con, work = self.state.con, self.work
        for name in ("rows", "keys", "refused", "again", "raw"):
            (work.folder / name).mkdir(parents=True)
        _share(con, work)
        counts: dict[str, int] = {}
        self.state.unreadable[work.source] = []
        for rows, rejects, whole in self._over_parts(validate_part):
            counts |= rows
            self.state.unreadable[work.source] += rejects
            for (file,) in whole:
                con.execute(
                    "UPDATE delivered SET one_row_per_line = true WHERE source = ? AND file = ?",
                    [work.source, file],
                )
        np.save(work.often, np.concatenate(self._over_buckets(partial(repeated_keys, work))))
        self._over_parts(gather_again)
        query = checked(work.table, work.incoming.rows, work.incoming.columns, work.settings.base_currency)
        CHECKED.create_from(con, f"{query} LIMIT 0", contract_columns(work.table))
        con.execute("ALTER TABLE checked ADD COLUMN _place BIGINT")
        for name in ("refused", "again"):
            _insert(con, "checked", work.folder / name)
        return counts

    def keep_raw(self) -> None:
        """Put the raw text of refused rows into ``raw_rows``, a task per file with such rows."""
        con, work = self.state.con, self.work
        refused = refused_lines(con, work.table.name)
        self.cluster.over(partial(raw_text, work), refused)
        _insert(con, "raw_rows", work.folder / "raw")

    def write_kept(self) -> dict[str, int]:
        """Write the kept rows by bucket and year, a task per bucket; their number by file."""
        work = self.work
        copy_rows(
            self.state.con,
            "SELECT _place AS _row, verdict, w.superseded_on, _bucket "
            "FROM repeated w JOIN checked c ON c.rowid = w._row ORDER BY _bucket, _place",
            work.repeated_rows,
        )
        target = (self.state.draft / work.table.name).resolve()
        rows: Counter[str] = Counter()
        for written in self._over_buckets(partial(write_buckets_of, work, target)):
            rows.update(written)
        shutil.rmtree(work.folder)
        return rows

    def _over_parts(self, task: Callable[[Work, int], Result]) -> list[Result]:
        return self.cluster.over(partial(task, self.work), range(len(self.work.parts)))

    def _over_buckets(self, task: Callable[[range], Result]) -> list[Result]:
        """Work on all buckets, as many in a task as keep the number of tasks at MOST_WRITERS."""
        buckets = range(self.work.buckets)
        size = ceil(len(buckets) / MOST_WRITERS)
        return self.cluster.over(task, [buckets[k : k + size] for k in buckets[::size]])


def open_distributed(state: Ingestion, table: Table, incoming: Incoming) -> DistributedTable | None:
    """A table that is ingested by tasks; None for one that is ingested in this process."""
    if state.cluster is None or not set(incoming.sources) <= state.cluster.sources:
        return None
    (source,) = incoming.sources
    files = [path.resolve() for path in find_raw(state.settings, state.raw, source)]
    size = ceil(len(files) / MOST_PARTS)
    parts = tuple(tuple(files[k : k + size]) for k in range(0, len(files), size))
    shared, folder = state.cluster.folder / "shared", state.cluster.folder / table.name
    work = Work(state.settings, table, incoming, state.raw.resolve(), parts, shared, folder)
    if state.settings.sources[source].format == "parquet" and not work.schema_like.is_file():
        copy_rows(state.con, f'SELECT * EXCLUDE (_file, _line) FROM "{source}" LIMIT 0', work.schema_like)
    return DistributedTable(state, state.cluster, work)


def _share(con: duckdb.DuckDBPyConnection, work: Work) -> None:
    """Lay down once what the rows of all parts refer to."""
    for name in (*(f"ref_{other}" for other in TABLE_KEY), "ref_rates", "latest_valid_date", "layout"):
        if not (work.shared / f"{name}.parquet").is_file():
            copy_rows(con, f"SELECT * FROM {name}", work.shared / f"{name}.parquet")


def _insert(con: duckdb.DuckDBPyConnection, relation: str, folder: Path) -> None:
    """Add the rows of all files in a folder, if there are any."""
    files = [str(path) for path in sorted(folder.iterdir())]
    if files:
        con.execute(f"INSERT INTO {relation} BY NAME SELECT * FROM read_parquet(?)", [files])
