"""Figures of branches, tiers watched, handovers; a score's segment and household. A new store has them."""

from alembic import op
from sqlalchemy import inspect

from serve.store import tables

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    connection = op.get_bind()
    if "segment" not in {column["name"] for column in inspect(connection).get_columns("scores")}:
        collation = ' COLLATE "C"' if connection.dialect.name == "postgresql" else ""
        op.execute("ALTER TABLE scores ADD COLUMN segment VARCHAR NOT NULL DEFAULT ''")
        op.execute(f"ALTER TABLE scores ADD COLUMN household_id VARCHAR{collation}")
        op.execute(f"CREATE INDEX scores_of_household ON scores (household_id) WHERE {tables.IN_HOUSEHOLD}")
    tables.metadata.create_all(connection)
