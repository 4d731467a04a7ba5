"""The first ingest of a bank too large for one process: Spark validates its files and writes its buckets.

A task per part (one file, or a few) checks its rows as a local ingest does and lays the good ones down by
bucket; a task per bucket writes them. In between the driver validates the few rows that need others beside
them, by the code of a local ingest: those that are refused, and those whose key comes more than once,
wherever their customers lie. The bytes are those of a local ingest.

Between the tasks lie, below ``folder``: ``rows`` and ``keys``, the good rows of each part by bucket and the
hashes of their keys by their own value; ``refused`` and ``again``, the rows that the driver has to look at.
"""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.errors import DataError
from configs.settings import Settings
from configs.tables import Table
from pipeline.artefacts import Home, fingerprint
from pipeline.ingest import latest_date, load
from pipeline.ingest.buckets import layout_of, partition, read_partitions, write_partitions, write_parts
from pipeline.ingest.deliveries import Plan
from pipeline.ingest.quarantine import RefusedLines, refused_lines
from pipeline.ingest.relations import RAW_TEXT, TABLE_KEY, computing, sql_text
from pipeline.ingest.selects import explain_sql_errors, load_selects, row_by_row_sources, sources_read
from pipeline.ingest.sources import Reject, open_source
from pipeline.ingest.versions import key_hash
from pipeline.snapshots.spark import Cluster, session
from pipeline.tables import bucket_name

Result = TypeVar("Result")
MOST_PARTS = 1024  # a task that writes buckets opens a file of every part
MOST_WRITERS = 512  # a task that writes buckets reads the index of every such file
OFTEN = "often.npy"  # the hashes of keys that come more than once
REPEATED_ROWS = "repeated_rows.parquet"  # one row per row that shares its key, with the driver's verdict


@contextmanager
def distributed_ingest(
    con: duckdb.DuckDBPyConnection, settings: Settings, home: Home, plan: Plan
) -> Iterator[Cluster | None]:
    """Spark for an ingest; None where it runs in this process.

    That is without Spark, beside earlier tables, and where their rows are to be found again in other files.
    """
    folder = (home.root / ".distributed").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    engine = settings.engine
    wanted = engine.kind == "spark" and not engine.storage and plan.base is None
    wanted = wanted and not plan.gone and not (plan.before and plan.before.keeps)
    sources = distributed_sources(con, settings) if wanted else frozenset()
    if not sources:
        yield None
        return
    try:
        with session(engine.spark_master) as context:
            yield Cluster(context, sources, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def distributed_sources(con: duckdb.DuckDBPyConnection, settings: Settings) -> frozenset[str]:
    """The sources that are read row by row. Parts of joint accounts are cut where all holders are."""
    holdings = load_selects(settings).get("holdings", "")
    joint = sources_read(con, settings, holdings) if re.search(r"(?i)\bshare\b", holdings) else []
    return row_by_row_sources(con, settings).difference(joint)


@dataclass(frozen=True)
class Work:
    """One table's rows: where they come from, in which parts they are read, in which buckets they belong."""

    settings: Settings
    table: Table
    incoming: load.Incoming
    source: str
    raw: Path
    parts: tuple[tuple[Path, ...], ...]
    shared: Path
    folder: Path

    @property
    def schema_like(self) -> Path:
        """A Parquet file without rows whose columns have the types of the source's files taken together."""
        return self.shared / "columns" / f"{self.source}.parquet"

    @property
    def buckets(self) -> int:
        return int(pq.read_table(self.shared / "layout.parquet")["buckets"][0].as_py())


@dataclass(frozen=True)
class DistributedTable:
    """One table on its way through Spark's tasks; what the driver does with them."""

    state: load.Ingestion
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
        for name in (
            *(f"ref_{other}" for other in TABLE_KEY),
            "ref_numbers",
            "ref_rates",
            "latest_valid_date",
            "layout",
        ):
            if not (work.shared / f"{name}.parquet").is_file():
                copy_rows(con, f"SELECT * FROM {name}", work.shared / f"{name}.parquet")
        counts: dict[str, int] = {}
        self.state.unreadable[work.source] = []
        for rows, rejects in self._over_parts(validate_part):
            counts |= rows
            self.state.unreadable[work.source] += rejects
        np.save(work.folder / OFTEN, np.concatenate(self._over_buckets(partial(repeated_keys, work))))
        self._over_parts(gather_again)
        no_rows = replace(work.incoming, new=f"SELECT * FROM ({work.incoming.new}) LIMIT 0")
        load.validate(con, work.settings, work.table, no_rows)
        con.execute("ALTER TABLE checked ADD COLUMN _place BIGINT")
        for name in ("refused", "again"):
            _insert(con, "checked", work.folder / name)
        return counts

    def keep_raw(self) -> None:
        """Put the raw text of refused rows into ``raw_rows``, a task per file with such rows."""
        work = self.work
        self.cluster.over(partial(raw_text, work), refused_lines(self.state, work.table.name))
        _insert(self.state.con, "raw_rows", work.folder / "raw")

    def write_kept(self) -> load.Weeks:
        """Write the kept rows by bucket and year, a task per bucket; their number by file and week."""
        work = self.work
        copy_rows(
            self.state.con,
            "SELECT _place AS _row, verdict, w.superseded_on, _bucket "
            "FROM repeated w JOIN checked c ON c.rowid = w._row ORDER BY _bucket, _place",
            work.folder / REPEATED_ROWS,
        )
        target = (self.state.draft / work.table.name).resolve()
        rows = sum(self._over_buckets(partial(write_buckets_of, work, target)), load.Weeks())
        shutil.rmtree(work.folder)
        return rows

    def _over_parts(self, task: Callable[[Work, int], Result]) -> list[Result]:
        return self.cluster.over(partial(task, self.work), range(len(self.work.parts)))

    def _over_buckets(self, task: Callable[[range], Result]) -> list[Result]:
        """Work on all buckets, as many in a task as keep the number of tasks at MOST_WRITERS."""
        buckets = range(self.work.buckets)
        size = ceil(len(buckets) / MOST_WRITERS)
        return self.cluster.over(task, [buckets[k : k + size] for k in buckets[::size]])


def open_distributed(state: load.Ingestion, table: Table, incoming: load.Incoming) -> DistributedTable | None:
    """A table that is ingested by tasks; None for one that is ingested in this process."""
    if state.cluster is None or not set(incoming.sources) <= state.cluster.sources:
        return None
    if "share" in incoming.columns:
        raise DataError(
            f"{table.name}.sql yields share without naming it. Name its columns in place of * in "
            f"configs/banks/{state.settings.bank}/{table.name}.sql."
        )
    (source,) = incoming.sources
    files = [path.resolve() for path in load.planned_files(state, source)]
    size = ceil(len(files) / MOST_PARTS)
    parts = tuple(tuple(files[k : k + size]) for k in range(0, len(files), size))
    shared, folder = state.cluster.folder / "shared", state.cluster.folder / table.name
    work = Work(state.settings, table, incoming, source, state.raw.resolve(), parts, shared, folder)
    if state.settings.sources[source].format == "parquet" and not work.schema_like.is_file():
        copy_rows(state.con, f'SELECT * EXCLUDE (_file, _line) FROM "{source}" LIMIT 0', work.schema_like)
    return DistributedTable(state, state.cluster, work)


def _insert(con: duckdb.DuckDBPyConnection, relation: str, folder: Path) -> None:
    files = [str(path) for path in sorted(folder.iterdir())]
    if files:
        con.execute(f"INSERT INTO {relation} BY NAME SELECT * FROM read_parquet(?)", [files])


def weeks_of_part(work: Work, part: int) -> list[tuple[date, int]]:
    """The weeks in which the bookings of a part were known, as ``weekly_bookings`` yields them."""
    with _opened(work, part) as (con, _):
        return latest_date.weekly_bookings(con, work.incoming.rows, day=work.incoming.known_on)


def validate_part(work: Work, part: int) -> tuple[dict[str, int], list[Reject]]:
    """Check the rows of a part; lay its good rows, their keys and the refused rows into the folder.

    Returned are the rows of the SELECT by file, and the lines that are no rows.
    """
    with _opened(work, part) as (con, rejects):
        rows = load.validate(con, work.settings, work.table, work.incoming)
        refused = "SELECT * FROM checked WHERE _reason IS NOT NULL"
        copy_rows(con, refused, work.folder / "refused" / f"{part}.parquet")
        _partition_good(con, work, part)
        return rows, rejects


def repeated_keys(work: Work, buckets: range) -> NDArray[np.uint64]:
    """The hashes that come more than once among the keys that belong into these buckets."""
    repeated = []
    for pieces in _partitions(work, "keys", buckets):
        hashes = np.sort(np.concatenate([piece.column("_hash").to_numpy() for piece in pieces]))
        repeated.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.concatenate([np.empty(0, np.uint64), *repeated])


def gather_again(work: Work, part: int) -> None:
    """Lay the good rows of a part whose key comes more than once into the folder, whole."""
    often = np.load(work.folder / OFTEN)
    for path in sorted((work.folder / "rows").glob(f"{part}-*.arrow")):
        pieces = list(read_partitions(path, range(work.buckets)))
        buckets = np.repeat(np.arange(work.buckets, dtype=np.int16), [len(piece) for piece in pieces])
        rows = pa.Table.from_batches(pieces).append_column("_bucket", pa.array(buckets))
        again = rows.filter(pa.array(np.isin(rows["_hash"].to_numpy(), often)))
        pq.write_table(again.drop_columns("_hash"), work.folder / "again" / f"{path.stem}.parquet")


def write_buckets_of(work: Work, target: Path, buckets: range) -> load.Weeks:
    """Write the kept rows of these buckets below ``target``; their number by file and week."""
    written = load.Weeks()
    with _alone() as con:
        for bucket, pieces in zip(buckets, _partitions(work, "rows", buckets), strict=False):
            con.register("bucket_rows", pa.Table.from_batches(pieces))
            con.execute(
                "CREATE OR REPLACE TEMP VIEW good AS "
                "SELECT _place AS _row, * EXCLUDE (_place, _hash) FROM bucket_rows"
            )
            con.execute(
                "CREATE OR REPLACE TEMP VIEW repeated AS "
                f"SELECT * FROM read_parquet({sql_text(work.folder / REPEATED_ROWS)}) "
                f"WHERE _bucket = {bucket}"
            )
            rows, folder = con.sql(load.KEPT_ROWS).to_arrow_table(), target / bucket_name(bucket)
            write_parts(rows, folder, *layout_of(work.table))
            written.update(load.kept_weeks(con, work.table))
    return written


def raw_text(work: Work, refused: RefusedLines) -> None:
    """Lay the raw text of one file's refused rows into the folder."""
    with _alone() as con:
        RAW_TEXT.create(con)
        RAW_TEXT.insert(con, refused.texts(work.settings))
        copy_rows(con, "SELECT * FROM raw_rows", work.folder / "raw" / f"{fingerprint(refused.file)}.parquet")


def copy_rows(con: duckdb.DuckDBPyConnection, select: str, target: Path) -> None:
    """Lay the rows of a query down for other tasks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"COPY ({select}) TO {sql_text(target)} (FORMAT parquet)")


@contextmanager
def _alone() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB on one core: Spark runs a task for each."""
    with TemporaryDirectory() as spill, computing(Path(spill)) as con:
        con.execute("SET threads = 1")
        yield con


@contextmanager
def _opened(work: Work, part: int) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Reject]]]:
    """The files of a part under the name of their source, beside what their rows refer to."""
    spec, files = work.settings.sources[work.source], work.parts[part]
    with _alone() as con, explain_sql_errors(work.settings, work.table):
        for path in sorted(work.shared.glob("*.parquet")):
            con.execute(f"CREATE TEMP VIEW {path.stem} AS SELECT * FROM read_parquet({sql_text(path)})")
        schema_like = [work.schema_like] if spec.format == "parquet" else []
        yield con, open_source(con, work.source, spec, work.raw, [*files, *schema_like])


def _partition_good(con: duckdb.DuckDBPyConnection, work: Work, part: int) -> None:
    # The last 40 bits of a row's place count the rows of its part.
    rows = con.sql(
        f"SELECT rowid + {part << 40} AS _place, {key_hash(work.table)} AS _hash, "
        "* EXCLUDE (_reason, _given) FROM checked WHERE _reason IS NULL"
    ).to_arrow_reader(load.BATCH_ROWS)
    for number, batch in enumerate(rows):
        by_hash = pa.array(batch.column("_hash").to_numpy() % work.buckets)
        keys = pa.RecordBatch.from_pydict({"_hash": batch.column("_hash"), "_bucket": by_hash})
        for kind, records in (("rows", batch), ("keys", keys)):
            ordered, bounds = partition(records, work.buckets, set())
            write_partitions(ordered, bounds, work.folder / kind / f"{part}-{number}.arrow")


def _partitions(work: Work, kind: str, buckets: range) -> Iterator[tuple[pa.RecordBatch, ...]]:
    """The parts' rows in each of these buckets; nothing where no part has a good row."""
    files = sorted((work.folder / kind).glob("*.arrow"))
    return zip(*[list(read_partitions(path, buckets)) for path in files], strict=True)
