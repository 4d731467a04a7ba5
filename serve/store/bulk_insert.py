"""Many rows into one table at once: COPY on PostgreSQL, one prepared statement in batches on SQLite."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Date, Table, insert, text

BATCH = 10_000  # rows handed to SQLite's driver at once; bounds memory


def bulk_insert(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Writes rows of plain values (text, int, float, bool, bytes, date, None), in the order of the
    columns.
    """
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        _insert(connection, table, rows)


def analyze(connection: Connection, tables: Iterable[Table]) -> None:
    """Tells PostgreSQL's planner of new rows: until it knows of them, each page sorts all that follow it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {', '.join(table.name for table in tables)}"))


def _copy(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _insert(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Past SQLAlchemy's handling of each value, which takes longer than SQLite does."""
    statement = str(insert(table).compile(dialect=connection.dialect))
    if any(isinstance(column.type, Date) for column in table.columns):
        rows = (tuple(map(_plain, row)) for row in rows)
    pending = iter(rows)
    while batch := list(islice(pending, BATCH)):
        connection.exec_driver_sql(statement, batch)


def _plain(value: Any) -> Any:
    """A date as SQLite keeps it."""
    return value.isoformat() if hasattr(value, "isoformat") else value
