"""Campaigns; stage, early outcome and channel of assignments and decisions. A new store has them already."""

from alembic import op
from sqlalchemy import inspect

from serve.store import tables

revision, down_revision = "0008", "0007"

_STEPS = (
    "ALTER TABLE assignments ADD COLUMN lifecycle_stage VARCHAR",
    "ALTER TABLE assignments ADD COLUMN risk_30d FLOAT",
    "ALTER TABLE assignments ADD COLUMN channel VARCHAR",
    "ALTER TABLE assignments ADD COLUMN left_early BOOLEAN",
    "ALTER TABLE assignments ADD COLUMN reached BOOLEAN",
    "ALTER TABLE decisions ADD COLUMN channel VARCHAR",
    "ALTER TABLE decisions ADD COLUMN rests_on VARCHAR",
)


def upgrade() -> None:
    connection = op.get_bind()
    if "rests_on" not in {column["name"] for column in inspect(connection).get_columns("decisions")}:
        for step in _STEPS:
            op.execute(step)
    tables.metadata.create_all(connection)
