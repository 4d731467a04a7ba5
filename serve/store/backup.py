"""Backup and restore of a SQLite store while it is in use; PostgreSQL has tools of its own for that."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url

from configs.errors import DataError
from configs.files import whole_file
from serve.store.database import BUSY_SECONDS
from serve.store.schema import VERSION

# One row per run: what it declares and what is there.
_COUNTS = """
SELECT run_id, cohort, (SELECT count(*) FROM scores WHERE scores.run_version = runs.run_version),
       (SELECT coalesce(sum(value), 0) FROM json_each(excluded)),
       (SELECT count(*) FROM exclusions WHERE exclusions.run_version = runs.run_version)
FROM runs ORDER BY run_id
"""
_ORPHANS = """
SELECT count(*) FROM reasons LEFT JOIN scores USING (run_version, customer_id) WHERE scores.run_version IS
NULL
"""


def back_up(url: str, target: Path) -> int:
    """Copies the store as it is at one moment into a new file and returns how many runs it holds.

    Readers and writers go on meanwhile. Raises DataError where the file exists, its folder does not, or the
    copy is not sound.
    """
    source = _file_of(url)
    if not target.parent.is_dir():
        raise DataError(f"there is no folder {target.parent} for the backup. Make it, or correct the name.")
    if target.exists():
        raise DataError(f"{target} exists already. Name another file for the backup, or move this one away.")
    with whole_file(target) as draft:
        with _opened(source, "ro") as store, _opened(draft, "rwc") as copy:
            store.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file alone
        return inspect(draft)


@contextmanager
def restoring(url: str, source: Path) -> Iterator[str]:
    """The address of a copy of a backup; when the block ends well, the copy takes the place of everything
    that the store holds.

    One transaction: whoever reads sees the store of before or the restored one. Raises DataError, and leaves
    the store alone, where the backup is not sound or what is added fails.
    """
    target = _file_of(url)
    inspect(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".draft-", dir=target.parent) as folder:
        draft = Path(folder) / "store.db"
        _copy(source, draft)
        try:
            yield f"sqlite:///{draft}"
        except DataError as error:
            raise DataError(f"the backup {source} was not put in place of the store: {error}") from error
        _copy(draft, target)


def _copy(source: Path, target: Path) -> None:
    with _opened(source, "ro") as whole, _opened(target, "rwc") as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = FULL")
        whole.backup(store)


def inspect(path: Path) -> int:
    """Number of runs in a backup. Raises DataError unless its pages, keys, version and counts are sound."""
    with _opened(path, "ro") as backup:
        faults = list(_faults(backup))
        if faults:
            raise DataError(f"the backup {path} is not sound: {faults[0]}. Use another one.")
        return int(backup.execute("SELECT count(*) FROM runs").fetchone()[0])


def _faults(backup: sqlite3.Connection) -> Iterator[str]:
    """The faults of a backup; no customer is named."""
    (verdict,) = backup.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        yield verdict
        return
    (version,) = backup.execute("SELECT version_num FROM schema_version").fetchone()
    if version != VERSION:
        yield f"it is of version {version}, this software needs {VERSION}"
        return
    for table, *_ in backup.execute("PRAGMA foreign_key_check"):
        yield f"a row of {table} belongs to nothing"
    for run_id, cohort, scores, excluded, exclusions in backup.execute(_COUNTS):
        if (cohort, excluded) != (scores, exclusions):
            yield (
                f"{run_id} declares {cohort} scores and {excluded} exclusions and holds {scores} and "
                f"{exclusions}"
            )
    (orphans,) = backup.execute(_ORPHANS).fetchone()
    if orphans:
        yield f"{orphans} reasons belong to no score"


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    if mode == "ro" and not path.is_file():
        raise DataError(f"there is no file {path}. Name a backup made by make backup, or a store with a run.")
    try:
        address = f"{path.resolve().as_uri()}?mode={mode}"
        with closing(
            sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        ) as opened:
            yield opened
    except sqlite3.Error as error:
        raise DataError(f"{path} cannot be used: {error}. Nothing was changed.") from error


def _file_of(url: str) -> Path:
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        raise DataError(
            f"the score store {address!r} is kept by PostgreSQL, whose own tools back it up and restore it: "
            "pg_dump and pg_restore, as docs/store.md shows."
        )
    return Path(address.database or "")
