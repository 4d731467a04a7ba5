"""Managers' addresses, and which notices were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("managers", sa.Column("email", sa.String))
    op.create_table(
        "notices",
        sa.Column("run_id", ID, primary_key=True),
        sa.Column("kind", sa.String, sa.CheckConstraint("kind IN ('manager', 'branch')"), primary_key=True),
        sa.Column("number", ID, primary_key=True),
        sa.Column(
            "state", sa.String, sa.CheckConstraint("state IN ('claimed', 'sent', 'refused')"), nullable=False
        ),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("code", sa.Integer),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """The addresses come back with the next publication; notices of the served run could be sent a second time."""
    op.drop_table("notices")
    op.drop_column("managers", "email")
