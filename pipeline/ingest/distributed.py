"""The first ingest of a bank too large for one process: its files are judged and its buckets written on Spark.

A task per part (one file, or a few) checks its rows as a local ingest does and lays the good ones down by
bucket; a task per bucket writes them. In between the driver judges the few rows that need others beside them,
by the code of a local ingest: those that are refused, and those whose key comes more than once, wherever
their customers lie. The bytes are those of a local ingest.
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
from typing import TYPE_CHECKING, TypeVar

import duckdb
import numpy as np

from configs.bank_folder import find_raw
from configs.tables import Table
from pipeline.ingest.checks import TABLE_KEY, checked
from pipeline.ingest.distributed_sources import Spread
from pipeline.ingest.distributed_tasks import (
    Work,
    gather_again,
    judge_part,
    raw_text,
    repeated_keys,
    weeks_of_part,
    write_buckets_of,
)
from pipeline.ingest.incoming import Incoming, Run, quoted
from pipeline.ingest.load import Written
from pipeline.ingest.raw_rows import refused_lines

if TYPE_CHECKING:
    pass

T = TypeVar("T")
MOST_PARTS = 1024  # a task that writes buckets opens a file of every part
MOST_WRITERS = 512  # a task that writes buckets reads the index of every such file


@dataclass(frozen=True)
class Apart:
    """One table on its way through Spark's tasks; what the driver does with them."""

    run: Run
    spread: Spread
    work: Work

    def weekly_bookings(self) -> list[tuple[date, int]]:
        """As ``horizon.weekly_bookings``."""
        weeks: Counter[date] = Counter()
        for found in self._over_parts(weeks_of_part):
            weeks.update(dict(found))
        return sorted(weeks.items())

    def judge(self) -> dict[str, int]:
        """As ``loading.judge``, but ``checked`` holds only the rows to look at: refused ones, those that share a key.

        ``_place`` says where a row lies among the good ones.
        """
        con, work = self.run.con, self.work
        for name in ("rows", "keys", "refused", "again", "raw"):
            (work.folder / name).mkdir(parents=True)
        _share(con, work)
        judged = self._over_parts(judge_part)
        self.run.unreadable[work.source] = [reject for part in judged for reject in part.rejects]
        by_line = [(work.source, file) for part in judged for file in part.by_line]
        if by_line:
            con.executemany("UPDATE delivered SET by_line = true WHERE source = ? AND file = ?", by_line)
        np.save(work.often, np.concatenate(self._over_buckets(partial(repeated_keys, work))))
        self._over_parts(gather_again)
        every = checked(work.table, work.incoming.rows, work.incoming.columns, work.settings.base_currency)
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE checked AS SELECT *, NULL::BIGINT AS _place FROM ({every}) LIMIT 0"
        )
        for name in ("refused", "again"):
            _insert(con, "checked", work.folder / name)
        return {file: rows for part in judged for file, rows in part.rows.items()}

    def keep_raw(self) -> None:
        """As ``raw_rows.keep_raw``, a task per file with refused rows."""
        con, work = self.run.con, self.work
        found = refused_lines(con, work.table.name)
        wanted = tuple(replace(each, path=each.path.resolve()) for each in found)
        if wanted:
            self.spread.over(partial(raw_text, work.settings, wanted, work.folder / "raw"), len(wanted))
        _insert(con, "raw_rows", work.folder / "raw")

    def write_kept(self) -> Written:
        """As ``loading.write_kept``."""
        work = self.work
        _copy(
            self.run.con,
            "SELECT _place AS _row, verdict, w.superseded_on, _bucket FROM repeated w JOIN good USING (_row) "
            "ORDER BY _bucket, _place",
            work.verdicts,
        )
        target = (self.run.draft / work.table.name).resolve()
        done = self._over_buckets(partial(write_buckets_of, work, target))
        shutil.rmtree(work.folder)
        rows: Counter[str] = Counter()
        for written in chain.from_iterable(done):
            rows.update(written.rows)
        known = [written.known_from for written in chain.from_iterable(done) if written.known_from]
        return Written(dict(rows), min(known, default=None))

    def _over_parts(self, task: Callable[[Work, int], T]) -> list[T]:
        return self.spread.over(partial(task, self.work), len(self.work.parts))

    def _over_buckets(self, task: Callable[[range], T]) -> list[T]:
        """Work on all buckets, as many in a task as keep the number of tasks at MOST_WRITERS."""
        buckets = self.work.buckets
        size = ceil(buckets / MOST_WRITERS)
        return self.spread.over(partial(_of_piece, task, buckets, size), ceil(buckets / size))


def open_apart(run: Run, table: Table, incoming: Incoming) -> Apart | None:
    """A table that is ingested by tasks; None for one that is ingested in this process."""
    if run.spread is None or not set(incoming.sources) <= run.spread.sources:
        return None
    (source,) = incoming.sources
    files = [path.resolve() for path in find_raw(run.settings, run.raw, source)]
    size = ceil(len(files) / MOST_PARTS)
    parts = tuple(tuple(files[k : k + size]) for k in range(0, len(files), size))
    shared, folder = run.spread.folder / "shared", run.spread.folder / table.name
    work = Work(run.settings, table, incoming, run.raw.resolve(), parts, shared, folder)
    if run.settings.sources[source].format == "parquet" and not work.columns_alike.is_file():
        _copy(run.con, f'SELECT * EXCLUDE (_file, _line) FROM "{source}" LIMIT 0', work.columns_alike)
    return Apart(run, run.spread, work)


def _of_piece(work: Callable[[range], T], buckets: int, size: int, piece: int) -> T:
    return work(range(piece * size, min(piece * size + size, buckets)))


def _share(con: duckdb.DuckDBPyConnection, work: Work) -> None:
    """Lay down once what the rows of all parts refer to."""
    for name in (*(f"ref_{other}" for other in TABLE_KEY), "ref_rates", "horizon", "layout"):
        if not (work.shared / f"{name}.parquet").is_file():
            _copy(con, f"SELECT * FROM {name}", work.shared / f"{name}.parquet")


def _copy(con: duckdb.DuckDBPyConnection, select: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"COPY ({select}) TO '{quoted(target)}' (FORMAT parquet)")


def _insert(con: duckdb.DuckDBPyConnection, relation: str, folder: Path) -> None:
    """Add the rows of all files in a folder, if there are any."""
    files = [str(path) for path in sorted(folder.iterdir())]
    if files:
        con.execute(f"INSERT INTO {relation} BY NAME SELECT * FROM read_parquet(?)", [files])
