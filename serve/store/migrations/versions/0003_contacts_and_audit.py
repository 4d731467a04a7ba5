"""Contacts, opt-outs and, where it was not made before versions were kept, the audit log."""

import sqlalchemy as sa
from alembic import op

from configs.errors import DataError

revision = "0003"
down_revision = "0002"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    _contacts()
    if not sa.inspect(op.get_bind()).has_table("audit"):
        _audit()


def downgrade() -> None:
    """The audit log stays: it must never lose an entry. Raises DataError while there are contacts or opt-outs."""
    _refuse_loss()
    op.drop_table("opt_outs")
    op.drop_table("contacts")


def _refuse_loss() -> None:
    for name in ("contacts", "opt_outs"):
        rows = op.get_bind().execute(sa.text(f"SELECT count(*) FROM {name}")).scalar()
        if rows:
            raise DataError(
                f"version 0002 of the score store cannot keep the {rows} rows of {name}. Make a backup, "
                f"save these rows elsewhere and empty the table, then go back again."
            )


def _contacts() -> None:
    outcomes = "outcome IN ('will_stay', 'undecided', 'leaving', 'no_answer', 'not_interested', 'no_contact')"
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.Integer, primary_key=True),
        sa.Column("idempotency_key", sa.String, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("manager_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("outcome", sa.String, sa.CheckConstraint(outcomes), nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("manager_id", "idempotency_key"),
        sa.Index("contacts_of_customer", "customer_id", "recorded_at"),
    )
    op.create_table(
        "opt_outs",
        sa.Column("customer_id", ID, primary_key=True),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("contact_id", sa.Integer, sa.ForeignKey("contacts.contact_id")),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, kind, nullable=False)
            for name, kind in {
                "at": sa.String(),
                "actor": sa.String(),
                "action": sa.String(),
                "subject": sa.String(),
                "details": sa.Text(),
                "previous": sa.String(64),
                "hash": sa.String(64),
            }.items()
        ),
    )
    op.create_table(
        "audit_head",
        sa.Column("slot", sa.Integer, sa.CheckConstraint("slot = 1"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
    )
