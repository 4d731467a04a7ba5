"""Rows of the bank's own PostgreSQL, fetched once into Parquet and read from there like a file.

They are sorted by all their columns here, not in the database: numbers of rows and the tables made from them
then depend on the rows alone, and the bank's database has nothing to sort. Rows alike in every column are
interchangeable. NUMERIC comes as text, so money is exact, and NaN is refused row by row as from a CSV file.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from configs.errors import DataError
from configs.settings import Settings
from configs.source import Source
from pipeline.artefacts import Home

ROWS_PER_GROUP = 100_000
TYPE = b"POSTGRESQL:type"
EXAMPLE = "postgresql://reader@host:5432/database"


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
            f"source {name!r} cannot be read: {reason.group()}. Correct {where}, or ask for access."
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
            f"source {name!r} cannot be read: the database says: {message}. Correct its query or table in "
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
