"""Alarms, the commands that wrote, and whatever table a store of the first version lacks."""

from alembic import op

from serve.store import tables

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    tables.metadata.create_all(op.get_bind())
