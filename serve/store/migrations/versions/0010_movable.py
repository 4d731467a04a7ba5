"""The part of somebody's leaving that a contact could still change. A new store has it already."""

from alembic import op
from sqlalchemy import inspect

revision, down_revision = "0010", "0009"


def upgrade() -> None:
    if "movable" not in {column["name"] for column in inspect(op.get_bind()).get_columns("scores")}:
        op.execute("ALTER TABLE scores ADD COLUMN movable FLOAT")
        op.execute("ALTER TABLE assignments ADD COLUMN movable FLOAT")
