"""Rows that managers and the CRM record: contacts, verdicts on alerts, opt-outs. They outlive the runs."""

import sqlalchemy as sa

from configs.published import ALERT_FEEDBACK, OUTCOMES
from configs.tables import CONTACT_CHANNELS
from serve.store.columns import CONFIDENTIAL, INTERNAL, PERSONAL, Id, column, customer, table

# fmt: off
contacts = table(
    "contacts",
    "outcome that a manager typed; outlives the runs",
    column("contact_id", sa.Integer, INTERNAL, "counts up", primary_key=True),
    column("idempotency_key", sa.String, INTERNAL, "chosen by who sends; sent again, nothing is added"),
    customer(),
    column("manager_id", Id, PERSONAL, "who called"),
    column("run_id", Id, INTERNAL, "the run of the list; kept when the run itself is gone"),
    column("outcome", sa.String, CONFIDENTIAL,
            f"one of {', '.join(OUTCOMES)}; empty: the entry that this one corrects is withdrawn",
            sa.CheckConstraint(f"outcome IN {OUTCOMES}"), nullable=True),
    column("note", sa.Text, PERSONAL, "the manager's words", nullable=True),
    column("recorded_at", sa.DateTime, INTERNAL, "when it was recorded, in UTC"),
    column("channel", sa.String, CONFIDENTIAL, f"one of {', '.join(CONTACT_CHANNELS)}; empty: not told",
            sa.CheckConstraint(f"channel IN {CONTACT_CHANNELS}"), nullable=True),
    column("contacted_at", sa.DateTime, INTERNAL,
            "when the call took place, in UTC; empty: when it was recorded", nullable=True),
    column("follow_up_on", sa.Date, CONFIDENTIAL,
            "the day on which to call again; its week's list holds the customer", nullable=True),
    column("corrects", sa.Integer, INTERNAL,
            "the entry in whose place this one stands, which then counts no more",
            sa.ForeignKey("contacts.contact_id"), nullable=True),
    sa.UniqueConstraint("manager_id", "idempotency_key"),
    sa.Index("contacts_corrects", "corrects", unique=True),
    sa.Index("contacts_of_customer", "customer_id", "recorded_at"),
    with_rowid=True,
)

alert_feedback = table(
    "alert_feedback",
    "verdict of a manager on an alert; outlives the runs",
    column("feedback_id", sa.Integer, INTERNAL, "counts up", primary_key=True),
    column("idempotency_key", sa.String, INTERNAL, "chosen by who sends; sent again, nothing is added"),
    customer(),
    column("manager_id", Id, PERSONAL, "whose verdict it is"),
    column("run_id", Id, INTERNAL, "the run of the alert; kept when the run itself is gone"),
    column("reason_group", sa.String, CONFIDENTIAL,
            "what the first reason was about in that run; empty without one"),
    column("feedback", sa.String, CONFIDENTIAL, f"one of {', '.join(ALERT_FEEDBACK)}",
            sa.CheckConstraint(f"feedback IN {ALERT_FEEDBACK}")),
    column("recorded_at", sa.DateTime, INTERNAL, "when it was recorded, in UTC"),
    sa.UniqueConstraint("manager_id", "idempotency_key"),
    sa.Index("alert_feedback_of_customer", "customer_id", "run_id"),
    with_rowid=True,
)

opt_outs = table(
    "opt_outs",
    "customer who wants no more calls; outlives the runs",
    customer(primary_key=True),
    column("since", sa.Date, PERSONAL, "the day from which no list may hold the customer"),
    column("contact_id", sa.Integer, INTERNAL,
            "the contact in which the customer said so; empty without one",
            sa.ForeignKey("contacts.contact_id"), nullable=True),
    with_rowid=True,
)
# fmt: on
