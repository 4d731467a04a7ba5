"""The access log: a chain (serve/store/audit.py) of its own, with alarms on callers who read much more.

An entry is on the disk before its answer is sent. A transaction for each request would make every read wait
for the disk in turn. So entries that come while one transaction is being written wait for it to end and
share the next one, however many they are. Where one worker writes alone to SQLite its event loop does it,
because handing entries to a thread took longer than writing them
(docs/decisions/0018-written-on-the-event-loop.md).
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, bindparam, delete, func, insert, inspect, select, text

from configs.errors import DataError
from configs.service import ServiceSettings
from serve.http import metrics
from serve.store import database as connect
from serve.store.audit import EMPTY, Entry, Head, chained, head, head_row, verify
from serve.store.batcher import Batcher
from serve.store.tables import access_metadata, audit, audit_head, metadata, reads

log = logging.getLogger("serve")

DAYS = 28  # before today, with the busiest of which today is compared
CHECKPOINT_PAGES = 10_000  # 40 MB: SQLite moves them into the file at once, for which answers wait some 50 ms
ALONE_SECONDS = 1  # for a writer who is not expected, while all other answers wait too
_BEGIN = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = "
    f"'{connect.BUSY_SECONDS}s'; "
    f"SELECT pg_advisory_xact_lock({connect.ACCESS_LOG_LOCK})",
}
_COUNT = (
    "INSERT INTO reads (actor, day, answers) VALUES (:actor, :day, :answers) "
    "ON CONFLICT (actor, day) DO UPDATE SET answers = reads.answers + excluded.answers RETURNING answers"
)


class AccessLog:
    """The log beside the score store. It opens one connection when something is written; close it."""

    def __init__(self, settings: ServiceSettings) -> None:
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
        added = [entry for entries in shared for entry in entries]
        try:
            with connect.explained(self._engine, "written", "Free the disk or the lock, then ask again."):
                self._chain = self._chain or _Chain(self._engine, self._patience)
                alarms = self._chain.append(added, self._anomaly, self._key)
        except BaseException:
            self._drop()  # whatever state the connection is in, the next one begins anew
            raise
        for _ in alarms:
            metrics.ALARMS.inc()
            log.warning("alarm: a caller reads far more customers than usual; the access log says who")
        return [None] * len(shared)

    def _drop(self) -> None:
        if self._chain:
            self._chain.pooled.invalidate()  # undoes what was not committed
        self._chain = None


class _Chain:
    """One connection of the driver itself: SQLAlchemy's own work would take longer than the statements.

    Makes the tables where there are none. SQLite waits ``patience`` seconds for another writer.
    """

    def __init__(self, engine: Engine, patience: float) -> None:
        with connect.write(engine, connect.ACCESS_LOG_LOCK, patience) as connection:
            _prepare(connection)
        self.pooled = engine.raw_connection()
        driver: Any = self.pooled.driver_connection
        self._driver = driver
        self._begin = _BEGIN[engine.dialect.name]
        if engine.dialect.name == "sqlite":
            self._driver.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self._driver.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
        else:
            self._driver.rollback()
            self._driver.autocommit = True  # transactions begin where they are written
        dialect = connect.driver_dialect(engine)
        self._head, self._last, self._insert, self._forget, self._remember = (
            str(statement.compile(dialect=dialect))
            for statement in (
                select(audit_head.c.number, audit_head.c.hash),
                select(func.max(audit.c.number)),
                insert(audit),
                delete(audit_head),
                insert(audit_head),
            )
        )

    def run(self, sql: str, values: Mapping[str, Any]) -> Any:
        """The cursor of a statement within the transaction."""
        return self._driver.execute(sql, values)

    def append(self, added: Sequence[Entry], anomaly: "RateAnomaly", key: bytes) -> list[Entry]:
        """The alarms that entries raise; all of them are added in one transaction. Close after an error."""
        self._driver.execute(self._begin)
        alarms = anomaly.alarm_entries(self, added)
        head_columns = self._driver.execute(self._head).fetchone()
        if head_columns is None and self._driver.execute(self._last).fetchone()[0]:
            raise DataError("the access log has lost its head; nothing can be added. Run `make audit`.")
        rows, last = chained([*added, *alarms], Head(*head_columns) if head_columns else EMPTY, key)
        self._driver.cursor().executemany(self._insert, rows)
        self._driver.execute(self._forget)
        self._driver.execute(self._remember, head_row(last, key))
        self._driver.execute("COMMIT")
        return alarms


class RateAnomaly:
    """Counts the answers about customers, over all workers, and raises an alarm once a day for each caller.

    An entry with a number of customers, as that of an export, counts as so many. An alarm takes more than
    ``least`` and more than ``factor`` times the busiest earlier day.
    """

    def __init__(self, dialect: Dialect, least: int, factor: float) -> None:
        self._least, self._factor = least, factor
        busiest = select(func.max(reads.c.answers)).where(
            reads.c.actor == bindparam("actor"),
            reads.c.day >= bindparam("first"),
            reads.c.day < bindparam("day"),
        )
        self._busiest, self._count = (
            str(query.compile(dialect=dialect)) for query in (busiest, text(_COUNT))
        )
        self._limits: dict[tuple[str, date], float] = {}

    def alarm_entries(self, chain: _Chain, added: Sequence[Entry]) -> list[Entry]:
        """Counts entries within the transaction that adds them; an alarm entry per caller over the limit."""
        counted: Counter[tuple[str, date]] = Counter()
        for entry in added:
            if entry.subject:
                counted[entry.actor, entry.at.astimezone(UTC).date()] += entry.details.get("customers", 1)
        newest = {entry.actor: entry.at for entry in added}
        alarms = []
        for (actor, day), more in sorted(counted.items()):
            keys = {"actor": actor, "day": str(day)}
            total = chain.run(self._count, {**keys, "answers": more}).fetchone()[0]
            limit = self._limit(chain, actor, day)
            if total - more <= limit < total:
                details = {"answers": total, "limit": limit, "day": str(day)}
                alarms.append(Entry(newest[actor], "service", "alarm", actor, details))
        return alarms

    def _limit(self, chain: _Chain, actor: str, day: date) -> float:
        """The answers that a caller may read in a day without an alarm; read once for each day."""
        if (actor, day) not in self._limits:
            keys = {"actor": actor, "first": str(day - timedelta(days=DAYS)), "day": str(day)}
            busiest = chain.run(self._busiest, keys).fetchone()[0] or 0
            self._limits = {key: limit for key, limit in self._limits.items() if key[1] >= day}
            self._limits[actor, day] = max(self._least, self._factor * busiest)
        return self._limits[actor, day]


def _prepare(connection: Connection) -> None:
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
        if path is None or path.is_file():
            with connect.read(engine) as connection:
                if inspect(connection).has_table(audit.name):
                    return verify(connection, key, witness), head(connection)
        return (["there is no access log"] if witness else []), None
    finally:
        engine.dispose()
