"""Alarms in the store: the open ones, and the last that were closed."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from configs.alarms import Alarm
from serve.store.alarm_tables import alarms
from serve.store.rows import dump

CLOSED_KEPT = 200  # alarms


def open_alarms(connection: Connection) -> list[Alarm]:
    """The alarms that no run has found gone, the oldest first."""
    query = select(alarms).where(alarms.c.closed_at.is_(None))
    return [_alarm(row) for row in connection.execute(query.order_by(alarms.c.raised_at, alarms.c.alarm_id))]


def keep(connection: Connection, changed: Iterable[Alarm]) -> None:
    """Write alarms in place of what was kept of them; of the closed ones the newest stay."""
    rows = [_row(alarm) for alarm in changed]
    connection.execute(delete(alarms).where(alarms.c.alarm_id.in_([row["alarm_id"] for row in rows])))
    if rows:
        connection.execute(insert(alarms), rows)
    newest = select(alarms.c.alarm_id).where(alarms.c.closed_at.is_not(None))
    newest = newest.order_by(alarms.c.closed_at.desc(), alarms.c.alarm_id)
    gone = connection.scalars(newest.offset(CLOSED_KEPT).limit(CLOSED_KEPT)).all()
    connection.execute(delete(alarms).where(alarms.c.alarm_id.in_(gone)))


def _row(alarm: Alarm) -> dict[str, Any]:
    """Times without a zone, in UTC, as both databases keep them."""
    values = {
        name: value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
        for name, value in asdict(alarm).items()
    }
    return values | {"sent": dump({way: at.isoformat() for way, at in alarm.sent.items()})}


def _alarm(row: Row[Any]) -> Alarm:
    values: dict[str, Any] = {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
        for name, value in row._asdict().items()
    }
    sent = {way: datetime.fromisoformat(at) for way, at in json.loads(values["sent"]).items()}
    return Alarm(**values | {"sent": sent})
