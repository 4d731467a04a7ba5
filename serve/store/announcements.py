"""Announcements: what was published or rolled back, for whoever keeps a copy of what is served.

A publication writes its own in its transaction, so none is lost and none tells of what was undone. One is
made at a time, in the order of the numbers: who has read up to a number has missed nothing before it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select

from configs.published import Run
from serve.store.tables import announcements, decisions, runs

Kind = Literal["run.published", "run.rolled_back"]


@dataclass(frozen=True)
class Announcement:
    """One publication or roll-back; no customer is in it.

    ``announcement_id`` stays the same however often it is sent. ``before_run_id`` was served before, None for
    the first run. A run that is not ``served`` went into the history; ``republished``: it was there before.
    """

    number: int
    announcement_id: str
    kind: Kind
    at: datetime
    run_id: str
    before_run_id: str | None
    served: bool
    republished: bool
    bank: str
    snapshot_date: date
    model_id: str
    scored: int
    excluded: int
    listed: int


def announce(
    connection: Connection,
    kind: Kind,
    run: Run,
    run_version: int,
    at: datetime | None,
    before_run_id: str | None,
    **state: bool,
) -> None:
    """Adds one, as part of the caller's transaction; ``state``: served, republished."""
    at = (at or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    number = 1 + (connection.scalar(select(func.max(announcements.c.number))) or 0)
    # A store put back from a backup counts on from an earlier number: the time tells the two apart.
    parts = (run.bank, str(number), kind, run.run_id, at.isoformat())
    listed = select(func.count()).where(decisions.c.run_version == run_version, decisions.c.rank.is_not(None))
    values = {
        "number": number,
        "announcement_id": sha256("\0".join(parts).encode()).hexdigest()[:32],
        "kind": kind,
        "at": at.replace(tzinfo=None),
        "run_id": run.run_id,
        "before_run_id": before_run_id,
        **state,
        "bank": run.bank,
        "snapshot_date": run.snapshot_date,
        "model_id": run.model_id,
        "scored": run.cohort,
        "excluded": sum(run.excluded.values()),
        "listed": connection.scalar(listed),
    }
    connection.execute(insert(announcements).values(values))


def after(connection: Connection, number: int, limit: int) -> tuple[Announcement, ...]:
    """Those that follow the one of this number, the oldest first."""
    following = select(announcements).where(announcements.c.number > number)
    rows = connection.execute(following.order_by(announcements.c.number).limit(limit))
    return tuple(map(_announcement, rows))


def since(connection: Connection, at: datetime, but: Collection[str]) -> tuple[Announcement, ...]:
    """Those made at or after a time of runs that are still in the store, the oldest first.

    Without those whose ``announcement_id`` is among ``but``.
    """
    recent = select(announcements).where(
        announcements.c.at >= at.astimezone(UTC).replace(tzinfo=None),
        announcements.c.run_id.in_(select(runs.c.run_id)),
        announcements.c.announcement_id.not_in(but),
    )
    return tuple(map(_announcement, connection.execute(recent.order_by(announcements.c.number))))


def holds(connection: Connection, number: int, announcement_id: str) -> bool:
    """True where the store has this announcement under this number."""
    stored = select(announcements.c.announcement_id).where(announcements.c.number == number)
    return connection.scalar(stored) == announcement_id


def _announcement(row: Row[Any]) -> Announcement:
    return Announcement(**row._asdict() | {"at": row.at.replace(tzinfo=UTC)})
