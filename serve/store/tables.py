"""Tables of the score store, for SQLite and PostgreSQL alike. Money in minor units (1/100).

Each column has a meaning (``doc``) and a sensitivity (``info["sensitivity"]``). A change here needs a step in
serve/store/migrations; tests/serve/store/test_schema.py compares the two. The access log's tables (`audit`,
`audit_head` and those of `access_metadata`, beside the store) have none: `_prepare` of
serve/auth/access_log.py makes them.
"""

from typing import Any

import sqlalchemy as sa

from configs.published import HORIZONS
from serve.store import alarm_tables, branch_tables, campaign_tables, notification_tables
from serve.store.columns import CONFIDENTIAL, INTERNAL, PERSONAL, PUBLIC, Id
from serve.store.columns import column as _column
from serve.store.columns import customer as _customer
from serve.store.columns import metadata as metadata
from serve.store.columns import of_run as _of_run
from serve.store.columns import table as _table
from serve.store.contact_tables import alert_feedback as alert_feedback
from serve.store.contact_tables import contacts as contacts
from serve.store.contact_tables import opt_outs as opt_outs


def _slot() -> Any:
    """Of a table that holds one row."""
    check = sa.CheckConstraint("slot = 1")
    return _column("slot", sa.Integer, PUBLIC, "always 1", check, primary_key=True, autoincrement=False)


def _risk(name: str, days: str) -> Any:
    doc = f"probability of attrition within {days} days; empty where the label does not reach"
    check = sa.CheckConstraint(f"{name} BETWEEN 0 AND 1")
    return _column(name, sa.Float, CONFIDENTIAL, doc, check, nullable=True)


# fmt: off
runs = _table(
    "runs",
    "run",
    _column("run_version", sa.Integer, INTERNAL, "counts up; a run published again gets a new one",
            primary_key=True, autoincrement=False),
    _column("run_id", Id, INTERNAL, "derived from what went in", unique=True),
    _column("bank", sa.String, INTERNAL, "folder below configs/banks; one store holds one bank"),
    _column("snapshot_date", sa.Date, INTERNAL, "the Monday the scores hold for"),
    _column("model_id", sa.String, INTERNAL, "the model that scored"),
    _column("base_currency", sa.String, INTERNAL, "currency of all money"),
    _column("horizon_days", sa.Integer, INTERNAL, "days the longest risk looks ahead"),
    _column("cohort", sa.Integer, INTERNAL, "customers scored"),
    _column("excluded", sa.Text, INTERNAL, "JSON object: customers not eligible, by code"),
    _column("manifest", sa.Text, INTERNAL, "JSON object: fingerprints of what went in"),
    with_rowid=True,
)

IN_HOUSEHOLD = "household_id IS NOT NULL"  # most customers are in none
scores = _table(
    "scores",
    "run and cohort customer",
    _of_run(sa.ForeignKey("runs.run_version")),
    _customer(primary_key=True),
    _column("branch_id", sa.String, INTERNAL, "branch in charge", nullable=True),
    _column("manager_id", sa.String, INTERNAL, "manager in charge", nullable=True),
    _column("tier", sa.String, CONFIDENTIAL, "the customer's class by wealth"),
    _column("lifecycle_stage", sa.String, CONFIDENTIAL, "new, growing, mature, declining or dormant"),
    _column("marketing_opt_out", sa.Boolean, PERSONAL, "wants no calls; never listed"),
    _column("aum_minor", sa.BigInteger, CONFIDENTIAL, "AUM on the snapshot"),
    _column("money_at_risk_minor", sa.BigInteger, CONFIDENTIAL, "amount expected to leave"),
    _column("risk_band", sa.String, CONFIDENTIAL, "high, medium or low"),
    *(_risk(f"risk_{days}d", str(days)) for days in HORIZONS),
    _column("risk_change", sa.Float, CONFIDENTIAL, "of the risk at the longest horizon, since another run",
            sa.CheckConstraint("risk_change BETWEEN -1 AND 1"), nullable=True),
    _column("changes", sa.Text, CONFIDENTIAL, "JSON array: what moved the score, only ever read with it"),
    _risk("risk_own", "the run's horizon_days, neither 30, 60 nor 90,"),
    _column("segment", sa.String, CONFIDENTIAL, "by value, risk and stage; empty where the run has none",
            server_default=""),
    _column("household_id", Id, PERSONAL, "the bank's number of the household; empty without one",
            nullable=True),
    _column("contact_due_on", sa.Date, CONFIDENTIAL, "day by which a contact is due; empty: none is",
            nullable=True),
    _column("movable", sa.Float, CONFIDENTIAL, "part of the leaving that a contact could still change",
            nullable=True),
    sa.Index("scores_of_branch", "run_version", "branch_id", "manager_id"),
    sa.Index("scores_of_household", "household_id",
             sqlite_where=sa.text(IN_HOUSEHOLD), postgresql_where=sa.text(IN_HOUSEHOLD)),
)

# Without a foreign key: a Score and its reasons are loaded from one object. A backup looks for orphans.
reasons = _table(
    "reasons",
    "run, customer and reason",
    _of_run(),
    _customer(primary_key=True),
    _column("place", sa.Integer, INTERNAL, "1 is the weightiest reason", primary_key=True),
    _column("reason_group", sa.String, CONFIDENTIAL, "what the reason is about"),
    _column("feature", sa.String, CONFIDENTIAL, "the feature behind it"),
    _column("value", sa.Float, CONFIDENTIAL, "the customer's value; empty where not known", nullable=True),
    _column("contribution", sa.Float, CONFIDENTIAL, "in log-odds, positive is riskier"),
    _column("text_en", sa.Text, CONFIDENTIAL, "the sentence shown, in English"),
    _column("text_zh", sa.Text, CONFIDENTIAL, "the sentence shown, in Chinese"),
)

exclusions = _table(
    "exclusions",
    "run and customer that was not eligible",
    _of_run(sa.ForeignKey("runs.run_version")),
    _customer(primary_key=True),
    _column("code", sa.String, CONFIDENTIAL, "why: a key of configs.codes.EXCLUSION_CODES"),
)

managers = _table(
    "managers",
    "run and manager",
    _of_run(sa.ForeignKey("runs.run_version")),
    _column("manager_id", Id, INTERNAL, "the bank's number of the manager", primary_key=True),
    _column("name", sa.String, PERSONAL, "the manager's name; empty if not delivered"),
    _column("branch_id", sa.String, INTERNAL, "the manager's branch"),
    _column("weekly_capacity", sa.Integer, INTERNAL, "customers a week the list was made for"),
    _column("email", sa.String, PERSONAL, "where the weekly notification goes; empty if not delivered",
            nullable=True),
)

decisions = _table(
    "decisions",
    "run and cohort customer",
    _of_run(),
    _customer(primary_key=True),
    _column("branch_id", sa.String, INTERNAL, "branch of the list", nullable=True),
    _column("manager_id", Id, INTERNAL, "whose list; empty on a branch's own", nullable=True),
    _column("decision", sa.String, CONFIDENTIAL, "a key of configs.codes.DECISIONS"),
    _column("why", sa.String, CONFIDENTIAL, "the reason: a key of that decision's"),
    _column("expected_value_minor", sa.BigInteger, CONFIDENTIAL, "money a call is expected to keep"),
    _column("rank", sa.Integer, INTERNAL, "place on the list, from 1; empty if not listed", nullable=True),
    _column("until", sa.Date, INTERNAL, "first Monday after a cool-down or an assignment", nullable=True),
    _column("assigned_on", sa.Date, INTERNAL, "Monday of the assignment; empty without one", nullable=True),
    _column("next_step_en", sa.Text, CONFIDENTIAL, "what to do next, in English; empty for who is not listed",
            nullable=True),
    _column("next_step_zh", sa.Text, CONFIDENTIAL, "what to do next, in Chinese; likewise", nullable=True),
    _column("channel", sa.String, CONFIDENTIAL, "how to contact the customer; empty for who is not listed",
            nullable=True),
    _column("rests_on", sa.String, CONFIDENTIAL,
            "what the expected value rests on: setting, everybody, reason, risk or stage; and the number of "
            "known outcomes", nullable=True),
    sa.ForeignKeyConstraint(["run_version", "customer_id"], ["scores.run_version", "scores.customer_id"]),
    sa.ForeignKeyConstraint(["run_version", "manager_id"], ["managers.run_version", "managers.manager_id"]),
    sa.Index("decisions_of_manager", "run_version", "manager_id", "rank"),
)

profiles = _table(
    "profiles",
    "cohort customer of one of the newest runs",
    _of_run(),
    _customer(primary_key=True),
    _column("content", sa.LargeBinary, PERSONAL,
            "AUM by week, maturities, bookings, contacts, name and telephone: serve/store/rows.py"),
    sa.ForeignKeyConstraint(["run_version", "customer_id"], ["scores.run_version", "scores.customer_id"]),
    with_rowid=True,
)

prepared_answers = _table(
    "prepared_answers",
    "cohort customer of one of the newest runs",
    _of_run(sa.ForeignKey("runs.run_version")),
    _customer(primary_key=True),
    _column("branch_id", sa.String, INTERNAL, "branch in charge", nullable=True),
    _column("manager_id", sa.String, INTERNAL, "manager in charge", nullable=True),
    _column("form", sa.String(8), INTERNAL, "the release that made it; others do not use it"),
    _column("en", sa.LargeBinary, PERSONAL, "the answer in English, compressed"),
    _column("zh", sa.LargeBinary, PERSONAL, "the answer in Chinese, compressed"),
)

coverage = _table(
    "coverage",
    "run, branch and manager in charge, or nobody",
    _of_run(sa.ForeignKey("runs.run_version")),
    _column("branch_id", sa.String, INTERNAL, "the customers' branch; empty where not known",
            primary_key=True),
    _column("manager_id", Id, INTERNAL, "the manager in charge; empty for nobody", primary_key=True),
    _column("customers", sa.Integer, INTERNAL, "customers scored"),
    _column("high_risk", sa.Integer, INTERNAL, "of them those in the band high"),
    _column("money_at_risk_minor", sa.BigInteger, INTERNAL, "amount expected to leave, of all of them"),
    _column("contacted", sa.Integer, INTERNAL, "of those asked those for whom it is not overdue"),
    _column("asked", sa.Integer, INTERNAL, "of them those to whom a contact is due by a standard"),
)

departures = _table(
    "departures",
    "run, branch and manager who left in the 13 weeks before",
    _of_run(sa.ForeignKey("runs.run_version")),
    _column("branch_id", sa.String, INTERNAL, "the customers' branch; empty where not known",
            primary_key=True),
    _column("manager_id", Id, INTERNAL, "the manager who left", primary_key=True),
    _column("customers", sa.Integer, INTERNAL, "scored customers left behind"),
    _column("unassigned", sa.Integer, INTERNAL, "of them those in nobody's charge now"),
    _column("money_at_risk_minor", sa.BigInteger, INTERNAL, "amount expected to leave, of all of them"),
)

figures = _table(
    "figures",
    "run and what was measured of it: drift, calibration and gates when published, its outcome when known; "
    "and the terms of its lists",
    _of_run(sa.ForeignKey("runs.run_version")),
    _column("name", sa.String, INTERNAL, "calibration, drift, gates, outcome or terms", primary_key=True),
    _column("content", sa.Text, INTERNAL, "JSON object"),
)

current_run = _table(
    "current_run",
    "store: the pointer that readers follow",
    _slot(),
    # Checked at the commit: a rerun takes its run away and writes it anew under the same pointer.
    _column("run_version", sa.Integer, INTERNAL, "the run that is served", sa.ForeignKey("runs.run_version",
            deferrable=True, initially="DEFERRED")),
    with_rowid=True,
)

model_cards = _table(
    "model_cards",
    "model that was published; outlives the runs",
    _column("model_id", Id, INTERNAL, "the model", primary_key=True),
    _column("card", sa.Text, INTERNAL,
            "JSON object: the sentences of each part, as pipeline/evaluation/model_card.py makes them"),
    with_rowid=True,
)

assignments = _table(
    "assignments",
    "customer and assignment, of runs that were served; outlives the runs",
    _customer(primary_key=True),
    _column("assigned_on", sa.Date, INTERNAL, "Monday of the assignment to list or control group",
            primary_key=True),
    _column("until", sa.Date, INTERNAL, "first Monday on which the assignment no longer holds"),
    _column("control_group", sa.Boolean, CONFIDENTIAL, "not listed, to measure the effect of calls"),
    _column("run_id", Id, INTERNAL, "the run of that Monday; kept when the run itself is gone"),
    _column("branch_id", sa.String, INTERNAL, "branch of the list", nullable=True),
    _column("manager_id", Id, INTERNAL, "whose list; empty on a branch's own", nullable=True),
    _column("tier", sa.String, CONFIDENTIAL, "the customer's class by wealth on that Monday"),
    _column("reason_group", sa.String, CONFIDENTIAL, "what the first reason was about; empty without one"),
    _column("risk", sa.Float, CONFIDENTIAL, "at the longest horizon, on that Monday"),
    _column("money_at_risk_minor", sa.BigInteger, CONFIDENTIAL, "amount expected to leave, on that Monday"),
    _column("attrited", sa.Boolean, CONFIDENTIAL, "the customer left; empty until it is known",
            nullable=True),
    _column("base_minor", sa.BigInteger, CONFIDENTIAL,
            "average AUM before that Monday, by the label; likewise", nullable=True),
    _column("lost_minor", sa.BigInteger, CONFIDENTIAL, "the part of it that left, 0 for who stayed; likewise",
            nullable=True),
    _column("lifecycle_stage", sa.String, CONFIDENTIAL, "the customer's stage on that Monday", nullable=True),
    _column("risk_30d", sa.Float, CONFIDENTIAL, "within 30 days, on that Monday; empty where not known",
            nullable=True),
    _column("movable", sa.Float, CONFIDENTIAL, "part of the leaving that a contact could still change",
            nullable=True),
    _column("channel", sa.String, CONFIDENTIAL, "how the list said to contact the customer", nullable=True),
    _column("left_early", sa.Boolean, CONFIDENTIAL,
            "the customer left within 30 days; known before the rest, empty until then", nullable=True),
    _column("reached", sa.Boolean, CONFIDENTIAL,
            "a contact within the outcome window in which the customer was reached; empty until it is known",
            nullable=True),
    sa.Index("assignments_until", "until"),
)

experiment_results = _table(
    "experiment_results",
    "Monday on which the effect of calls was estimated",
    _column("as_of", sa.Date, INTERNAL, "the Monday up to which outcomes were known", primary_key=True),
    _column("figures", sa.Text, CONFIDENTIAL,
            "JSON object: the effect of calls, estimated by pipeline/lists/experiment.py"),
    with_rowid=True,
)

# serve/store/audit.py makes and checks the hashes. Times are text, so that both databases give back the very
# characters that were hashed.
audit = _table(
    "audit",
    "audit entry; rows are only ever added",
    _column("number", sa.Integer, INTERNAL, "counts up from 1, without gaps", primary_key=True,
            autoincrement=False),
    _column("at", sa.String, INTERNAL, "when, in UTC, as ISO 8601"),
    _column("actor", sa.String, PERSONAL, "who"),
    _column("action", sa.String, INTERNAL, "did what"),
    _column("subject", sa.String, PERSONAL, "to what or whom"),
    _column("details", sa.Text, PERSONAL, "JSON object"),
    _column("previous", sa.String(64), INTERNAL, "hash of the entry before"),
    _column("hash", sa.String(64), INTERNAL, "of this entry, with the bank's key"),
    with_rowid=True,
)

audit_head = _table(
    "audit_head",
    "store with audit entries, so that a log cut short is noticed",
    _slot(),
    _column("number", sa.Integer, INTERNAL, "the last entry"),
    _column("hash", sa.String(64), INTERNAL, "its hash"),
    _column("seal", sa.String(64), INTERNAL, "shows that the head itself was not changed"),
    with_rowid=True,
)

# Beside the access log, not in the store: `RateAnomaly` of serve/auth/rate_anomaly.py counts here.
access_metadata = sa.MetaData()
reads = _table(
    "reads",
    "caller and day",
    _column("actor", sa.String, PERSONAL, "who", primary_key=True),
    _column("day", sa.String, INTERNAL, "in UTC, as ISO 8601", primary_key=True),
    _column("answers", sa.Integer, INTERNAL, "how many this caller was given about customers"),
    with_rowid=True,
    of=access_metadata,
)

ended_sessions = _table(
    "ended_sessions",
    "session that ended by signing out before its token expires",
    _column("token_hash", sa.String(64), INTERNAL, "SHA-256 of the token", primary_key=True),
    _column("expires", sa.Float, INTERNAL, "when the token expires by itself, in seconds since 1970"),
    with_rowid=True,
    of=access_metadata,
)
# fmt: on

notifications, announcements = notification_tables.notifications, notification_tables.announcements
branch_figures, tier_watches = branch_tables.branch_figures, branch_tables.tier_watches
former_customers = branch_tables.former_customers
handovers, handover_acceptances = branch_tables.handovers, branch_tables.handover_acceptances
campaigns, campaign_members = campaign_tables.campaigns, campaign_tables.campaign_members
campaign_results = campaign_tables.campaign_results
OF_OPERATORS = (alarm_tables.alarms, alarm_tables.command_runs)  # since version 0002

# Children first: the order in which a run's rows can be deleted.
OF_A_RUN = tuple(
    table
    for table in reversed(metadata.sorted_tables)
    if "run_version" in table.c and table.name != "current_run"
)
