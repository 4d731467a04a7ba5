"""The first ingest of a bank too large for one process.

Its files are validated and its buckets written on Spark.

A task per part (one file, or a few) checks its rows as a local ingest does and lays the good ones down by
bucket; a task per bucket writes them. In between the driver validates the few rows that need others beside
them, by the code of a local ingest: those that are refused, and those whose key comes more than once,
wherever their customers lie. The bytes are those of a local ingest.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain
from math import ceil
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np

from configs.bank_folder import find_raw
from configs.tables import Table
from pipeline.ingest.checks import TABLE_KEY, checked
from pipeline.ingest.distributed_sources import Cluster
from pipeline.ingest.distributed_tasks import (
    Work,
    gather_again,
    raw_text,
    repeated_keys,
    validate_part,
    weeks_of_part,
    write_buckets_of,
)
from pipeline.ingest.incoming import Incoming, Ingestion
from pipeline.ingest.load import Written
from pipeline.ingest.raw_rows import refused_lines
from pipeline.ingest.relations import CHECKED, contract_columns, sql_text

Result = TypeVar("Result")
MOST_PARTS = 1024  # a task that writes buckets opens a file of every part
MOST_WRITERS = 512  # a task that writes buckets reads the index of every such file


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
        parts = self._over_parts(validate_part)
        self.state.unreadable[work.source] = [reject for part in parts for reject in part.rejects]
        for file in (file for part in parts for file in part.one_row_per_line):
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
        return {file: rows for part in parts for file, rows in part.rows.items()}

    def keep_raw(self) -> None:
        """Put the raw text of refused rows into ``raw_rows``, a task per file with such rows."""
        con, work = self.state.con, self.work
        refused = refused_lines(con, work.table.name)
        wanted = tuple(replace(lines, path=lines.path.resolve()) for lines in refused)
        if wanted:
            self.cluster.over(partial(raw_text, work.settings, wanted, work.folder / "raw"), len(wanted))
        _insert(con, "raw_rows", work.folder / "raw")

    def write_kept(self) -> Written:
        """Write the kept rows by bucket and year, a task per bucket."""
        work = self.work
        _copy(
            self.state.con,
            "SELECT _place AS _row, verdict, w.superseded_on, _bucket "
            "FROM repeated w JOIN checked c ON c.rowid = w._row ORDER BY _bucket, _place",
            work.repeated_rows,
        )
        target = (self.state.draft / work.table.name).resolve()
        done = self._over_buckets(partial(write_buckets_of, work, target))
        shutil.rmtree(work.folder)
        rows: Counter[str] = Counter()
        for written in chain.from_iterable(done):
            rows.update(written.rows)
        days = [written.known_from for written in chain.from_iterable(done) if written.known_from]
        return Written(dict(rows), min(days, default=None))

    def _over_parts(self, task: Callable[[Work, int], Result]) -> list[Result]:
        return self.cluster.over(partial(task, self.work), len(self.work.parts))

    def _over_buckets(self, task: Callable[[range], Result]) -> list[Result]:
        """Work on all buckets, as many in a task as keep the number of tasks at MOST_WRITERS."""
        buckets = self.work.buckets
        size = ceil(buckets / MOST_WRITERS)
        return self.cluster.over(partial(_of_piece, task, buckets, size), ceil(buckets / size))


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
        _copy(state.con, f'SELECT * EXCLUDE (_file, _line) FROM "{source}" LIMIT 0', work.schema_like)
    return DistributedTable(state, state.cluster, work)


def _of_piece(work: Callable[[range], Result], buckets: int, size: int, piece: int) -> Result:
    return work(range(piece * size, min(piece * size + size, buckets)))


def _share(con: duckdb.DuckDBPyConnection, work: Work) -> None:
    """Lay down once what the rows of all parts refer to."""
    for name in (*(f"ref_{other}" for other in TABLE_KEY), "ref_rates", "latest_valid_date", "layout"):
        if not (work.shared / f"{name}.parquet").is_file():
            _copy(con, f"SELECT * FROM {name}", work.shared / f"{name}.parquet")


def _copy(con: duckdb.DuckDBPyConnection, select: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"COPY ({select}) TO {sql_text(target)} (FORMAT parquet)")


def _insert(con: duckdb.DuckDBPyConnection, relation: str, folder: Path) -> None:
    """Add the rows of all files in a folder, if there are any."""
    files = [str(path) for path in sorted(folder.iterdir())]
    if files:
        con.execute(f"INSERT INTO {relation} BY NAME SELECT * FROM read_parquet(?)", [files])
