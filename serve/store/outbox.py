"""The outbox: one row per run and reader who is notified by mail or webhook, so that each is notified once.

A sender begins first and finishes afterwards. A process that dies in between leaves a row in state
``sending``, which another one takes over when the lease has run out: a notification is never lost, and sent
twice only if the first process died after the other side had accepted it and before that was written.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, insert, select, update

from serve.store import tables

State = Literal["sending", "sent", "refused"]


@dataclass(frozen=True, order=True)
class Recipient:
    """The reader of a list: a manager, a branch's head for customers without one, or that of the common list,
    without a number; or the webhook, with the id of an announcement."""

    kind: Literal["manager", "branch", "common", "webhook"]
    number: str

    def __str__(self) -> str:
        return f"{self.kind} {self.number}" if self.number else f"the {self.kind} list"


def begin(connection: Connection, run_id: str, to: Recipient, at: datetime, lease: timedelta) -> bool:
    """True where the caller is the one to send this notification now.

    False if it was sent or refused, or while another began less than ``lease`` ago.
    """
    key = _key(run_id, to)
    row = connection.execute(select(tables.notifications).filter_by(**key)).first()
    if row is None:
        connection.execute(insert(tables.notifications).values(**key, state="sending", at=_utc(at)))
        return True
    if row.state != "sending" or row.at > _utc(at) - lease:
        return False
    connection.execute(update(tables.notifications).filter_by(**key).values(at=_utc(at)))
    return True


def release(connection: Connection, run_id: str, to: Recipient) -> None:
    """Takes a beginning back: the other side could not accept the notification now."""
    connection.execute(delete(tables.notifications).filter_by(**_key(run_id, to), state="sending"))


def finish(
    connection: Connection, run_id: str, to: Recipient, state: State, at: datetime, code: int | None = None
) -> None:
    """Writes the final state of a notification that the caller began to send."""
    connection.execute(
        update(tables.notifications).filter_by(**_key(run_id, to)).values(state=state, at=_utc(at), code=code)
    )


def states(connection: Connection, run_id: str) -> Mapping[Recipient, State]:
    """The state of each notification that somebody has begun to send, by recipient."""
    rows = connection.execute(select(tables.notifications).filter_by(run_id=run_id))
    return {Recipient(row.kind, row.number): row.state for row in rows}


def sent_to(connection: Connection, kind: str) -> Collection[str]:
    """The numbers of recipients of one kind who have been notified, of all runs."""
    query = select(tables.notifications.c.number).filter_by(kind=kind, state="sent")
    return frozenset(connection.scalars(query))


def forget(connection: Connection) -> None:
    """Removes the rows of runs that are no longer in the store."""
    gone = tables.notifications.c.run_id.not_in(select(tables.runs.c.run_id))
    connection.execute(delete(tables.notifications).where(gone))


def _key(run_id: str, to: Recipient) -> dict[str, str]:
    return {"run_id": run_id, "kind": to.kind, "number": to.number}


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
