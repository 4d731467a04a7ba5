"""Which notices of a run were sent: one row per run and list, so that each reader is told once.

Whoever sends claims first and settles afterwards. A process that dies in between leaves a claim behind, which
another one takes over when the lease has run out: a notice is never lost, and sent twice only if the first process
died after the mail server had accepted it and before that was settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from serve.store import tables

Kind = Literal["manager", "branch"]
State = Literal["claimed", "sent", "refused"]


@dataclass(frozen=True, order=True)
class Recipient:
    """Who reads a list: a manager, or the head of a branch its own list of customers without a manager."""

    kind: Kind
    number: str

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


def claim(connection: Connection, run_id: str, to: Recipient, at: datetime, lease: timedelta) -> bool:
    """Whether the caller is the one to send this notice now.

    Not if it was sent or refused, nor while another's claim is younger than ``lease``.
    """
    row = connection.execute(select(tables.notices).where(_is(run_id, to))).first()
    if row is None:
        fields = {"run_id": run_id, "kind": to.kind, "number": to.number}
        connection.execute(insert(tables.notices), fields | {"state": "claimed", "at": _utc(at)})
        return True
    if row.state != "claimed" or row.at > _utc(at) - lease:
        return False
    connection.execute(update(tables.notices).where(_is(run_id, to)).values(at=_utc(at)))
    return True


def release(connection: Connection, run_id: str, to: Recipient) -> None:
    """Takes a claim back: the mail server could not accept the notice now."""
    claimed = _is(run_id, to) & (tables.notices.c.state == "claimed")
    connection.execute(delete(tables.notices).where(claimed))


def settle(
    connection: Connection, run_id: str, to: Recipient, state: State, at: datetime, code: int | None = None
) -> None:
    """What became of a claimed notice, for good."""
    values = {"state": state, "at": _utc(at), "code": code}
    connection.execute(update(tables.notices).where(_is(run_id, to)).values(**values))


def states(connection: Connection, run_id: str) -> Mapping[Recipient, State]:
    """The state of each notice that somebody has claimed so far."""
    notices = tables.notices
    rows = connection.execute(select(notices).where(notices.c.run_id == run_id))
    return {Recipient(row.kind, row.number): row.state for row in rows}


def forget(connection: Connection) -> None:
    """Removes the rows of runs that are no longer in the store."""
    gone = tables.notices.c.run_id.not_in(select(tables.runs.c.run_id))
    connection.execute(delete(tables.notices).where(gone))


def _is(run_id: str, to: Recipient) -> ColumnElement[bool]:
    notices = tables.notices
    return and_(notices.c.run_id == run_id, notices.c.kind == to.kind, notices.c.number == to.number)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
