"""Many rows into one table at once: COPY on PostgreSQL, one prepared statement in batches on SQLite."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, insert, text

BATCH = 10_000  # rows handed to SQLite's driver at once; bounds memory


def load(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows of plain values (text, int, float, bool, bytes, None), in the order of the table's columns."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        _insert(connection, table, rows)


def count(connection: Connection, loaded: Iterable[Table]) -> None:
    """Tells PostgreSQL's planner of new rows: until it knows of them, each page sorts all that follow it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {', '.join(table.name for table in loaded)}"))


def _copy(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _insert(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Past SQLAlchemy's handling of each value, which takes longer than SQLite does."""
    statement = str(insert(table).compile(dialect=connection.dialect))
    pending = iter(rows)
    while batch := list(islice(pending, BATCH)):
        connection.exec_driver_sql(statement, batch)
