"""One customer of the served run, for the question that is asked most; serve/wire/shortcut.py asks.

It says what ``Reading.customer`` says, by the same SQL, without a pool, a thread and a transaction around it: one
statement sees one state of the store, and names the run that it saw.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Dialect, bindparam, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url

from configs.errors import DataError
from configs.published import Exclusion, Run, Score
from serve.store import tables
from serve.store.reading import about_customer, one_customer
from serve.store.scope import Reach, Scope
from serve.store.store import Store
from serve.store.together import Together

Found = tuple[Run, Score | Exclusion]
BUSY_SECONDS = 0.05  # the event loop waits for nobody; who is not answered at once goes the ordinary way


class Lookup(Protocol):
    """Finds customers of the served run, or says nothing, whatever the cause; the ordinary way then tells it."""

    async def find(self, customer_id: str, scope: Scope) -> Found | None: ...

    def close(self) -> None: ...


def lookup(store: Store, url: str) -> Lookup:
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return SqliteLookup(store, Path(address.database or ""))
    return PostgresLookup(store, url)


class SqliteLookup:
    """Reads on the event loop: a customer takes some microseconds, and no publication keeps a reader waiting."""

    def __init__(self, store: Store, path: Path) -> None:
        """Opens nothing yet."""
        self._run, self._path = ServedRun(store), path
        self._sql = _statements(sqlite.dialect(paramstyle="named"))
        self._connection: sqlite3.Connection | None = None

    async def find(self, customer_id: str, scope: Scope) -> Found | None:
        try:
            self._connection = self._connection or self._opened()
            found = self._connection.execute(
                self._sql[scope.reach], {"customer_id": customer_id, "number": scope.number}
            )
            return self._run.of(customer_id, found.fetchall())
        except (sqlite3.Error, DataError):
            return None

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        """A file that is not there is not made."""
        address = f"{self._path.resolve().as_uri()}?mode=rw"
        return sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )


class PostgresLookup:
    """Asks for all who wait in one round trip, in a thread of its own."""

    def __init__(self, store: Store, url: str) -> None:
        """Opens nothing yet."""
        self._run = ServedRun(store)
        address = make_url(url)
        self._address = address.set(drivername="postgresql").render_as_string(hide_password=False)
        self._sql = _statements(address.get_dialect()())
        self._connection: Any = None
        self._together = Together("lookup", self._find_all)

    async def find(self, customer_id: str, scope: Scope) -> Found | None:
        return await self._together.do((customer_id, scope))

    def close(self) -> None:
        self._together.close()
        if self._connection:
            self._connection.close()

    def _find_all(self, asked: Sequence[tuple[str, Scope]]) -> list[Found | None]:
        import psycopg  # only where the store is PostgreSQL's

        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._address, autocommit=True, prepare_threshold=1)
            with self._connection.pipeline():
                cursors = [
                    self._connection.execute(
                        self._sql[scope.reach], {"customer_id": customer_id, "number": scope.number}
                    )
                    for customer_id, scope in asked
                ]
                found = [cursor.fetchall() for cursor in cursors]
            return [self._run.of(one, rows) for (one, _), rows in zip(asked, found, strict=True)]
        except (psycopg.Error, DataError):
            return [None] * len(asked)


class ServedRun:
    """The run that lookups come from, read when the pointer has moved."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[int, str] = (0, "")
        self._run: Run | None = None

    def of(self, customer_id: str, found: Sequence[Sequence[Any]]) -> Found | None:
        """From rows of ``_statements``; None for an unknown customer, or if the pointer has moved on meanwhile."""
        if not found:
            return None
        if self._known != tuple(found[0][-2:]):
            with self._store.pinned() as reading:
                self._known, self._run = (reading.publication, reading.run.run_id), reading.run
        known = one_customer(customer_id, [row[:-2] for row in found])
        if self._run is None or known is None or self._known != tuple(found[0][-2:]):
            return None
        return self._run, known


def _statements(dialect: Dialect) -> Mapping[Reach, str]:
    """For each reach the SQL of one customer in the served run, with the names ``customer_id`` and ``number``.

    Each row ends with the publication and the run_id that it is of.
    """
    served = select(tables.current_run.c.publication).scalar_subquery()
    named = tables.runs.c.publication, tables.runs.c.run_id
    return {
        reach: str(
            about_customer(served, bindparam("customer_id"), Scope(reach, bindparam("number")))
            .add_columns(*named)
            .compile(dialect=dialect)
        )
        for reach in Reach
    }
