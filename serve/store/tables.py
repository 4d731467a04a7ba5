"""Tables of the score store, for SQLite and PostgreSQL alike. Money in minor units (1/100).

Each column has a meaning (``doc``) and a sensitivity (``info["sensitivity"]``). A change here needs a step in
serve/store/migrations; tests/serve/store/test_schema.py compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)

from configs.published import OUTCOMES
from serve.store.columns import (
    CONFIDENTIAL,
    INTERNAL,
    PERSONAL,
    PUBLIC,
    Id,
    column,
    customer,
    of_run,
    risk,
    table,
)
from serve.store.columns import (
    metadata as metadata,
)

runs = table(
    "runs",
    "run",
    column("run_version", Integer, INTERNAL, "counts up; a run published again gets a new one",
            primary_key=True, autoincrement=False),
    column("run_id", Id, INTERNAL, "derived from what went in", unique=True),
    column("bank", String, INTERNAL, "folder below configs/banks; one store holds one bank"),
    column("snapshot_date", Date, INTERNAL, "the Monday the scores hold for"),
    column("model_id", String, INTERNAL, "the model that scored"),
    column("base_currency", String, INTERNAL, "currency of all money"),
    column("horizon_days", Integer, INTERNAL, "days the longest risk looks ahead"),
    column("cohort", Integer, INTERNAL, "customers scored"),
    column("excluded", Text, INTERNAL, "JSON object: customers not eligible, by code"),
    column("manifest", Text, INTERNAL, "JSON object: fingerprints of what went in"),
    with_rowid=True,
)  # fmt: skip

scores = table(
    "scores",
    "run and cohort customer",
    of_run(ForeignKey("runs.run_version")),
    customer(primary_key=True),
    column("branch_id", String, INTERNAL, "branch in charge", nullable=True),
    column("manager_id", String, INTERNAL, "manager in charge", nullable=True),
    column("tier", String, CONFIDENTIAL, "the bank's segment by wealth"),
    column("lifecycle_stage", String, CONFIDENTIAL, "new, growing, mature, declining or dormant"),
    column("marketing_opt_out", Boolean, PERSONAL, "wants no calls; never listed"),
    column("aum_minor", BigInteger, CONFIDENTIAL, "AUM on the snapshot"),
    column("money_at_risk_minor", BigInteger, CONFIDENTIAL, "amount expected to leave"),
    column("risk_band", String, CONFIDENTIAL, "high, medium or low"),
    risk(30),
    risk(60),
    risk(90),
    column("risk_change", Float, CONFIDENTIAL, "of the risk at the longest horizon, since another run",
            CheckConstraint("risk_change BETWEEN -1 AND 1"), nullable=True),
    column("changes", Text, CONFIDENTIAL, "JSON array: what moved the score, only ever read with it"),
    Index("scores_of_branch", "run_version", "branch_id", "manager_id"),
)  # fmt: skip

# Without a foreign key: a Score and its reasons are loaded from one object. A backup looks for orphans.
reasons = table(
    "reasons",
    "run, customer and reason",
    of_run(),
    customer(primary_key=True),
    column("place", Integer, INTERNAL, "1 is the weightiest reason", primary_key=True),
    column("reason_group", String, CONFIDENTIAL, "what the reason is about"),
    column("feature", String, CONFIDENTIAL, "the feature behind it"),
    column("value", Float, CONFIDENTIAL, "the customer's value; empty where not known", nullable=True),
    column("contribution", Float, CONFIDENTIAL, "in log-odds, positive is riskier"),
    column("text_en", Text, CONFIDENTIAL, "the sentence shown, in English"),
    column("text_zh", Text, CONFIDENTIAL, "the sentence shown, in Chinese"),
)

exclusions = table(
    "exclusions",
    "run and customer that was not eligible",
    of_run(ForeignKey("runs.run_version")),
    customer(primary_key=True),
    column("code", String, CONFIDENTIAL, "why: a key of configs.published.EXCLUSION_CODES"),
)

managers = table(
    "managers",
    "run and manager",
    of_run(ForeignKey("runs.run_version")),
    column("manager_id", Id, INTERNAL, "the bank's number of the manager", primary_key=True),
    column("name", String, PERSONAL, "the manager's name; empty if not delivered"),
    column("branch_id", String, INTERNAL, "the manager's branch"),
    column("weekly_capacity", Integer, INTERNAL, "customers a week the list was made for"),
    column(
        "email", String, PERSONAL, "where the weekly notification goes; empty if not delivered", nullable=True
    ),
)

decisions = table(
    "decisions",
    "run and cohort customer",
    of_run(),
    customer(primary_key=True),
    column("branch_id", String, INTERNAL, "branch of the list", nullable=True),
    column("manager_id", Id, INTERNAL, "whose list; empty on a branch's own", nullable=True),
    column("decision", String, CONFIDENTIAL, "a key of configs.published.DECISIONS"),
    column("why", String, CONFIDENTIAL, "the reason: a key of that decision's"),
    column("expected_value_minor", BigInteger, CONFIDENTIAL, "money a call is expected to keep"),
    column("rank", Integer, INTERNAL, "place on the list, from 1; empty if not listed", nullable=True),
    column("until", Date, INTERNAL, "first Monday after a cool-down or an assignment", nullable=True),
    column("assigned_on", Date, INTERNAL, "Monday of the assignment; empty without one", nullable=True),
    column("next_step_en", Text, CONFIDENTIAL, "what to do next, in English; empty for who is not listed",
            nullable=True),
    column("next_step_zh", Text, CONFIDENTIAL, "what to do next, in Chinese; likewise", nullable=True),
    ForeignKeyConstraint(["run_version", "customer_id"], ["scores.run_version", "scores.customer_id"]),
    ForeignKeyConstraint(["run_version", "manager_id"], ["managers.run_version", "managers.manager_id"]),
    Index("decisions_of_manager", "run_version", "manager_id", "rank"),
)  # fmt: skip

profiles = table(
    "profiles",
    "cohort customer of one of the newest runs",
    of_run(),
    customer(primary_key=True),
    column(
        "content",
        LargeBinary,
        PERSONAL,
        "AUM by week, maturities, bookings and contacts: serve/store/profiles.py",
    ),
    ForeignKeyConstraint(["run_version", "customer_id"], ["scores.run_version", "scores.customer_id"]),
    with_rowid=True,
)

prepared_answers = table(
    "prepared_answers",
    "cohort customer of one of the newest runs",
    of_run(ForeignKey("runs.run_version")),
    customer(primary_key=True),
    column("branch_id", String, INTERNAL, "branch in charge", nullable=True),
    column("manager_id", String, INTERNAL, "manager in charge", nullable=True),
    column("form", String(8), INTERNAL, "the release that made it; others do not use it"),
    column("en", LargeBinary, PERSONAL, "the answer in English, compressed"),
    column("zh", LargeBinary, PERSONAL, "the answer in Chinese, compressed"),
)

coverage = table(
    "coverage",
    "run, branch and manager in charge, or nobody",
    of_run(ForeignKey("runs.run_version")),
    column("branch_id", String, INTERNAL, "the customers' branch; empty where not known", primary_key=True),
    column("manager_id", Id, INTERNAL, "the manager in charge; empty for nobody", primary_key=True),
    column("customers", Integer, INTERNAL, "customers scored"),
    column("high_risk", Integer, INTERNAL, "of them those in the band high"),
    column("money_at_risk_minor", BigInteger, INTERNAL, "amount expected to leave, of all of them"),
    column("contacted", Integer, INTERNAL, "of them those reached within their tier's service interval"),
)

departures = table(
    "departures",
    "run, branch and manager who left in the 13 weeks before",
    of_run(ForeignKey("runs.run_version")),
    column("branch_id", String, INTERNAL, "the customers' branch; empty where not known", primary_key=True),
    column("manager_id", Id, INTERNAL, "the manager who left", primary_key=True),
    column("customers", Integer, INTERNAL, "scored customers left behind"),
    column("unassigned", Integer, INTERNAL, "of them those in nobody's charge now"),
    column("money_at_risk_minor", BigInteger, INTERNAL, "amount expected to leave, of all of them"),
)

figures = table(
    "figures",
    "run and what was measured of it: drift when it is published, its outcome when that is known",
    of_run(ForeignKey("runs.run_version")),
    column("name", String, INTERNAL, "outcome or drift", primary_key=True),
    column("content", Text, INTERNAL, "JSON object"),
)

current_run = table(
    "current_run",
    "store: the pointer that readers follow",
    column("slot", Integer, PUBLIC, "always 1", CheckConstraint("slot = 1"), primary_key=True,
            autoincrement=False),
    # Checked at the commit: a rerun takes its run away and writes it anew under the same pointer.
    column("run_version", Integer, INTERNAL, "the run that is served",
            ForeignKey("runs.run_version", deferrable=True, initially="DEFERRED")),
    with_rowid=True,
)  # fmt: skip

model_cards = table(
    "model_cards",
    "model that was published; outlives the runs",
    column("model_id", Id, INTERNAL, "the model", primary_key=True),
    column(
        "card",
        Text,
        INTERNAL,
        "JSON object: the sentences of each part, as pipeline/evaluation/model_card.py makes them",
    ),
    with_rowid=True,
)

contacts = table(
    "contacts",
    "outcome that a manager typed; outlives the runs",
    column("contact_id", Integer, INTERNAL, "counts up", primary_key=True),
    column("idempotency_key", String, INTERNAL, "chosen by who sends; sent again, nothing is added"),
    customer(),
    column("manager_id", Id, PERSONAL, "who called"),
    column("run_id", Id, INTERNAL, "the run of the list; kept when the run itself is gone"),
    column("outcome", String, CONFIDENTIAL, f"one of {', '.join(OUTCOMES)}",
            CheckConstraint(f"outcome IN {OUTCOMES}")),
    column("note", Text, PERSONAL, "the manager's words", nullable=True),
    column("recorded_at", DateTime, INTERNAL, "when it was recorded, in UTC"),
    UniqueConstraint("manager_id", "idempotency_key"),
    Index("contacts_of_customer", "customer_id", "recorded_at"),
    with_rowid=True,
)  # fmt: skip

opt_outs = table(
    "opt_outs",
    "customer who wants no more calls; outlives the runs",
    customer(primary_key=True),
    column("since", Date, PERSONAL, "the day from which no list may hold the customer"),
    column("contact_id", Integer, INTERNAL, "the contact in which the customer said so; empty without one",
            ForeignKey("contacts.contact_id"), nullable=True),
    with_rowid=True,
)  # fmt: skip

notifications = table(
    "notifications",
    "run and list whose reader is notified by mail, so that each is notified once",
    column("run_id", Id, INTERNAL, "the run of the list", primary_key=True),
    column("kind", String, INTERNAL, "whose list: that of a manager, or a branch's own",
            CheckConstraint("kind IN ('manager', 'branch')"), primary_key=True),
    column("number", Id, INTERNAL, "of the manager or the branch", primary_key=True),
    column("state", String, INTERNAL, "being sent, sent, or refused for good",
            CheckConstraint("state IN ('sending', 'sent', 'refused')")),
    column("at", DateTime, INTERNAL, "since when it is in that state, in UTC"),
    column("code", Integer, INTERNAL, "the mail server's answer to what was refused", nullable=True),
)  # fmt: skip

assignments = table(
    "assignments",
    "customer and assignment, of runs that were served; outlives the runs",
    customer(primary_key=True),
    column("assigned_on", Date, INTERNAL, "Monday of the assignment to list or control group",
            primary_key=True),
    column("until", Date, INTERNAL, "first Monday on which the assignment no longer holds"),
    column("control_group", Boolean, CONFIDENTIAL, "not listed, to measure the effect of calls"),
    column("run_id", Id, INTERNAL, "the run of that Monday; kept when the run itself is gone"),
    column("branch_id", String, INTERNAL, "branch of the list", nullable=True),
    column("manager_id", Id, INTERNAL, "whose list; empty on a branch's own", nullable=True),
    column("tier", String, CONFIDENTIAL, "the bank's segment by wealth on that Monday"),
    column("reason_group", String, CONFIDENTIAL, "what the first reason was about; empty without one"),
    column("risk", Float, CONFIDENTIAL, "at the longest horizon, on that Monday"),
    column("money_at_risk_minor", BigInteger, CONFIDENTIAL, "amount expected to leave, on that Monday"),
    column("attrited", Boolean, CONFIDENTIAL, "the customer left; empty until it is known", nullable=True),
    column("base_minor", BigInteger, CONFIDENTIAL, "average AUM before that Monday, by the label; likewise",
            nullable=True),
    column("lost_minor", BigInteger, CONFIDENTIAL, "the part of it that left, 0 for who stayed; likewise",
            nullable=True),
    Index("assignments_until", "until"),
)  # fmt: skip

experiment_results = table(
    "experiment_results",
    "Monday on which the effect of calls was estimated",
    column("as_of", Date, INTERNAL, "the Monday up to which outcomes were known", primary_key=True),
    column(
        "figures",
        Text,
        CONFIDENTIAL,
        "JSON object: the effect of calls, estimated by pipeline/lists/experiment.py",
    ),
    with_rowid=True,
)

# serve/store/audit.py makes and checks the hashes. Times are text, so that both databases give back the very
# characters that were hashed.
audit = table(
    "audit",
    "audit entry; rows are only ever added",
    column(
        "number", Integer, INTERNAL, "counts up from 1, without gaps", primary_key=True, autoincrement=False
    ),
    column("at", String, INTERNAL, "when, in UTC, as ISO 8601"),
    column("actor", String, PERSONAL, "who"),
    column("action", String, INTERNAL, "did what"),
    column("subject", String, PERSONAL, "to what or whom"),
    column("details", Text, PERSONAL, "JSON object"),
    column("previous", String(64), INTERNAL, "hash of the entry before"),
    column("hash", String(64), INTERNAL, "of this entry, with the bank's key"),
    with_rowid=True,
)

audit_head = table(
    "audit_head",
    "store with audit entries, so that a log cut short is noticed",
    column("slot", Integer, PUBLIC, "always 1", CheckConstraint("slot = 1"), primary_key=True,
            autoincrement=False),
    column("number", Integer, INTERNAL, "the last entry"),
    column("hash", String(64), INTERNAL, "its hash"),
    column("seal", String(64), INTERNAL, "shows that the head itself was not changed"),
    with_rowid=True,
)  # fmt: skip

# Beside the access log, not in the store: serve/auth/rate_anomaly.py counts here.
access_metadata = MetaData()
reads = table(
    "reads",
    "caller and day",
    column("actor", String, PERSONAL, "who", primary_key=True),
    column("day", String, INTERNAL, "in UTC, as ISO 8601", primary_key=True),
    column("answers", Integer, INTERNAL, "how many this caller was given about customers"),
    with_rowid=True,
    of=access_metadata,
)

# Children first: the order in which a run's rows can be deleted.
OF_A_RUN = tuple(
    table
    for table in reversed(metadata.sorted_tables)
    if "run_version" in table.c and table.name != "current_run"
)
