"""The database engine behind the store: SQLite by default, PostgreSQL in production."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from configs.errors import ConfigError

BUSY_SECONDS = 30  # how long a writer waits for another one to finish
THREADS = 40  # requests that FastAPI answers at once; each needs a connection


def connect(url: str) -> Engine:
    """An engine whose every transaction sees one state of the store. Raises ConfigError for a bad address."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        return create_engine(
            parsed, isolation_level="REPEATABLE READ", pool_pre_ping=True, max_overflow=THREADS
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        # The address may hold a password, so only the kind of fault is told.
        raise ConfigError(
            f"the address of the score store cannot be used ({type(error).__name__}). Write "
            "sqlite:///path/to/store.db, or postgresql+psycopg://user:password@host/name and install psycopg."
        ) from None


def sqlite_file(engine: Engine) -> Path | None:
    """The file a SQLite engine reads, None for other databases."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def _sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ArgumentError("a store in memory would be lost")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, max_overflow=THREADS)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    """WAL lets readers go on while a run is written; FULL syncs the disk at each commit."""
    # The driver would begin transactions late and leave reads outside of them; _on_begin does it instead.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: Connection) -> None:
    """A writer takes the lock at once: taking it later fails when another one wrote in between."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
