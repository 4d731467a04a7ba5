"""What a Spark task does in an ingest, on some files of a source or on some buckets of a table.

The checks, the judgement of repeated keys, the sort and the writer are those of a local ingest. Between the
tasks lie, below ``folder``: ``rows`` and ``keys``, the good rows of each part cut by bucket and the hashes of
their keys cut by their own value; ``refused`` and ``again``, the rows that the driver has to look at.
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
from pipeline.ingest.buckets import by_bucket, read_cut, write_cut, write_parts
from pipeline.ingest.checks import checked, key_hash
from pipeline.ingest.compact import sort_order, year_of
from pipeline.ingest.compute import computing
from pipeline.ingest.incoming import Incoming, quoted
from pipeline.ingest.latest_valid_date import weekly_bookings
from pipeline.ingest.load import BATCH_ROWS, KEPT_ROWS, Written, by_file, written
from pipeline.ingest.raw_rows import RefusedLines
from pipeline.ingest.selects import told
from pipeline.ingest.sources import Reject, note_delivered, open_source
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
    def columns_alike(self) -> Path:
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
    def verdicts(self) -> Path:
        """What the driver found about the rows that share a key, by bucket."""
        return self.folder / "verdicts.parquet"


@dataclass(frozen=True)
class Judged:
    """What became known of a part's files: rows of the SELECT, lines that are no rows, files of a row per line."""

    rows: dict[str, int]
    rejects: list[Reject]
    by_line: list[str]


def weeks_of_part(work: Work, part: int) -> list[tuple[date, int]]:
    """In which weeks the bookings of a part were known."""
    with _opened(work, part) as (con, _):
        return weekly_bookings(con, work.incoming.rows)


def judge_part(work: Work, part: int) -> Judged:
    """Check the rows of a part; lay its good rows and their keys, cut, and the refused ones into the folder."""
    with _opened(work, part) as (con, rejects):
        judged = checked(work.table, work.incoming.rows, work.incoming.columns, work.settings.base_currency)
        con.execute(f"CREATE TEMP TABLE checked AS {judged}")
        con.execute(
            "COPY (SELECT * FROM checked WHERE _reason IS NOT NULL) "
            f"TO '{quoted(work.folder / 'refused' / f'{part}.parquet')}' (FORMAT parquet)"
        )
        _cut_good(con, work, part)
        by_line = con.execute("SELECT file FROM delivered WHERE by_line").fetchall()
        rows = by_file(con, f"SELECT _file FROM ({work.incoming.new})")
        return Judged(rows, rejects, [file for (file,) in by_line])


def repeated_keys(work: Work, buckets: range) -> NDArray[np.uint64]:
    """The hashes that come more than once among the keys cut into these buckets."""
    found = []
    for pieces in _cut(work, "keys", buckets):
        hashes = np.sort(np.concatenate([piece.column("_hash").to_numpy() for piece in pieces]))
        found.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.concatenate([np.empty(0, np.uint64), *found])


def gather_again(work: Work, part: int) -> None:
    """Lay the good rows of a part whose key comes more than once into the folder, whole."""
    often = np.load(work.often)
    for path in sorted((work.folder / "rows").glob(f"{part}-*.arrow")):
        pieces = list(read_cut(path, range(work.buckets)))
        buckets = np.repeat(np.arange(work.buckets, dtype=np.int16), [len(piece) for piece in pieces])
        rows = pa.Table.from_batches(pieces).append_column("_bucket", pa.array(buckets))
        again = rows.filter(pa.array(np.isin(rows["_hash"].to_numpy(), often)))
        pq.write_table(again.drop_columns("_hash"), work.folder / "again" / f"{path.stem}.parquet")


def write_buckets_of(work: Work, target: Path, buckets: range) -> list[Written]:
    """Write the kept rows of these buckets below ``target``."""
    done = []
    with TemporaryDirectory() as spill, _alone(Path(spill)) as con:
        for bucket, pieces in zip(buckets, _cut(work, "rows", buckets), strict=False):
            con.register("cut", pa.Table.from_batches(pieces))
            _open_bucket(con, work, bucket)
            rows, folder = con.sql(KEPT_ROWS).to_arrow_table(), target / bucket_name(bucket)
            write_parts(rows, folder, sort_order(work.table), year_of(work.table))
            done.append(written(con))
    return done


def raw_text(settings: Settings, wanted: tuple[RefusedLines, ...], folder: Path, number: int) -> None:
    """Lay the raw text of one file's refused rows into the folder."""
    found = list(wanted[number].rows(settings))
    rows = {
        "file": pa.array([wanted[number].file] * len(found), pa.string()),
        "line": pa.array([line for line, _ in found], pa.int64()),
        "raw": pa.array([text for _, text in found], pa.string()),
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
    with TemporaryDirectory() as spill, _alone(Path(spill)) as con, told(work.settings, work.table):
        note_delivered(con, [(work.source, _label(work, path), str(path)) for path in files])
        for path in sorted(work.shared.glob("*.parquet")):
            con.execute(f"CREATE TEMP VIEW {path.stem} AS SELECT * FROM read_parquet('{quoted(path)}')")
        alike = [work.columns_alike] if spec.format == "parquet" else []
        yield con, open_source(con, work.source, spec, work.raw, [*files, *alike])


def _label(work: Work, path: Path) -> str:
    return path.relative_to(work.raw).as_posix()


def _cut_good(con: duckdb.DuckDBPyConnection, work: Work, part: int) -> None:
    rows = con.sql(
        f"SELECT rowid + {part << PLACES} AS _place, {key_hash(work.table)} AS _hash, "
        "* EXCLUDE (_reason, _given) FROM checked WHERE _reason IS NULL"
    ).to_arrow_reader(BATCH_ROWS)
    for number, batch in enumerate(rows):
        by_hash = pa.array(batch.column("_hash").to_numpy() % work.buckets)
        keys = pa.RecordBatch.from_pydict({"_hash": batch.column("_hash"), "_bucket": by_hash})
        for kind, one in (("rows", batch), ("keys", keys)):
            cut, bounds = by_bucket(one, work.buckets, set())
            write_cut(cut, bounds, work.folder / kind / f"{part}-{number}.arrow")


def _cut(work: Work, kind: str, buckets: range) -> Iterator[tuple[pa.RecordBatch, ...]]:
    """What the parts have for each of these buckets; nothing where none of them has a good row."""
    files = sorted((work.folder / kind).glob("*.arrow"))
    return zip(*[list(read_cut(path, buckets)) for path in files], strict=True)


def _open_bucket(con: duckdb.DuckDBPyConnection, work: Work, bucket: int) -> None:
    """``good`` and ``repeated`` as a local ingest has them, of one bucket."""
    con.execute(
        "CREATE OR REPLACE TEMP VIEW good AS SELECT _place AS _row, * EXCLUDE (_place, _hash) FROM cut"
    )
    con.execute(
        "CREATE OR REPLACE TEMP VIEW repeated AS "
        f"SELECT * FROM read_parquet('{quoted(work.verdicts)}') WHERE _bucket = {bucket}"
    )
