"""Who read what: a chained log (serve/audit.py) of its own, whose entries are on the disk before an answer is sent.

A transaction for each request would make every read wait for the disk in turn. So entries that come while one
transaction is being written wait for it to end and share the next one, however many they are.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, inspect, text

from serve import connect
from serve.audit import Entry, Head, append_all, head, verify
from serve.tables import audit, audit_head, metadata


class AccessLog:
    """Holds one connection and one thread that writes; close it."""

    def __init__(self, store: str, key: bytes) -> None:
        """``store`` is the address of the score store, beside which the log lies. Opens nothing yet."""
        self._engine = connect.access_log(store)
        self._key = key
        self._thread = ThreadPoolExecutor(1, "access-log")
        self._waiting: list[tuple[Sequence[Entry], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._prepared = False

    async def write(self, entries: Sequence[Entry]) -> None:
        """Returns when the entries are on the disk. Raises what kept them from it, DataError above all."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((entries, done))
        if self._writing is None:
            self._writing = loop.create_task(self._write_waiting())
        await done

    def close(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()

    async def _write_waiting(self) -> None:
        """One transaction after the other, until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                shared, self._waiting = self._waiting, []
                fault: BaseException | None = None
                try:
                    await loop.run_in_executor(self._thread, self._append, [one for one, _ in shared])
                except Exception as error:  # whatever it is, it belongs to those who wait
                    fault = error
                _tell([done for _, done in shared], fault)
        finally:
            self._writing = None

    def _append(self, shared: Sequence[Sequence[Entry]]) -> None:
        with connect.writing(self._engine, connect.READERS) as connection:
            if not self._prepared:
                _prepare(connection)
            append_all(connection, [entry for entries in shared for entry in entries], self._key)
        self._prepared = True


def _tell(waiting: Sequence[asyncio.Future[None]], fault: BaseException | None) -> None:
    """Those who have gone meanwhile are passed over."""
    for done in waiting:
        if done.done():
            continue
        if fault:
            done.set_exception(fault)
        else:
            done.set_result(None)


def _prepare(connection: Connection) -> None:
    """Tables in a log that has none."""
    if inspect(connection).has_table(audit_head.name):
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {connect.ACCESS_LOG}"))
    metadata.create_all(connection, tables=[audit, audit_head])


def verified(store: str, key: bytes, witness: Head | None = None) -> tuple[list[str], Head | None]:
    """Every break of the log beside a score store, and its head; no head where nothing was ever read."""
    engine: Any = connect.access_log(store)
    path = connect.sqlite_file(engine)
    try:
        if path and not path.is_file():
            return (["there is no access log"] if witness else []), None
        with connect.reading(engine) as connection:
            broken = verify(connection, key, witness)
            return broken, head(connection) if inspect(connection).has_table(audit_head.name) else None
    finally:
        engine.dispose()
