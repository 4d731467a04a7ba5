"""The bank's raw files as DuckDB relations, each row with the file and the line it came from.

Rows of the bank's own PostgreSQL are fetched once into Parquet and read from there like a file. They are
sorted by all their columns here, not in the database: numbers of rows and the tables made from them then
depend on the rows alone, and the bank's database has nothing to sort. Rows alike in every column are
interchangeable. NUMERIC comes as text, so money is exact, and NaN is refused row by row as from a CSV file.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from configs.bank_folder import find_raw
from configs.errors import ConfigError, DataError
from configs.settings import Settings, Source
from pipeline.artefacts import Home
from pipeline.ingest.csv_files import codec, count_lines, header, is_gzip, opened_text, rows, shown
from pipeline.ingest.relations import PLACE, Relation, number, sql_name, sql_text
from pipeline.ingest.values import Notation

FETCHED = "postgres:"  # begins the _file of rows that were fetched from a database
ROWS_PER_GROUP = 100_000
TYPE = b"POSTGRESQL:type"
EXAMPLE = "postgresql://reader@host:5432/database"
# Names that the relation of a source needs for itself, and DuckDB while it reads Parquet.
RESERVED = {"csv": ("_file", "_line"), "parquet": ("_file", "_line", "filename", "file_row_number")}


@dataclass(frozen=True)
class Reject:
    """A line that is no row of its file: too few or too many fields, an open quote."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class CsvFile:
    """One delivered file of a CSV source and the columns of its header."""

    source: str
    path: Path
    label: str
    spec: Source
    columns: tuple[str, ...]


def files_of(settings: Settings, raw: Path, fetched: Mapping[str, Path], name: str) -> dict[str, Path]:
    """The files of a source by their ``_file``: the path below ``raw``, or postgres:<source>."""
    if name in fetched:
        return {FETCHED + name: fetched[name]}
    return {path.relative_to(raw).as_posix(): path for path in find_raw(settings, raw, name)}


def notation_of(settings: Settings, table: str, sources: Sequence[str]) -> Notation:
    """How the sources of one SELECT write numbers and moments. Raises ConfigError where they differ."""
    specs = [settings.sources[name] for name in sources]
    marks = sorted(
        {(spec.decimal or ".", spec.thousands) for spec in specs if spec.decimal or spec.thousands}
    )
    if len(marks) > 1:
        raise ConfigError(
            f"{table}.sql of bank {settings.bank!r} reads sources with different marks in their numbers: "
            f"{' and '.join(sources)}. Let a SELECT read the numbers of sources alike, or replace the marks "
            "of one of them in the SELECT and leave its decimal and thousands out."
        )
    if not marks and specs and all(spec.format == "postgres" for spec in specs):
        marks = [(".", "")]
    decimal, thousands = marks[0] if marks else ("", "")
    return Notation(decimal, thousands, settings.time_zone)


def open_source(
    con: duckdb.DuckDBPyConnection,
    name: str,
    spec: Source,
    raw: Path,
    files: list[Path],
    schema_like: Sequence[Path] = (),
) -> list[Reject]:
    """Make the relation of one source, named as in bank.toml; the lines that are no rows are returned.

    CSV sources have text columns only, Parquet sources their own types; both end in ``_file`` (below ``raw``)
    and ``_line`` (for CSV the line on which the row begins, for Parquet the row, both from 1). Rows of a
    database are in Parquet: their ``_file`` is postgres:<source>, their ``_line`` the row. The relation holds
    ``files`` only; ``schema_like`` are others that must have the same columns.
    Raises DataError for a file that is empty, cut off, wrongly encoded or has a broken header.
    """
    if spec.format != "csv":
        label = sql_text(FETCHED + name) if spec.format == "postgres" else _below(raw, files[0])
        _open_parquet(con, name, files, schema_like, label)
        return []
    names = _same_header({path: header(path, name, spec) for path in (*schema_like, *files)}, name, "csv")
    relation = Relation(name, dict.fromkeys(names, "VARCHAR") | PLACE)
    relation.create(con)
    rejects: list[Reject] = []
    for path in files:
        file = CsvFile(name, path, path.relative_to(raw).as_posix(), spec, names)
        if not _load_whole(con, file):
            relation.insert(con, _readable_rows(file, rejects))
        _refuse_second_header(con, file)
    return rejects


def _open_parquet(
    con: duckdb.DuckDBPyConnection, name: str, files: list[Path], schema_like: Sequence[Path], label: str
) -> None:
    """Make a Parquet source; ``label`` is the SQL of its ``_file``."""
    _same_header({path: _parquet_columns(con, path) for path in (*schema_like, *files)}, name, "parquet")
    listed = ", ".join(sql_text(path) for path in files)
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW {sql_name(name)} AS SELECT * EXCLUDE (filename, file_row_number), "
        f"{label} AS _file, file_row_number + 1 AS _line "
        f"FROM read_parquet([{listed}], "
        "filename = true, file_row_number = true, union_by_name = true, hive_partitioning = false)"
    )


def _below(raw: Path, path: Path) -> str:
    """SQL: the path of a file below ``raw``, as ``path`` lies there."""
    start = len(str(path)) - len(str(path.relative_to(raw))) + 1
    return f"replace(filename[{start}:], '\\', '/')"


def _parquet_columns(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    """The column names of one Parquet file, sorted, since Parquet is read by name."""
    try:
        columns = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error:
        what = "cut off, or no Parquet at all" if path.stat().st_size else "empty"
        raise DataError(f"{path} is {what}. Deliver it again.") from None
    return tuple(sorted(column[0] for column in columns))


def _same_header(headers: dict[Path, tuple[str, ...]], name: str, kind: str) -> tuple[str, ...]:
    first, *others = headers
    taken = [column for column in headers[first] if column.lower() in RESERVED[kind]]
    if taken:
        raise DataError(
            f"{first} has a column {taken[0]!r}, a name that ingest needs for itself: in a SELECT _file and "
            "_line say where a row stands. Deliver it under another name."
        )
    for path in others:
        if headers[path] != headers[first]:
            raise DataError(
                f"the files of source {name!r} differ: {path.name} has the columns {shown(headers[path])}, "
                f"but {first.name} has {shown(headers[first])}. Deliver them alike, or declare one source "
                "for each layout in bank.toml."
            )
    return headers[first]


def _load_whole(con: duckdb.DuckDBPyConnection, file: CsvFile) -> bool:
    """Let DuckDB read a file in which every line is one row; False, with nothing loaded, when one is not.

    DuckDB skips blank lines and loses all rows behind an open quote: its numbers are then no lines.
    """
    lines = count_lines(file.path) if codec(file.spec) == "utf-8-sig" else -1
    if lines < 0:
        return False
    types = ", ".join(f"{sql_text(column)}: 'VARCHAR'" for column in file.columns)
    try:
        inserted = con.execute(
            f"INSERT INTO {sql_name(file.source)} SELECT *, ?, row_number() OVER () + 1 "
            f"FROM read_csv(?, header = true, auto_detect = false, columns = {{{types}}}, delim = ?, "
            "quote = '\"', escape = '\"', compression = ?, hive_partitioning = false)",
            [file.label, str(file.path), file.spec.delimiter, "gzip" if is_gzip(file.path) else "none"],
        )
    except duckdb.InvalidInputException:
        return False
    ((rows_loaded,),) = inserted.fetchall()
    if rows_loaded + 1 == lines:
        return True
    con.execute(f"DELETE FROM {sql_name(file.source)} WHERE _file = ?", [file.label])
    return False


def _readable_rows(file: CsvFile, rejects: list[Reject]) -> Iterator[tuple[str | int | None, ...]]:
    """The rows of a file in which not every line is a row, with exact lines; others go into ``rejects``."""
    with opened_text(file.path, file.source, file.spec) as text:
        for line, row, _ in rows(text, file.spec.delimiter, len(file.columns)):
            if isinstance(row, str):
                rejects.append(Reject(file.label, line, row))
            else:
                yield (*(value or None for value in row), file.label, line)


def _refuse_second_header(con: duckdb.DuckDBPyConnection, file: CsvFile) -> None:
    # Files that were joined keep the byte order mark of the second before its header.
    same = " AND ".join(
        f"lower(ltrim({sql_name(column)}, '\ufeff')) = lower({sql_text(column)})" for column in file.columns
    )
    query = f"SELECT min(_line) FROM {sql_name(file.source)} WHERE _file = {sql_text(file.label)} AND {same}"
    line = number(con, query)
    if line:
        raise DataError(
            f"{file.path} repeats its header in line {line}, as if two files had been joined. "
            "Deliver each as a file of its own, or without the second header."
        )


@contextmanager
def fetched(settings: Settings, home: Home) -> Iterator[dict[str, Path]]:
    """One Parquet file per database source of the bank, by the source's name; they go when the block ends.

    Raises DataError when a database cannot be reached or a query fails; no message holds a password or a row.
    """
    folder = home.root / ".fetched"
    shutil.rmtree(folder, ignore_errors=True)
    names = [name for name, spec in settings.sources.items() if spec.format == "postgres"]
    try:
        yield {name: _fetch(name, settings.sources[name], folder) for name in names}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(name: str, spec: Source, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    unsorted, target = folder / f".{name}.parquet", folder / f"{name}.parquet"
    with _connected(name, spec) as cursor:
        with _reading(name):
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(spec.query or f"SELECT * FROM {spec.table}")
        _write_unsorted(name, cursor.fetch_record_batch(), unsorted)
    with duckdb.connect() as con:
        con.execute("SET memory_limit = '2500MB'; SET TimeZone = 'UTC'")
        con.execute("SET temp_directory = ?", [str(folder)])
        reader = con.from_parquet(str(unsorted)).order("ALL").to_arrow_reader(ROWS_PER_GROUP)
        _write_groups(reader, target)
    unsorted.unlink()
    return target


@contextmanager
def _connected(name: str, spec: Source) -> Iterator[Any]:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise DataError(
            f"source {name!r} needs the PostgreSQL driver. Install the extra 'postgres' of this package."
        ) from None
    where = f"the environment variable {spec.dsn_env}"
    text = os.environ.get(spec.dsn_env or "", "")
    if not text:
        raise DataError(
            f"source {name!r} reads PostgreSQL, but {where} is not set. Set it, for example to {EXAMPLE}."
        )
    try:
        connection = dbapi.connect(text)
    except dbapi.Error as error:
        # Of a connection string that it cannot read, libpq quotes parts: the password may be among them.
        reason = re.search(r"connection to server.*", str(error))
        raise DataError(
            f"source {name!r} cannot be read: {reason.group()}. Mend {where}, or ask for access."
            if reason
            else f"source {name!r}: {where} holds no connection string. Set it, for example to {EXAMPLE}."
        ) from None
    with connection, connection.cursor() as cursor:
        yield cursor


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Raises DataError with the database's message.

    Names are shown where the query is wrong. Of any other error the values are left out: they may be a
    person's.
    """
    from adbc_driver_manager import Error

    try:
        yield
    except (Error, OSError, pa.ArrowException) as error:
        server_error = re.search(r"ERROR: +(.*)", str(error))
        message = server_error.group(1) if server_error else str(error).partition("\n")[0]
        if not str(getattr(error, "sqlstate", "") or "").startswith("42"):
            message = re.sub(r"['\"].*['\"]|\d[\d.:+-]*", "…", message)
        raise DataError(
            f"source {name!r} cannot be read: the database says: {message}. Mend its query or table in "
            f"[sources.{name}] of bank.toml, or ask for access."
        ) from None


def _write_unsorted(name: str, reader: pa.RecordBatchReader, target: Path) -> None:
    odd = [field.name for field in reader.schema if (field.metadata or {}).get(TYPE) == b"money"]
    if odd:
        raise DataError(
            f"source {name!r}: the column {odd[0]} is of type money, whose decimals depend on the server. "
            f"Select {odd[0]}::numeric in the query of [sources.{name}] in bank.toml."
        )
    schema = pa.schema([pa.field(field.name, _plain(field.type)) for field in reader.schema])
    with pq.ParquetWriter(target, schema) as writer:
        while True:
            with _reading(name):
                batch = next(reader, None)
            if batch is None:
                break
            columns = [
                getattr(column, "storage", column) if _plain(column.type) != column.type else column
                for column in batch.columns
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def _plain(kind: pa.DataType) -> pa.DataType:
    """Text where the driver marks text as of a type of PostgreSQL, such as numeric or json."""
    return pa.string() if pa.types.is_string(getattr(kind, "storage_type", kind)) else kind


def _write_groups(reader: pa.RecordBatchReader, target: Path) -> None:
    """Groups of equal size, so that the bytes do not depend on how the stream was cut."""
    with pq.ParquetWriter(target, reader.schema) as writer:
        waiting = reader.schema.empty_table()
        for batch in reader:
            waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
            while len(waiting) >= ROWS_PER_GROUP:
                writer.write_table(waiting.slice(0, ROWS_PER_GROUP).combine_chunks())
                waiting = waiting.slice(ROWS_PER_GROUP)
        writer.write_table(waiting.combine_chunks())
