"""The card of each model that was published, and an index by branch for the branch's summary."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "model_cards",
        sa.Column("model_id", ID, primary_key=True),
        sa.Column("card", sa.Text, nullable=False),
    )
    op.create_index("scores_of_branch", "scores", ["publication", "branch_id", "manager_id"])


def downgrade() -> None:
    """The cards go: the next weekly run publishes them anew."""
    op.drop_index("scores_of_branch", "scores")
    op.drop_table("model_cards")
