"""The tasks of an ingest on Spark, each on some files of a source or on some buckets of a table.

The checks, the verdicts on repeated keys, the sort and the writer are those of a local ingest. Between the
tasks lie, below ``folder``: ``rows`` and ``keys``, the good rows of each part by bucket and the hashes of
their keys by their own value; ``refused`` and ``again``, the rows that the driver has to look at.
"""

from collections import Counter
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
from pipeline.artefacts import fingerprint
from pipeline.ingest.buckets import (
    partition,
    read_partitions,
    sort_order,
    write_partitions,
    write_parts,
    year_of,
)
from pipeline.ingest.checks import key_hash
from pipeline.ingest.incoming import Incoming
from pipeline.ingest.load import BATCH_ROWS, KEPT_FILES, KEPT_ROWS, by_file, validate
from pipeline.ingest.quarantine import RefusedLines
from pipeline.ingest.references import weekly_bookings
from pipeline.ingest.relations import DELIVERED, RAW_TEXT, computing, sql_text
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


def weeks_of_part(work: Work, part: int) -> list[tuple[date, int]]:
    """The weeks in which the bookings of a part were known, as ``weekly_bookings`` yields them."""
    with _opened(work, part) as (con, _):
        return weekly_bookings(con, work.incoming.rows)


def validate_part(work: Work, part: int) -> tuple[dict[str, int], list[Reject], list[tuple[str]]]:
    """Check the rows of a part; lay its good rows, their keys and the refused rows into the folder.

    Returned are the rows of the SELECT by file, lines that are no rows, files with a row on every line.
    """
    with _opened(work, part) as (con, rejects):
        rows = validate(con, work.settings, work.table, work.incoming)
        refused = work.folder / "refused" / f"{part}.parquet"
        copy_rows(con, "SELECT * FROM checked WHERE _reason IS NOT NULL", refused)
        _partition_good(con, work, part)
        whole = con.execute("SELECT file FROM delivered WHERE one_row_per_line").fetchall()
        return rows, rejects, whole


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


def write_buckets_of(work: Work, target: Path, buckets: range) -> Counter[str]:
    """Write the kept rows of these buckets below ``target``; their number by file."""
    written: Counter[str] = Counter()
    with _alone() as con:
        for bucket, pieces in zip(buckets, _partitions(work, "rows", buckets), strict=False):
            con.register("bucket_rows", pa.Table.from_batches(pieces))
            _open_bucket(con, work, bucket)
            rows, folder = con.sql(KEPT_ROWS).to_arrow_table(), target / bucket_name(bucket)
            write_parts(rows, folder, sort_order(work.table), year_of(work.table))
            written.update(by_file(con, KEPT_FILES))
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
        labels = [path.relative_to(work.raw).as_posix() for path in files]
        DELIVERED.create(con)
        DELIVERED.insert(con, [(work.source, label, "", False) for label in labels])
        for path in sorted(work.shared.glob("*.parquet")):
            con.execute(f"CREATE TEMP VIEW {path.stem} AS SELECT * FROM read_parquet({sql_text(path)})")
        schema_like = [work.schema_like] if spec.format == "parquet" else []
        yield con, open_source(con, work.source, spec, work.raw, [*files, *schema_like])


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
