"""A decision about every cohort customer in place of list entries; the trial of calls, and its estimates.

Runs from before get the decisions that their lists imply: then only those who had opted out were kept off, and
the others were listed by money at risk as far as there was room. What a call was worth is not made up for them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    _decisions()
    op.execute(
        "INSERT INTO decisions (publication, customer_id, branch_id, manager_id, decision, why, worth_minor, rank) "
        "SELECT s.publication, s.customer_id, coalesce(l.branch_id, nullif(m.branch_id, ''), s.branch_id), "
        "coalesce(l.manager_id, m.manager_id), "
        f"{_by_case('listed', 'opted_out', 'beyond_capacity')}, "
        f"{_by_case('most_to_keep', 'by_bank', 'less_to_keep')}, 0, l.rank FROM scores s "
        "LEFT JOIN list_entries l ON l.publication = s.publication AND l.customer_id = s.customer_id "
        "LEFT JOIN managers m ON m.publication = s.publication AND m.manager_id = s.manager_id"
    )
    op.drop_table("list_entries")
    if not sa.inspect(op.get_bind()).has_table("trial"):
        _trial()
        _effects()


def downgrade() -> None:
    """Lists stay; trial and effects stay as they are, as nothing could bring them back."""
    _list_entries()
    op.execute(
        "INSERT INTO list_entries (publication, customer_id, branch_id, manager_id, rank) "
        "SELECT publication, customer_id, branch_id, manager_id, rank FROM decisions WHERE rank IS NOT NULL"
    )
    op.drop_table("decisions")


def _by_case(listed: str, opted_out: str, other: str) -> str:
    cases = f"WHEN l.rank IS NOT NULL THEN '{listed}' WHEN s.marketing_opt_out THEN '{opted_out}'"
    return f"CASE {cases} ELSE '{other}' END"


def _of_list() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("publication", sa.Integer, primary_key=True),
        sa.Column("customer_id", ID, primary_key=True, nullable=False),
        sa.Column("branch_id", sa.String),
        sa.Column("manager_id", ID),
    )


def _keys(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.ForeignKeyConstraint(["publication", "customer_id"], ["scores.publication", "scores.customer_id"]),
        sa.ForeignKeyConstraint(
            ["publication", "manager_id"], ["managers.publication", "managers.manager_id"]
        ),
        sa.Index(f"{table}_of_manager", "publication", "manager_id", "rank"),
    )


def _list_entries() -> None:
    op.create_table(
        "list_entries",
        *_of_list(),
        sa.Column("rank", sa.Integer, nullable=False),
        *_keys("list_entries"),
        sqlite_with_rowid=False,
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        *_of_list(),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("worth_minor", sa.BigInteger, nullable=False),
        sa.Column("rank", sa.Integer),
        sa.Column("until", sa.Date),
        sa.Column("drawn_on", sa.Date),
        sa.Column("next_step_en", sa.Text),
        sa.Column("next_step_zh", sa.Text),
        *_keys("decisions"),
        sqlite_with_rowid=False,
    )


def _trial() -> None:
    op.create_table(
        "trial",
        sa.Column("customer_id", ID, primary_key=True, nullable=False),
        sa.Column("drawn_on", sa.Date, primary_key=True),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("held_out", sa.Boolean, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("branch_id", sa.String),
        sa.Column("manager_id", ID),
        sa.Column("tier", sa.String, nullable=False),
        sa.Column("reason_group", sa.String, nullable=False),
        sa.Column("risk", sa.Float, nullable=False),
        sa.Column("money_at_risk_minor", sa.BigInteger, nullable=False),
        sa.Column("attrited", sa.Boolean),
        sa.Column("base_minor", sa.BigInteger),
        sa.Column("lost_minor", sa.BigInteger),
        sa.Index("trial_until", "until"),
        sqlite_with_rowid=False,
    )


def _effects() -> None:
    op.create_table(
        "effects",
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("figures", sa.Text, nullable=False),
    )
