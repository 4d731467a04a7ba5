"""Messages sent or fetched: notifications, and announcements of what is served. No row names a customer."""

import sqlalchemy as sa

from serve.store.columns import INTERNAL, Id, column, table

# fmt: off
notifications = table(
    "notifications",
    "run and reader who is notified by mail or webhook, so that each is notified once",
    column("run_id", Id, INTERNAL, "the run of the list", primary_key=True),
    column("kind", sa.String, INTERNAL,
            "whose list: a manager's, a branch's own, the common one; or webhook, for an announcement",
            sa.CheckConstraint("kind IN ('manager', 'branch', 'common', 'webhook')"), primary_key=True),
    column("number", Id, INTERNAL, "of the manager or the branch; the id of the announcement",
            primary_key=True),
    column("state", sa.String, INTERNAL, "being sent, sent, or refused for good",
            sa.CheckConstraint("state IN ('sending', 'sent', 'refused')")),
    column("at", sa.DateTime, INTERNAL, "since when it is in that state, in UTC"),
    column("code", sa.Integer, INTERNAL, "the mail server's answer to what was refused", nullable=True),
)

announcements = table(
    "announcements",
    "publication or roll-back; outlives the runs",
    column("number", sa.Integer, INTERNAL, "counts up from 1, without gaps", primary_key=True,
            autoincrement=False),
    column("announcement_id", Id, INTERNAL, "by which a receiver tells a copy", unique=True),
    column("kind", sa.String, INTERNAL, "what was done",
            sa.CheckConstraint("kind IN ('run.published', 'run.rolled_back')")),
    column("at", sa.DateTime, INTERNAL, "when, in UTC"),
    column("run_id", Id, INTERNAL, "the run; kept when the run itself is gone"),
    column("before_run_id", Id, INTERNAL, "the run served before; empty for the first", nullable=True),
    column("served", sa.Boolean, INTERNAL, "it became the run that is served"),
    column("republished", sa.Boolean, INTERNAL, "the store had held a run with this run_id"),
    column("bank", sa.String, INTERNAL, "as in runs"),
    column("snapshot_date", sa.Date, INTERNAL, "as in runs"),
    column("model_id", sa.String, INTERNAL, "as in runs"),
    column("scored", sa.Integer, INTERNAL, "customers scored"),
    column("excluded", sa.Integer, INTERNAL, "customers not eligible"),
    column("listed", sa.Integer, INTERNAL, "customers on the lists"),
    with_rowid=True,
)
# fmt: on
