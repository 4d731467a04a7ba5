"""Who read what: a chain (serve/store/audit.py) of its own; an entry is on the disk before its answer is
sent.

A transaction for each request would make every read wait for the disk in turn. So entries that come while one
transaction is being written wait for it to end and share the next one, however many they are. Where one
worker writes alone to SQLite its event loop does it, because handing entries to a thread took longer than
writing them (docs/decisions/0018-written-on-the-event-loop.md).
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select, text

from configs.errors import DataError
from configs.service import ServiceSettings
from serve.auth.rate_anomaly import RateAnomaly
from serve.http import metrics
from serve.store import database as connect
from serve.store.audit import EMPTY, Entry, Head, chained, head, head_row, verify
from serve.store.batcher import Batcher
from serve.store.tables import access_metadata, audit, audit_head, metadata, reads

log = logging.getLogger("serve")

LOST = "the access log has lost its head; nothing can be added. Run `make audit`."
CHECKPOINT_PAGES = 10_000  # 40 MB: SQLite moves them into the file at once, for which answers wait some 50 ms
ALONE_SECONDS = 1  # for a writer who is not expected, while all other answers wait too
_BEGIN = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = "
    f"'{connect.BUSY_SECONDS}s'; "
    f"SELECT pg_advisory_xact_lock({connect.ACCESS_LOG_LOCK})",
}


class AccessLog:
    """Holds one connection; close it."""

    def __init__(self, settings: ServiceSettings) -> None:
        """The log lies beside the score store. Opens nothing yet."""
        self._engine = connect.access_log(settings.store)
        self._key = settings.audit_secret
        dialect = connect.driver_dialect(self._engine)
        self._anomaly = RateAnomaly(dialect, settings.alarm_answers, settings.alarm_factor)
        self._chain: _Chain | None = None
        alone = settings.workers == 1 and connect.sqlite_file(self._engine) is not None
        self._patience = ALONE_SECONDS if alone else connect.BUSY_SECONDS
        self._together = Batcher(self._append, "" if alone else "access-log")

    async def write(self, entries: Sequence[Entry]) -> None:
        """Returns when the entries are on the disk. Raises what kept them from it, DataError above all."""
        began = time.perf_counter()
        await self._together.do(entries)
        metrics.ACCESS_LOG_SECONDS.observe(time.perf_counter() - began)

    def close(self) -> None:
        self._together.close()
        self._drop()
        self._engine.dispose()

    def _append(self, shared: Sequence[Sequence[Entry]]) -> list[None]:
        """One transaction for all."""
        added = [entry for entries in shared for entry in entries]
        try:
            with connect.explained(self._engine, "written", "Free the disk or the lock, then ask again."):
                alarms = self._add(added)
        except BaseException:
            self._drop()  # whatever state the connection is in, the next one begins anew
            raise
        for _ in alarms:
            metrics.ALARMS.inc()
            log.warning("alarm: a caller reads far more customers than usual; the access log says who")
        return [None] * len(shared)

    def _add(self, added: Sequence[Entry]) -> list[Entry]:
        self._chain = self._chain or _Chain(self._engine, self._patience)
        with self._chain.transaction():
            alarms = self._anomaly.alarm_entries(self._chain.run, added)
            self._chain.add([*added, *alarms], self._key)
        return alarms

    def _drop(self) -> None:
        if self._chain:
            self._chain.close()
        self._chain = None


class _Chain:
    """One connection of the driver itself: SQLAlchemy's own work would take longer than the statements."""

    def __init__(self, engine: Engine, patience: float) -> None:
        """Makes the tables where there are none. SQLite waits ``patience`` seconds for another writer."""
        with connect.write(engine, connect.ACCESS_LOG_LOCK, patience) as connection:
            _prepare(connection)
        self._pooled = engine.raw_connection()
        driver: Any = self._pooled.driver_connection
        self._driver = driver
        self._begin = _BEGIN[engine.dialect.name]
        if engine.dialect.name == "sqlite":
            self._driver.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self._driver.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
        else:
            self._driver.rollback()
            self._driver.autocommit = True  # transactions begin where they are written
        dialect = connect.driver_dialect(engine)
        columns = audit_head.c.number, audit_head.c.hash
        self._head, self._last, self._insert, self._forget, self._remember = (
            str(statement.compile(dialect=dialect))
            for statement in (
                select(*columns),
                select(func.max(audit.c.number)),
                insert(audit),
                delete(audit_head),
                insert(audit_head),
            )
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Alone with the log. Who leaves by an error has to close."""
        self._driver.execute(self._begin)
        yield
        self._driver.execute("COMMIT")

    def run(self, sql: str, values: Mapping[str, Any]) -> Any:
        return self._driver.execute(sql, values)

    def add(self, added: Sequence[Entry], key: bytes) -> None:
        head_columns = self._driver.execute(self._head).fetchone()
        if head_columns is None and self._driver.execute(self._last).fetchone()[0]:
            raise DataError(LOST)
        rows, last = chained(added, Head(*head_columns) if head_columns else EMPTY, key)
        self._driver.cursor().executemany(self._insert, rows)
        self._driver.execute(self._forget)
        self._driver.execute(self._remember, head_row(last, key))

    def close(self) -> None:
        """Undoes what was not committed."""
        self._pooled.invalidate()


def _prepare(connection: Connection) -> None:
    """Tables in a log that lacks them."""
    inspector = inspect(connection)
    if inspector.has_table(audit_head.name) and inspector.has_table(reads.name):
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {connect.ACCESS_LOG}"))
    metadata.create_all(connection, tables=[audit, audit_head])
    access_metadata.create_all(connection)


def verified(store: str, key: bytes, witness: Head | None = None) -> tuple[list[str], Head | None]:
    """Every break of the log beside a score store, and its head; no head where nothing was ever read."""
    engine: Any = connect.access_log(store)
    path = connect.sqlite_file(engine)
    try:
        if path and not path.is_file():
            return (["there is no access log"] if witness else []), None
        with connect.read(engine) as connection:
            broken = verify(connection, key, witness)
            return broken, head(connection) if inspect(connection).has_table(audit_head.name) else None
    finally:
        engine.dispose()
