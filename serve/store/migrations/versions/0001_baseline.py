"""The tables of the first version, as serve/store/tables.py declares them.

The step that changes a table first writes the tables of this one out as they were.
"""

import sqlalchemy as sa
from alembic import op

from configs.errors import DataError
from serve.store import tables

revision, down_revision = "0001", None

# Nothing could bring these back: the audit log, and the experiment that measures the effect of calls.
KEPT = (tables.audit, tables.audit_head, tables.assignments, tables.experiment_results)


def upgrade() -> None:
    tables.metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Raises DataError where managers have recorded something, which no run could bring back."""
    for table in (tables.opt_outs, tables.contacts):
        rows = op.get_bind().scalar(sa.select(sa.func.count()).select_from(table))
        if rows:
            raise DataError(
                f"nothing can keep the {rows} rows of {table.name}. Take a backup first, then delete them."
            )
    dropped = [table for table in tables.metadata.sorted_tables if table not in KEPT]
    tables.metadata.drop_all(op.get_bind(), dropped)
