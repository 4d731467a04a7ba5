"""One customer of the served run, for the question that is asked most; serve/api/customer_risk.py asks.

It gives what ``ReadSession.customer`` gives, as it was prepared when the run was published, without a pool, a
thread and a transaction: one statement sees one state of the store, and names the run that it saw.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Select, bindparam, case, literal_column, select

from configs.errors import DataError
from configs.published import LANGUAGES, Exclusion, Language, Run
from serve.store import tables
from serve.store.batcher import Batcher
from serve.store.database import driver_dialect, sqlite_file
from serve.store.read_session import of_customer
from serve.store.scope import Reach, Scope
from serve.store.store import Store

Found = tuple[Run, bytes | Exclusion]  # bytes: an answer as it was prepared
BUSY_SECONDS = 0.05  # the event loop waits for nobody; who is not answered at once goes the ordinary way


def point_read(store: Store, form: str) -> "SqlitePointRead | PostgresPointRead":
    """For the database of a store; ``form`` names the prepared answers that this release takes."""
    return SqlitePointRead(store, form) if sqlite_file(store.engine) else PostgresPointRead(store, form)


class PointRead:
    """Finds customers of the served run, or nothing, whatever the cause; the ordinary way then names it."""

    def __init__(self, store: Store, form: str) -> None:
        """Opens nothing yet."""
        self._store, self._address = store, store.engine.url
        self._sql = _statements(driver_dialect(store.engine), form)
        self._connection: Any = None
        self._runs: dict[tuple[int, str], Run] = {}  # the one served, by run_version and run_id

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _ask(self, customer_id: str, scope: Scope, language: Language) -> Any:
        return self._connection.execute(
            self._sql[scope.reach, language], {"customer_id": customer_id, "number": scope.number}
        )

    def _found(self, customer_id: str, row: Sequence[Any] | None) -> Found | None:
        """From a row of ``_statements``; None for who is not in it, or if the pointer has moved on meanwhile.

        The run is read when the pointer has moved.
        """
        if not row:
            return None
        content, code, run_version, run_id = row
        if (run_version, run_id) not in self._runs:
            with self._store.at_run() as read_session:
                self._runs = {(read_session.run_version, read_session.run.run_id): read_session.run}
        run = self._runs.get((run_version, run_id))
        answer = content or (Exclusion(customer_id, code) if code else None)
        return (run, answer) if run and answer else None


class SqlitePointRead(PointRead):
    """Reads on the event loop: it takes some microseconds, and no publication keeps a reader waiting."""

    async def find(self, customer_id: str, scope: Scope, language: Language) -> Found | None:
        try:
            self._connection = self._connection or self._opened()
            return self._found(customer_id, self._ask(customer_id, scope, language).fetchone())
        except (sqlite3.Error, DataError):
            return None

    def _opened(self) -> sqlite3.Connection:
        """A file that is not there is not made."""
        address = f"{Path(self._address.database or '').resolve().as_uri()}?mode=rw"
        return sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )


class PostgresPointRead(PointRead):
    """Asks for all who wait in one round trip, in a thread of its own."""

    def __init__(self, store: Store, form: str) -> None:
        super().__init__(store, form)
        self._batcher = Batcher(self._find_all, "point read")

    async def find(self, customer_id: str, scope: Scope, language: Language) -> Found | None:
        return await self._batcher.do((customer_id, scope, language))

    def close(self) -> None:
        self._batcher.close()
        super().close()

    def _find_all(self, asked: Sequence[tuple[str, Scope, Language]]) -> list[Found | None]:
        import psycopg  # only where the store is PostgreSQL's

        try:
            if self._connection is None or self._connection.closed:
                address = self._address.set(drivername="postgresql").render_as_string(hide_password=False)
                self._connection = psycopg.connect(address, autocommit=True, prepare_threshold=1)
            with self._connection.pipeline():
                cursors = [self._ask(*question) for question in asked]
                rows = [cursor.fetchone() for cursor in cursors]
            return [self._found(question[0], row) for question, row in zip(asked, rows, strict=True)]
        except (psycopg.Error, DataError):
            return [None] * len(asked)


def _statements(dialect: Dialect, form: str) -> Mapping[tuple[Reach, Language], str]:
    """The SQL of one customer in the served run, with the names ``customer_id`` and ``number``.

    Its row holds the content of the answer, the code of an exclusion, the run_version and the run_id; the
    first two are empty where there is none.
    """
    return {
        (reach, language): str(
            _about(Scope(reach, bindparam("number")), language, form).compile(dialect=dialect)
        )
        for reach in Reach
        for language in LANGUAGES
    }


def _about(scope: Scope, language: Language, form: str) -> Select[Any]:
    runs, answers, exclusions = tables.runs, tables.prepared_answers, tables.exclusions
    customer_id: ColumnElement[str] = bindparam("customer_id")
    content = answers.c[language]
    code = select(exclusions.c.code).where(of_customer(exclusions, customer_id, scope)).scalar_subquery()
    return (
        select(content, case((content.is_(None), code)), runs.c.run_version, runs.c.run_id)
        .select_from(runs)
        .outerjoin(
            answers,
            of_customer(answers, customer_id, scope) & (answers.c.form == literal_column(f"'{form}'")),
        )
        .where(runs.c.run_version == select(tables.current_run.c.run_version).scalar_subquery())
    )
