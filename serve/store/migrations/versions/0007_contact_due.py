"""The day on which a contact is due, and the customers to whom one is. A new store has them already.

In older runs a contact was due to everybody.
"""

from alembic import op
from sqlalchemy import inspect

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    connection = op.get_bind()
    if "contact_due_on" not in {column["name"] for column in inspect(connection).get_columns("scores")}:
        op.execute("ALTER TABLE scores ADD COLUMN contact_due_on DATE")
        op.execute("ALTER TABLE coverage ADD COLUMN asked INTEGER NOT NULL DEFAULT 0")
        op.execute("UPDATE coverage SET asked = customers")
