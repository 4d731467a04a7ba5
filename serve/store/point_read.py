"""One customer of the served run, for the question that is asked most; serve/http/fast_path.py asks.

It gives what ``ReadSession.customer`` gives, as it was prepared when the run was published, without a pool, a
thread and a transaction: one statement sees one state of the store, and names the run that it saw.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Dialect, Select, Table, bindparam, case, literal_column, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url

from configs.errors import DataError
from configs.published import Exclusion, Run
from serve.answers.prepared import FORM
from serve.store import tables
from serve.store.batcher import Together
from serve.store.scope import Reach, Scope
from serve.store.store import Store
from serve.texts.catalogue import TEXTS, Language

Found = tuple[Run, bytes | Exclusion]  # bytes for serve/answers/prepared.py
BUSY_SECONDS = 0.05  # the event loop waits for nobody; who is not answered at once goes the ordinary way


class Lookup(Protocol):
    """Finds customers of the served run, or says nothing, whatever the cause; the ordinary way then tells it."""

    async def find(self, customer_id: str, scope: Scope, language: Language) -> Found | None: ...

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

    async def find(self, customer_id: str, scope: Scope, language: Language) -> Found | None:
        try:
            self._connection = self._connection or self._opened()
            found = self._connection.execute(
                self._sql[scope.reach, language], {"customer_id": customer_id, "number": scope.number}
            )
            return self._run.of(customer_id, found.fetchone())
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
        self._together = Together(self._find_all, "lookup")

    async def find(self, customer_id: str, scope: Scope, language: Language) -> Found | None:
        return await self._together.do((customer_id, scope, language))

    def close(self) -> None:
        self._together.close()
        if self._connection:
            self._connection.close()

    def _find_all(self, asked: Sequence[tuple[str, Scope, Language]]) -> list[Found | None]:
        import psycopg  # only where the store is PostgreSQL's

        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._address, autocommit=True, prepare_threshold=1)
            with self._connection.pipeline():
                cursors = [
                    self._connection.execute(
                        self._sql[scope.reach, language], {"customer_id": customer_id, "number": scope.number}
                    )
                    for customer_id, scope, language in asked
                ]
                found = [cursor.fetchone() for cursor in cursors]
            return [self._run.of(one, row) for (one, *_), row in zip(asked, found, strict=True)]
        except (psycopg.Error, DataError):
            return [None] * len(asked)


class ServedRun:
    """The run that lookups come from, read when the pointer has moved."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[int, str] = (0, "")
        self._run: Run | None = None

    def of(self, customer_id: str, row: Sequence[Any] | None) -> Found | None:
        """From a row of ``_statements``; None for who is not in it, or if the pointer has moved on meanwhile."""
        if not row:
            return None
        content, code, *named = row
        if self._known != tuple(named):
            with self._store.at_run() as read_session:
                self._known, self._run = (read_session.publication, read_session.run.run_id), read_session.run
        known = content or (Exclusion(customer_id, code) if code else None)
        if self._run is None or known is None or self._known != tuple(named):
            return None
        return self._run, known


def _statements(dialect: Dialect) -> Mapping[tuple[Reach, Language], str]:
    """The SQL of one customer in the served run, with the names ``customer_id`` and ``number``.

    Its row holds the content of the answer, the code of an exclusion, the publication and the run_id; the first two
    are empty where there is none.
    """
    return {
        (reach, language): str(_about(Scope(reach, bindparam("number")), language).compile(dialect=dialect))
        for reach in Reach
        for language in TEXTS
    }


def _about(scope: Scope, language: Language) -> Select[Any]:
    runs, answers, exclusions = tables.runs, tables.answers, tables.exclusions

    def mine(table: Table) -> ColumnElement[bool]:
        same_run = table.c.publication == runs.c.publication
        return same_run & (table.c.customer_id == bindparam("customer_id")) & scope.of(table)

    content = answers.c[language]
    code = select(exclusions.c.code).where(mine(exclusions)).scalar_subquery()
    return (
        select(content, case((content.is_(None), code)), runs.c.publication, runs.c.run_id)
        .select_from(runs)
        .outerjoin(answers, mine(answers) & (answers.c.form == literal_column(f"'{FORM}'")))
        .where(runs.c.publication == select(tables.current_run.c.publication).scalar_subquery())
    )
