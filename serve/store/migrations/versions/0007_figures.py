"""How branches look after their customers, who left, and what was measured of a run."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "coverage",
        *_of_branch_and_manager(),
        sa.Column("customers", sa.Integer, nullable=False),
        sa.Column("high_risk", sa.Integer, nullable=False),
        sa.Column("money_at_risk_minor", sa.BigInteger, nullable=False),
        sa.Column("contacted", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "departures",
        *_of_branch_and_manager(),
        sa.Column("customers", sa.Integer, nullable=False),
        sa.Column("unassigned", sa.Integer, nullable=False),
        sa.Column("money_at_risk_minor", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "figures",
        sa.Column("publication", sa.Integer, sa.ForeignKey("runs.publication"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in ("figures", "departures", "coverage"):
        op.drop_table(name)


def _of_branch_and_manager() -> list[sa.Column[object]]:
    return [
        sa.Column("publication", sa.Integer, sa.ForeignKey("runs.publication"), primary_key=True),
        sa.Column("branch_id", sa.String, primary_key=True),
        sa.Column("manager_id", ID, primary_key=True),
    ]
