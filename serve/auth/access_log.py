"""The access log: a chain (serve/store/audit.py) of its own, which also counts what each caller reads.

An entry is on the disk before its answer is sent. A transaction for each request would make every read wait
for the disk in turn. So entries that come while one transaction is being written wait for it to end and
share the next one, however many they are. Where one worker writes alone to SQLite its event loop does it,
because handing entries to a thread took longer than writing them
(docs/decisions/0018-written-on-the-event-loop.md). What another process locks is left to a thread.

Before each transaction the log is looked for: nothing is added to one that was removed, replaced or cut off.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.sql import ClauseElement

from configs.errors import DataError
from configs.service import ServiceSettings
from serve.auth.rate_anomaly import RateAnomaly
from serve.http import metrics
from serve.store import database as connect
from serve.store.audit import EMPTY, Entry, Head, chained, head, head_row, holds, verify
from serve.store.batcher import Batcher
from serve.store.tables import access_metadata, audit, audit_head, ended_sessions, metadata, reads

log = logging.getLogger("serve")

SOUND = "PRAGMA integrity_check(1)"  # of all of a file: seconds for each GB
SIGN_OUT = "sign out"  # an entry with this action ends the session that its details name
CHECKPOINT_PAGES = 10_000  # 40 MB: SQLite moves them into the file at once, for which answers wait some 50 ms
ALONE_SECONDS = 5  # for a writer who is not expected, while all other answers about customers wait too
_BEGIN = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = "
    f"'{connect.BUSY_SECONDS}s'; "
    f"SELECT pg_advisory_xact_lock({connect.ACCESS_LOG_LOCK})",
}
STATEMENTS: Mapping[str, ClauseElement] = {
    "head": select(audit_head.c.number, audit_head.c.hash),
    "last": select(func.max(audit.c.number)),
    "hash": select(audit.c.hash).where(audit.c.number == bindparam("number")),
    "insert": insert(audit),
    "forget": delete(audit_head),
    "remember": insert(audit_head),
    "end": text("INSERT INTO ended_sessions VALUES (:token_hash, :expires) ON CONFLICT DO NOTHING"),
    "expire": text("DELETE FROM ended_sessions WHERE expires < :at"),
}


class LostError(DataError):
    """The access log is not the one that was written before."""


class AccessLog:
    """The log beside the score store. It opens one connection when something is written; close it."""

    def __init__(self, settings: ServiceSettings, noted: Callable[[], Head | None] = lambda: None) -> None:
        """``noted`` tells a head that the log had before this process, and must still hold."""
        self._engine = connect.access_log(settings.store)
        self._key = settings.audit_secret
        dialect = connect.driver_dialect(self._engine)
        self._anomaly = RateAnomaly(dialect, settings.alarm_answers, settings.alarm_factor)
        self._chain: _Chain | None = None
        self._noted = noted
        self._known: Head | None = None
        self._failed = False  # the last transaction
        self._prepared = False  # its tables were seen
        alone = settings.workers == 1 and connect.sqlite_file(self._engine) is not None
        self._alone = alone
        self._patience = ALONE_SECONDS if alone else connect.BUSY_SECONDS
        self._together = Batcher(self._append, "access-log", self._append_at_once if alone else None)

    async def write(self, entries: Sequence[Entry]) -> None:
        """Returns when the entries are on the disk. Raises what kept them from it, DataError above all."""
        began = time.perf_counter()
        await self._together.do(entries)
        metrics.ACCESS_LOG_SECONDS.observe(time.perf_counter() - began)

    def close(self) -> None:
        self._together.close()
        self._drop()
        self._engine.dispose()

    def read(self) -> AbstractContextManager[Connection | None]:
        """One read transaction; None where nothing was written yet."""
        return read(self._engine)

    def ended(self, token_hash: str | None = None) -> frozenset[str]:
        """The hashes of tokens whose sessions ended by signing out: all of them, or this one if it is."""
        path = connect.sqlite_file(self._engine)
        if path and not path.is_file():
            return frozenset()
        with connect.read(self._engine) as connection:
            self._prepared = self._prepared or inspect(connection).has_table(ended_sessions.name)
            if not self._prepared:
                return frozenset()
            query = select(ended_sessions.c.token_hash)
            if token_hash is not None:
                query = query.where(ended_sessions.c.token_hash == token_hash)
            return frozenset(connection.scalars(query))

    def require(self) -> None:
        """Raises LostError unless the log is there and holds what was written, as far as is known here."""
        # Taken before the transaction: what another thread adds meanwhile is not in what that one sees.
        known = self._known = self._known or self._noted()
        with self.read() as connection:
            if known and (connection is None or not holds(connection, known)):
                raise _lost(self._engine, known)
            if self._failed and connection and connect.sqlite_file(self._engine):
                _require_sound(connection.exec_driver_sql(SOUND).scalar(), self._engine)

    def _append_at_once(self, shared: Sequence[Sequence[Entry]]) -> list[None]:
        """Appends without waiting for anybody. Raises BusyError where the log is locked, or has to be
        opened first."""
        if self._chain is None or not self._chain.same_files():
            raise connect.BusyError("the access log is not open yet.")
        return self._append(shared, patience=0)

    def _append(self, shared: Sequence[Sequence[Entry]], patience: float | None = None) -> list[None]:
        added = [entry for entries in shared for entry in entries]
        try:
            with connect.explained(self._engine, "written", "Free the disk or the lock, then ask again."):
                alarms = self._opened(self._patience if patience is None else patience).append(
                    added, self._anomaly, self._key
                )
        except BaseException as error:
            self._failed = not isinstance(error, connect.BusyError)
            self._drop()  # whatever state the connection is in, the next one begins anew
            raise
        self._known, self._failed = self._chain.known if self._chain else None, False
        for _ in alarms:
            metrics.ALARMS.inc()
            log.warning("alarm: a caller reads far more customers than usual; the access log says who")
        return [None] * len(shared)

    def _opened(self, patience: float) -> "_Chain":
        """The chain as it was left, or opened anew where its files are not where they were."""
        moved = self._chain is not None and not self._chain.same_files()
        if moved:
            self._drop()
        if self._chain is None:
            self._known = self._known or self._noted()
            self._chain = _Chain(self._engine, patience, self._known, self._alone)
            if moved:
                _require_sound(self._chain.run(SOUND, {}).fetchone()[0], self._engine)
        self._chain.wait(patience)
        return self._chain

    def _drop(self) -> None:
        if self._chain:
            self._chain.pooled.invalidate()  # undoes what was not committed
        self._chain = None


class _Chain:
    """One connection of the driver itself: SQLAlchemy's own work would take longer than the statements.

    Makes the tables where there are none and nothing was ever written. SQLite waits ``patience`` seconds for
    another writer. Raises LostError for a log that does not hold the entry ``known``.
    """

    def __init__(self, engine: Engine, patience: float, known: Head | None, alone: bool) -> None:
        self._engine, self.known, self._alone = engine, known, alone
        self._path = connect.sqlite_file(engine)
        if known and self._path and not self._path.is_file():
            raise _lost(engine, known)
        with connect.write(engine, connect.ACCESS_LOG_LOCK, patience) as connection:
            if known and not inspect(connection).has_table(audit.name):
                raise _lost(engine, known)
            _prepare(connection)
            if known and not holds(connection, known):
                raise _lost(engine, known)
        self.pooled = engine.raw_connection()
        driver: Any = self.pooled.driver_connection
        self._driver = driver
        self._begin = _BEGIN[engine.dialect.name]
        if engine.dialect.name == "sqlite":
            self._driver.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        else:
            self._driver.rollback()
            self._driver.autocommit = True  # transactions begin where they are written
        dialect = connect.driver_dialect(engine)
        self._patience = -1.0
        self._files = self._found_files()
        self._sql = {name: str(made.compile(dialect=dialect)) for name, made in STATEMENTS.items()}

    def wait(self, patience: float) -> None:
        """So many seconds for another writer, from now on."""
        if self._path and patience != self._patience:
            self._driver.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            self._patience = patience

    def same_files(self) -> bool:
        """True while SQLite's files are where this connection left them, and not shorter.

        Nobody else writes where one worker writes alone: then the file has its time, too.
        """
        return self._path is None or all(
            after
            and before
            and after[:2] == before[:2]
            and after[2] >= before[2]
            and (after[3] == before[3] or not self._alone)
            for after, before in zip(self._found_files(), self._files, strict=True)
        )

    def _found_files(self) -> list[tuple[int, int, int, int] | None]:
        """Device, number, bytes and time of the file and of the one that SQLite writes first (WAL)."""
        return [_identity(f"{self._path}{ending}") for ending in ("", "-wal")] if self._path else []

    def run(self, sql: str, values: Mapping[str, Any]) -> Any:
        """The cursor of a statement within the transaction."""
        return self._driver.execute(sql, values)

    def append(self, added: Sequence[Entry], anomaly: RateAnomaly, key: bytes) -> list[Entry]:
        """The alarms that entries raise; all of them are added in one transaction. Close after an error."""
        self._driver.execute(self._begin)
        alarms = anomaly.alarm_entries(self.run, added)
        head_columns = self._driver.execute(self._sql["head"]).fetchone()
        if head_columns is None and self._driver.execute(self._sql["last"]).fetchone()[0]:
            raise DataError("the access log has lost its head; nothing can be added. Run `make audit`.")
        before = Head(*head_columns) if head_columns else EMPTY
        if self.known and self.known != before:  # another worker may have added more
            kept = self.run(self._sql["hash"], {"number": self.known.number}).fetchone()
            if kept is None or kept[0] != self.known.hash or before.number < self.known.number:
                raise _lost(self._engine, self.known)
        rows, last = chained([*added, *alarms], before, key)
        self._driver.cursor().executemany(self._sql["insert"], rows)
        for ended in (entry for entry in added if entry.action == SIGN_OUT):
            self.run(self._sql["end"], {name: ended.details[name] for name in ("token_hash", "expires")})
            self.run(self._sql["expire"], {"at": ended.at.timestamp()})
        self._driver.execute(self._sql["forget"])
        self._driver.execute(self._sql["remember"], head_row(last, key))
        self._driver.execute("COMMIT")
        self.known, self._files = last, self._found_files()
        return alarms


def _identity(path: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _require_sound(verdict: Any, engine: Engine) -> None:
    """Raises DataError for a damaged file of SQLite, by its own verdict."""
    if verdict != "ok":
        raise DataError(f"the access log {engine.url!r} is damaged: {verdict}. Put it back as it was.")


def _lost(engine: Engine, known: Head) -> LostError:
    return LostError(
        f"the access log {engine.url!r} does not hold entry {known.number}, which was written before: it was "
        "removed, replaced or cut off. No data about customers is given. Put it back as it was (on SQLite "
        "with its file -wal), or let somebody answer for a new one: make new-access-log BY=… WHY=…, then "
        "start the service again."
    )


def _prepare(connection: Connection) -> None:
    inspector = inspect(connection)
    if all(inspector.has_table(table.name) for table in (audit_head, reads, ended_sessions)):
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {connect.ACCESS_LOG}"))
    metadata.create_all(connection, tables=[audit, audit_head])
    access_metadata.create_all(connection)


@contextmanager
def read(engine: Engine) -> Iterator[Connection | None]:
    """One read transaction of an access log; None where nothing was written yet."""
    path = connect.sqlite_file(engine)
    if path and not path.is_file():
        yield None
        return
    with connect.read(engine) as connection:
        yield connection if inspect(connection).has_table(audit.name) else None


def verified(store: str, key: bytes, *witnesses: Head | None) -> tuple[list[str], Head | None]:
    """Every break of the log beside a score store, and its head; no head where nothing was ever read."""
    engine = connect.access_log(store)
    try:
        with read(engine) as connection:
            if connection is None:
                return (["there is no access log"] if any(witnesses) else []), None
            return verify(connection, key, *witnesses), head(connection)
    finally:
        engine.dispose()
