"""The version of the store's tables: the one found, the one needed here, and the steps between."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from configs.errors import DataError

VERSION = "0010"  # of serve/store/tables.py: the last file in serve/store/migrations/versions
VERSION_TABLE = "schema_version"
MIGRATIONS = Path(__file__).parent / "migrations"


def version_of(connection: Connection) -> str | None:
    """The version of the store's tables; None where it has none yet.

    Raises DataError for tables of before the first version that can be migrated.
    """
    names = set(inspect(connection).get_table_names())
    if VERSION_TABLE in names:
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    if "runs" in names:
        raise DataError(
            f"the score store {connection.engine.url!r} is of an older version that cannot be migrated. "
            "Name a new store in ATTRITION_STORE, or move this one away, and publish anew with make weekly."
        )
    return None


def require_version(connection: Connection) -> None:
    """Raises DataError unless the store has tables of this software's version."""
    version = version_of(connection)
    if version is None:
        raise DataError(
            f"the score store {connection.engine.url!r} is empty: no run was published. Publish one with "
            "make weekly."
        )
    if version != VERSION:
        remedy = "Run make migrate." if version < VERSION else "Install the software that wrote it."
        raise DataError(
            f"the score store {connection.engine.url!r} is of version {version}, this software needs "
            f"{VERSION}. {remedy}"
        )


def prepare(connection: Connection) -> None:
    """Tables in a store that has none; DataError where they are of another version."""
    if version_of(connection) is None:
        migrate(connection)
    require_version(connection)


def migrate(connection: Connection) -> list[str]:
    """The steps that took the store up to this software's version, rows and all.

    All within the caller's transaction. Raises DataError for a version that is not known here.
    """
    # Only who writes migrates; a service that reads need not load alembic.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(MIGRATIONS))
    versions = [step.revision for step in reversed(list(scripts.walk_revisions()))]
    current = version_of(connection)
    if current and current not in versions:
        raise DataError(
            f"the score store {connection.engine.url!r} is of version {current}, which is not among "
            f"{', '.join(versions)}. Install the software that wrote it."
        )
    steps = versions[versions.index(current) + 1 :] if current else versions
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "script": scripts})
    with Operations.context(context):
        for version in steps:
            module: Any = scripts.get_revision(version).module
            module.upgrade()
            context.stamp(scripts, version)
    return steps
