"""The newest commands that wrote: when each began and ended, its exit code, steps with seconds and counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from serve.store.alarm_tables import command_runs as table
from serve.store.rows import dump

KEPT = 200
KILLED = 137  # the exit code of a command that ended without a word, as shells have it


@dataclass(frozen=True)
class CommandRun:
    """One row per command that wrote; ``exit_code`` and ``seconds`` are None until it ends.

    ``steps`` hold name, seconds and counts, in their order; ``newest_days`` the newest known day by table.
    """

    command: str
    snapshot_date: date | None
    process: str
    started_at: datetime
    number: int | None = None
    seconds: float | None = None
    exit_code: int | None = None
    steps: Sequence[Mapping[str, Any]] = ()
    newest_days: Mapping[str, str] | None = None


def write(connection: Connection, run: CommandRun) -> int:
    """Write a command in place of what its number names, or with a new number, which is returned."""
    values = run.__dict__ | {
        "started_at": run.started_at.astimezone(UTC).replace(tzinfo=None),
        "steps": dump([dict(step) for step in run.steps]),
        "newest_days": dump(dict(run.newest_days or {})),
    }
    # A store that was restored meanwhile may have another command under that number.
    same = (table.c.number == run.number, table.c.started_at == values["started_at"])
    replaced = update(table).where(*same).values(values)
    if run.number is not None and connection.execute(replaced).rowcount:
        return run.number
    number: int = 1 + (connection.scalar(select(func.max(table.c.number))) or 0)
    connection.execute(insert(table).values(values | {"number": number}))
    connection.execute(delete(table).where(table.c.number <= number - KEPT))
    return number


def close_unended(connection: Connection) -> list[CommandRun]:
    """The commands that never ended, for whoever alone writes: from now on they count as killed."""
    never_ended = table.c.exit_code.is_(None)
    killed = [_run(row) for row in connection.execute(select(table).where(never_ended))]
    connection.execute(update(table).where(never_ended).values(exit_code=KILLED))
    return [replace(run, exit_code=KILLED) for run in killed]


def newest(connection: Connection, count: int) -> list[CommandRun]:
    """The newest commands, the newest first."""
    rows = connection.execute(select(table).order_by(table.c.number.desc()).limit(count))
    return [_run(row) for row in rows]


def last_of(connection: Connection, command: str, exit_code: int | None = None) -> CommandRun | None:
    """The last run of a command that ended, with this exit code where one is given."""
    ended = select(table).where(table.c.command == command, table.c.exit_code.is_not(None))
    if exit_code is not None:
        ended = ended.where(table.c.exit_code == exit_code)
    row = connection.execute(ended.order_by(table.c.number.desc()).limit(1)).first()
    return _run(row) if row else None


def _run(row: Row[Any]) -> CommandRun:
    values = row._asdict()
    values["started_at"] = values["started_at"].replace(tzinfo=UTC)
    return CommandRun(**values | {name: json.loads(values[name]) for name in ("steps", "newest_days")})
