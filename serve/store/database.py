"""The database behind the store: SQLite by default, PostgreSQL in production; how it is read and written."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from configs.errors import ConfigError, DataError

BUSY_SECONDS = 30  # how long a writer waits for another one to finish
THREADS = 40  # requests that FastAPI answers at once; each needs a connection
PUBLISH_ONE = "Publish one with make weekly, or point ATTRITION_STORE to a store that has one."
# Any numbers: locks of PostgreSQL, for publishing, for the access log, and for what callers send.
PUBLISH_LOCK, ACCESS_LOG_LOCK, APPEND_LOCK = 20_261_116, 20_261_117, 20_261_118
ACCESS_LOG = "access_log"  # a schema of PostgreSQL


class BusyError(DataError):
    """Another writer did not finish in time; nothing was written."""


def connect(url: str) -> Engine:
    """An engine whose every reading transaction sees one state of the store.

    Raises ConfigError for a bad address.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed, max_overflow=THREADS)
        return create_engine(
            parsed,
            isolation_level="REPEATABLE READ",
            pool_pre_ping=True,
            max_overflow=THREADS,
            hide_parameters=True,  # they hold customers' numbers, and would stand in errors and logs
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        # The address may hold a password, so only the kind of fault is named.
        raise ConfigError(
            f"the address of the score store cannot be used ({type(error).__name__}). Write "
            "sqlite:///path/to/store.db, or postgresql+psycopg://user:password@host/name and install psycopg."
        ) from None


def access_log(url: str) -> Engine:
    """The log of who read what, apart from the store so that no reader waits for a publication.

    A file ``<store>-access.db`` beside that of SQLite, a schema in the same database of PostgreSQL. Raises
    ConfigError for a bad address.
    """
    engine = connect(url)
    path = sqlite_file(engine)
    if path:
        # Without a pool, whose connections would read on in a file that was moved away.
        access_file = path.with_name(f"{path.stem}-access{path.suffix}")
        return _sqlite(engine.url.set(database=str(access_file)), poolclass=NullPool)
    address = engine.url.update_query_dict({"options": f"-csearch_path={ACCESS_LOG}"})
    return connect(address.render_as_string(hide_password=False))


def sqlite_file(engine: Engine) -> Path | None:
    """The file a SQLite engine reads, None for other databases."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def store_files(url: str) -> list[Path]:
    """The files of SQLite for a store and its access log, those written first too; none for PostgreSQL."""
    paths = [sqlite_file(engine) for engine in (connect(url), access_log(url))]
    return [Path(f"{path}{ending}") for path in paths if path for ending in ("", "-wal", "-shm")]


def driver_dialect(engine: Engine) -> Dialect:
    """For statements that go to the driver itself, past SQLAlchemy; their parameters have names."""
    return sqlite.dialect(paramstyle="named") if sqlite_file(engine) else engine.dialect


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """One read transaction; a missing SQLite file is an error and is not created."""
    path = sqlite_file(engine)
    if path and not path.is_file():
        raise DataError(f"there is no score store at {path}. {PUBLISH_ONE}")
    with explained(engine, "read", PUBLISH_ONE), engine.connect() as connection:
        yield connection


@contextmanager
def write(engine: Engine, queue: int = PUBLISH_LOCK, patience: float = BUSY_SECONDS) -> Iterator[Connection]:
    """One write transaction, alone in its queue: committed at the end, undone by any error.

    SQLite has one queue for all. Raises BusyError where another one is not done after ``patience`` seconds.
    """
    path = sqlite_file(engine)
    with explained(engine, "written", "Free the disk or the lock, then run the same command again."):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = engine.execution_options(patience=patience)
        else:
            # Under REPEATABLE READ the writer would see the store as it was before it had waited for the
            # lock.
            writer = engine.execution_options(isolation_level="READ COMMITTED")
        with writer.begin() as connection:
            if not path:
                connection.execute(text(f"SET LOCAL lock_timeout = {round(patience * 1000)}"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({queue})"))
            yield connection


@contextmanager
def explained(engine: Engine, verb: str, remedy: str) -> Iterator[None]:
    """Database errors as DataError; only the first line, as the others may hold a customer's id."""
    try:
        yield
    except (DBAPIError, engine.dialect.loaded_dbapi.Error, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        first_line = (str(cause).splitlines() or [type(error).__name__])[0]
        kind = BusyError if _is_busy(cause) else DataError
        raise kind(
            f"the score store {engine.url!r} cannot be {verb}: {first_line}. "
            f"What was published before is untouched. {remedy}"
        ) from error


def _is_busy(cause: Any) -> bool:
    """Of SQLite's codes the lowest byte is the kind; PostgreSQL's is lock_not_available."""
    code = getattr(cause, "sqlite_errorcode", None) or 0
    return code & 0xFF == sqlite3.SQLITE_BUSY or getattr(cause, "sqlstate", None) == "55P03"


def _sqlite(url: URL, **pool: Any) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ArgumentError("a store in memory would be lost")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True, **pool)
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
    patience = connection.get_execution_options().get("patience")
    if patience is None:
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(patience * 1000)}").close()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
