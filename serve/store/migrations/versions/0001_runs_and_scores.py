"""Runs, scores with their reasons as JSON, exclusions, managers, lists, the pointer."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _runs_and_scores()
    _managers_and_lists()
    op.create_table(
        "current_run",
        sa.Column("slot", sa.Integer, sa.CheckConstraint("slot = 1"), primary_key=True, autoincrement=False),
        sa.Column(
            "run_id",
            sa.String,
            sa.ForeignKey("runs.run_id", deferrable=True, initially="DEFERRED"),
            nullable=False,
        ),
    )


def downgrade() -> None:
    for name in ("current_run", "list_entries", "managers", "exclusions", "scores", "runs"):
        op.drop_table(name)


def _of_run() -> sa.Column[str]:
    return sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), primary_key=True)


def _runs_and_scores() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("bank", sa.String, nullable=False),
        sa.Column("snapshot_date", sa.Date, nullable=False),
        sa.Column("model_id", sa.String, nullable=False),
        sa.Column("base_currency", sa.String, nullable=False),
        sa.Column("horizon_days", sa.Integer, nullable=False),
        sa.Column("cohort", sa.Integer, nullable=False),
        sa.Column("excluded", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
    )
    op.create_table(
        "scores",
        _of_run(),
        sa.Column("customer_id", sa.String, primary_key=True),
        sa.Column("branch_id", sa.String),
        sa.Column("manager_id", sa.String),
        sa.Column("tier", sa.String, nullable=False),
        sa.Column("lifecycle_stage", sa.String, nullable=False),
        sa.Column("marketing_opt_out", sa.Boolean, nullable=False),
        sa.Column("aum_minor", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.Float, sa.CheckConstraint(f"{name} BETWEEN 0 AND 1"))
            for name in ("risk_30d", "risk_60d", "risk_90d")
        ),
        sa.Column("money_at_risk_minor", sa.BigInteger, nullable=False),
        sa.Column("risk_band", sa.String, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("risk_change", sa.Float, sa.CheckConstraint("risk_change BETWEEN -1 AND 1")),
        sa.Column("changes", sa.Text),
    )


def _managers_and_lists() -> None:
    op.create_table(
        "exclusions",
        _of_run(),
        sa.Column("customer_id", sa.String, primary_key=True),
        sa.Column("code", sa.String, nullable=False),
    )
    op.create_table(
        "managers",
        _of_run(),
        sa.Column("manager_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("branch_id", sa.String, nullable=False),
        sa.Column("weekly_capacity", sa.Integer, nullable=False),
    )
    op.create_table(
        "list_entries",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("customer_id", sa.String, primary_key=True),
        sa.Column("branch_id", sa.String),
        sa.Column("manager_id", sa.String),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["run_id", "customer_id"], ["scores.run_id", "scores.customer_id"]),
        sa.ForeignKeyConstraint(["run_id", "manager_id"], ["managers.run_id", "managers.manager_id"]),
        sa.Index("list_entries_of_manager", "run_id", "manager_id", "rank"),
    )
