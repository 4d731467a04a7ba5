"""The tables of the first version, as serve/store/tables.py declares them, but for later ones.

The step that changes a table first writes the tables of this one out as they were.
"""

from alembic import op

from serve.store import tables

revision, down_revision = "0001", None


def upgrade() -> None:
    later = tables.OF_OPERATORS
    first = [table for table in tables.metadata.sorted_tables if table not in later]
    tables.metadata.create_all(op.get_bind(), first)
