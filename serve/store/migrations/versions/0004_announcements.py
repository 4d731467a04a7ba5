"""Announcements of publications, and an outbox that also notifies the common list and the webhook."""

from alembic import op
from sqlalchemy import insert, select

from serve.store import tables

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    connection, outbox = op.get_bind(), tables.notifications
    rows = [dict(row) for row in connection.execute(select(outbox)).mappings()]
    outbox.drop(connection)  # SQLite changes no CHECK
    tables.metadata.create_all(connection, [outbox, tables.announcements])
    if rows:
        connection.execute(insert(outbox), rows)
