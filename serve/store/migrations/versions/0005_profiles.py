"""Profiles: what a manager reads beside the score, of the newest runs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("publication", sa.Integer, primary_key=True),
        sa.Column("customer_id", ID, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["publication", "customer_id"], ["scores.publication", "scores.customer_id"]),
    )


def downgrade() -> None:
    """The profiles go: publishing a run again brings them back."""
    op.drop_table("profiles")
