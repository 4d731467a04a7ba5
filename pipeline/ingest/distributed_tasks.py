"""The tasks of an ingest on Spark, each on some files of a source or on some buckets of a table.

The checks, the verdicts on repeated keys, the sort and the writer are those of a local ingest. Between the
tasks lie, below ``folder``: ``rows`` and ``keys``, the good rows of each part by bucket and the hashes of
their keys by their own value; ``refused`` and ``again``, the rows that the driver has to look at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.settings import Settings
from configs.tables import Table
from pipeline.ingest.buckets import partition, read_partitions, write_partitions, write_parts
from pipeline.ingest.checks import checked, key_hash
from pipeline.ingest.compact import sort_order, year_of
from pipeline.ingest.incoming import Incoming
from pipeline.ingest.latest_valid_date import weekly_bookings
from pipeline.ingest.load import BATCH_ROWS, KEPT_ROWS, Written, by_file, written_rows
from pipeline.ingest.raw_rows import RefusedLines
from pipeline.ingest.relations import CHECKED, DELIVERED, computing, contract_columns, sql_text
from pipeline.ingest.selects import explain_sql_errors
from pipeline.ingest.sources import Reject, open_source
from pipeline.tables import bucket_name

PLACES = 40  # bits of a row's place that count the rows of its part


@dataclass(frozen=True)
class Work:
    """One table's rows: where they come from, in which parts they are read, in which buckets they belong."""

    settings: Settings
    table: Table
    incoming: Incoming
    raw: Path
    parts: tuple[tuple[Path, ...], ...]
    shared: Path
    folder: Path

    @property
    def source(self) -> str:
        (name,) = self.incoming.sources
        return name

    @property
    def schema_like(self) -> Path:
        """A Parquet file without rows whose columns have the types of the source's files taken together."""
        return self.shared / "columns" / f"{self.source}.parquet"

    @property
    def buckets(self) -> int:
        return int(pq.read_table(self.shared / "layout.parquet")["buckets"][0].as_py())

    @property
    def often(self) -> Path:
        """The hashes of keys that come more than once."""
        return self.folder / "often.npy"

    @property
    def repeated_rows(self) -> Path:
        """One row per row that shares its key with another, with the driver's verdict, by bucket."""
        return self.folder / "repeated_rows.parquet"


@dataclass(frozen=True)
class Validated:
    """One part: rows of the SELECT by file, lines that are no rows, files with a row on every line."""

    rows: dict[str, int]
    rejects: list[Reject]
    one_row_per_line: list[str]


def weeks_of_part(work: Work, part: int) -> list[tuple[date, int]]:
    """The weeks in which the bookings of a part were known, as ``weekly_bookings`` yields them."""
    with _opened(work, part) as (con, _):
        return weekly_bookings(con, work.incoming.rows)


def validate_part(work: Work, part: int) -> Validated:
    """Check the rows of a part; lay its good rows, their keys and the refused rows into the folder."""
    with _opened(work, part) as (con, rejects):
        query = checked(work.table, work.incoming.rows, work.incoming.columns, work.settings.base_currency)
        CHECKED.create_from(con, query, contract_columns(work.table))
        con.execute(
            "COPY (SELECT * FROM checked WHERE _reason IS NOT NULL) "
            f"TO {sql_text(work.folder / 'refused' / f'{part}.parquet')} (FORMAT parquet)"
        )
        _partition_good(con, work, part)
        one_row_per_line = con.execute("SELECT file FROM delivered WHERE one_row_per_line").fetchall()
        rows = by_file(con, f"SELECT _file FROM ({work.incoming.new})")
        return Validated(rows, rejects, [file for (file,) in one_row_per_line])


def repeated_keys(work: Work, buckets: range) -> NDArray[np.uint64]:
    """The hashes that come more than once among the keys that belong into these buckets."""
    repeated = []
    for pieces in _partitions(work, "keys", buckets):
        hashes = np.sort(np.concatenate([piece.column("_hash").to_numpy() for piece in pieces]))
        repeated.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.concatenate([np.empty(0, np.uint64), *repeated])


def gather_again(work: Work, part: int) -> None:
    """Lay the good rows of a part whose key comes more than once into the folder, whole."""
    often = np.load(work.often)
    for path in sorted((work.folder / "rows").glob(f"{part}-*.arrow")):
        pieces = list(read_partitions(path, range(work.buckets)))
        buckets = np.repeat(np.arange(work.buckets, dtype=np.int16), [len(piece) for piece in pieces])
        rows = pa.Table.from_batches(pieces).append_column("_bucket", pa.array(buckets))
        again = rows.filter(pa.array(np.isin(rows["_hash"].to_numpy(), often)))
        pq.write_table(again.drop_columns("_hash"), work.folder / "again" / f"{path.stem}.parquet")


def write_buckets_of(work: Work, target: Path, buckets: range) -> list[Written]:
    """Write the kept rows of these buckets below ``target``."""
    done = []
    with TemporaryDirectory() as spill, _alone(Path(spill)) as con:
        for bucket, pieces in zip(buckets, _partitions(work, "rows", buckets), strict=False):
            con.register("bucket_rows", pa.Table.from_batches(pieces))
            _open_bucket(con, work, bucket)
            rows, folder = con.sql(KEPT_ROWS).to_arrow_table(), target / bucket_name(bucket)
            write_parts(rows, folder, sort_order(work.table), year_of(work.table))
            done.append(written_rows(con))
    return done


def raw_text(settings: Settings, wanted: tuple[RefusedLines, ...], folder: Path, number: int) -> None:
    """Lay the raw text of one file's refused rows into the folder."""
    files, lines, texts = list(zip(*wanted[number].texts(settings), strict=True)) or ((), (), ())
    rows = {
        "file": pa.array(files, pa.string()),
        "line": pa.array(lines, pa.int64()),
        "raw": pa.array(texts, pa.string()),
    }
    pq.write_table(pa.table(rows), folder / f"{number}.parquet")


@contextmanager
def _alone(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB on one core: Spark runs a task for each."""
    with computing(spill) as con:
        con.execute("SET threads = 1")
        yield con


@contextmanager
def _opened(work: Work, part: int) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Reject]]]:
    """The files of a part under the name of their source, beside what their rows refer to."""
    spec, files = work.settings.sources[work.source], work.parts[part]
    with (
        TemporaryDirectory() as spill,
        _alone(Path(spill)) as con,
        explain_sql_errors(work.settings, work.table),
    ):
        DELIVERED.create(con)
        DELIVERED.insert(con, [(work.source, _label(work, path), str(path), False) for path in files])
        for path in sorted(work.shared.glob("*.parquet")):
            con.execute(f"CREATE TEMP VIEW {path.stem} AS SELECT * FROM read_parquet({sql_text(path)})")
        schema_like = [work.schema_like] if spec.format == "parquet" else []
        yield con, open_source(con, work.source, spec, work.raw, [*files, *schema_like])


def _label(work: Work, path: Path) -> str:
    return path.relative_to(work.raw).as_posix()


def _partition_good(con: duckdb.DuckDBPyConnection, work: Work, part: int) -> None:
    rows = con.sql(
        f"SELECT rowid + {part << PLACES} AS _place, {key_hash(work.table)} AS _hash, "
        "* EXCLUDE (_reason, _given) FROM checked WHERE _reason IS NULL"
    ).to_arrow_reader(BATCH_ROWS)
    for number, batch in enumerate(rows):
        by_hash = pa.array(batch.column("_hash").to_numpy() % work.buckets)
        keys = pa.RecordBatch.from_pydict({"_hash": batch.column("_hash"), "_bucket": by_hash})
        for kind, records in (("rows", batch), ("keys", keys)):
            ordered, bounds = partition(records, work.buckets, set())
            write_partitions(ordered, bounds, work.folder / kind / f"{part}-{number}.arrow")


def _partitions(work: Work, kind: str, buckets: range) -> Iterator[tuple[pa.RecordBatch, ...]]:
    """What the parts have for each of these buckets; nothing where none of them has a good row."""
    files = sorted((work.folder / kind).glob("*.arrow"))
    return zip(*[list(read_partitions(path, buckets)) for path in files], strict=True)


def _open_bucket(con: duckdb.DuckDBPyConnection, work: Work, bucket: int) -> None:
    """``good`` and ``repeated`` as a local ingest has them, of one bucket."""
    con.execute(
        "CREATE OR REPLACE TEMP VIEW good AS "
        "SELECT _place AS _row, * EXCLUDE (_place, _hash) FROM bucket_rows"
    )
    con.execute(
        "CREATE OR REPLACE TEMP VIEW repeated AS "
        f"SELECT * FROM read_parquet({sql_text(work.repeated_rows)}) WHERE _bucket = {bucket}"
    )
