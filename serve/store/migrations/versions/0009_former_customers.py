"""Customers who left and may be asked to come back. A new store has them already."""

from alembic import op

from serve.store import tables

revision, down_revision = "0009", "0008"


def upgrade() -> None:
    tables.metadata.create_all(op.get_bind(), [tables.former_customers])
