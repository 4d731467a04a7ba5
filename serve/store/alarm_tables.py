"""Rows for operators: alarms, and the commands that wrote. No row names a customer."""

import sqlalchemy as sa

from configs.alarms import KINDS
from serve.store.columns import INTERNAL, PERSONAL, Id, column, table

# fmt: off
alarms = table(
    "alarms",
    "alarm; outlives the runs",
    column("alarm_id", Id, INTERNAL, "eight characters, as in make acknowledge", primary_key=True),
    column("kind", sa.String, INTERNAL, f"one of {', '.join(KINDS)}"),
    column("step", sa.String, INTERNAL, "the step of the command in which it arose"),
    column("snapshot_date", sa.Date, INTERNAL, "the Monday it is about; empty for none", nullable=True),
    column("reason", sa.Text, INTERNAL, "what was found, in a sentence"),
    column("remedy", sa.Text, INTERNAL, "what to do, in a sentence"),
    column("raised_at", sa.DateTime, INTERNAL, "when it was first raised, in UTC"),
    column("seen_at", sa.DateTime, INTERNAL, "when it was raised last, in UTC"),
    column("sent", sa.Text, INTERNAL, "JSON object: when it was sent last, by way"),
    column("acknowledged_at", sa.DateTime, INTERNAL, "when, in UTC; empty until then", nullable=True),
    column("acknowledged_by", sa.String, PERSONAL, "who; empty until then"),
    column("acknowledged_why", sa.Text, INTERNAL, "the person's words; empty until then"),
    column("closed_at", sa.DateTime, INTERNAL, "when it was gone, in UTC; empty until then", nullable=True),
    column("closed_why", sa.Text, INTERNAL, "the run that found it gone; empty until then"),
)

command_runs = table(
    "command_runs",
    "command that wrote, of the newest ones",
    column("number", sa.Integer, INTERNAL, "counts up", primary_key=True),
    column("command", sa.String, INTERNAL, "its name"),
    column("snapshot_date", sa.Date, INTERNAL, "its Monday; empty without one", nullable=True),
    column("process", sa.String, PERSONAL, "user, process and machine"),
    column("started_at", sa.DateTime, INTERNAL, "when it began, in UTC"),
    column("seconds", sa.Float, INTERNAL, "how long it took; empty until it ends", nullable=True),
    column("exit_code", sa.Integer, INTERNAL, "0 for done; empty until it ends", nullable=True),
    column("steps", sa.Text, INTERNAL, "JSON array: name, seconds and counts of each step"),
    column("newest_days", sa.Text, INTERNAL, "JSON object: the newest known day of each table"),
    with_rowid=True,
)
# fmt: on
