"""Alarms, and the commands that wrote."""

from alembic import op

from serve.store import tables

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    tables.metadata.create_all(op.get_bind(), tables.OF_OPERATORS)
