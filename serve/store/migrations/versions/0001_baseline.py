"""The tables of the first version, as serve/store/tables.py declares them.

The step that changes a table first writes the tables of this one out as they were.
"""

from alembic import op

from serve.store import tables

revision, down_revision = "0001", None


def upgrade() -> None:
    tables.metadata.create_all(op.get_bind())
