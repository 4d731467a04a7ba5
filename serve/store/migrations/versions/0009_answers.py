"""Answers about scored customers, prepared when a run is published."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Runs of before have none: about them everybody is answered the ordinary way."""
    op.create_table(
        "answers",
        sa.Column("publication", sa.Integer, sa.ForeignKey("runs.publication"), primary_key=True),
        sa.Column("customer_id", ID, primary_key=True),
        sa.Column("branch_id", sa.String),
        sa.Column("manager_id", sa.String),
        sa.Column("form", sa.String(8), nullable=False),
        sa.Column("en", sa.LargeBinary, nullable=False),
        sa.Column("zh", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """The prepared answers go: publishing a run again brings them back."""
    op.drop_table("answers")
