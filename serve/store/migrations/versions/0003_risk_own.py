"""The risk within a horizon of the bank's own. A new store has it from the first step on."""

from alembic import op
from sqlalchemy import inspect

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    if "risk_own" not in {column["name"] for column in inspect(op.get_bind()).get_columns("scores")}:
        op.execute("ALTER TABLE scores ADD COLUMN risk_own FLOAT CHECK (risk_own BETWEEN 0 AND 1)")
