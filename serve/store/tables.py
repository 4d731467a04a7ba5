"""Tables of the score store, for SQLite and PostgreSQL alike. Money in minor units (1/100).

Each column says what it means (``doc``) and how far it may travel (``info["sensitivity"]``). A change here
needs a step in serve/store/migrations; tests/serve/store/test_schema.py compares the two.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
    Table,
    Text,
    UniqueConstraint,
)

from configs.tables import Sensitivity
from serve.texts.catalogue import OUTCOMES

PUBLIC, INTERNAL, CONFIDENTIAL, PERSONAL = Sensitivity
metadata = MetaData()
# Compared by code point on both databases, as Python does; pages and deltas rest on that order.
Id = String().with_variant(String(collation="C"), "postgresql")


def _column(name: str, kind: Any, sensitivity: Sensitivity, doc: str, *rest: Any, **options: Any) -> Any:
    options = {"nullable": False} | options
    return Column(name, kind, *rest, doc=doc, info={"sensitivity": sensitivity}, **options)


def _of_run(*rest: Any) -> Any:
    return _column("publication", Integer, INTERNAL, "the run the row belongs to", *rest, primary_key=True)


def _customer(**options: Any) -> Any:
    return _column("customer_id", Id, PERSONAL, "the bank's number of the customer", **options)


def _risk(days: int) -> Any:
    doc = f"probability that the money leaves within {days} days; empty where the label does not reach"
    name = f"risk_{days}d"
    check = CheckConstraint(f"{name} BETWEEN 0 AND 1")
    return _column(name, Float, CONFIDENTIAL, doc, check, nullable=True)


runs = Table(
    "runs",
    metadata,
    _column("publication", Integer, INTERNAL, "counts publications up; a run published again gets a new one",
            primary_key=True, autoincrement=False),
    _column("run_id", Id, INTERNAL, "derived from what went in", unique=True),
    _column("bank", String, INTERNAL, "folder below configs/banks; one store holds one bank"),
    _column("snapshot_date", Date, INTERNAL, "the Monday the scores hold for"),
    _column("model_id", String, INTERNAL, "the model that scored"),
    _column("base_currency", String, INTERNAL, "currency of all money"),
    _column("horizon_days", Integer, INTERNAL, "days the longest risk looks ahead"),
    _column("cohort", Integer, INTERNAL, "customers scored"),
    _column("excluded", Text, INTERNAL, "JSON object: customers not eligible, by code"),
    _column("manifest", Text, INTERNAL, "JSON object: fingerprints of what went in"),
    info={"one_row_per": "run"},
)  # fmt: skip

scores = Table(
    "scores",
    metadata,
    _of_run(ForeignKey("runs.publication")),
    _customer(primary_key=True),
    _column("branch_id", String, INTERNAL, "branch in charge", nullable=True),
    _column("manager_id", String, INTERNAL, "manager in charge", nullable=True),
    _column("tier", String, CONFIDENTIAL, "the bank's segment by wealth"),
    _column("lifecycle_stage", String, CONFIDENTIAL, "new, growing, mature, declining or dormant"),
    _column("marketing_opt_out", Boolean, PERSONAL, "wants no calls; never listed"),
    _column("aum_minor", BigInteger, CONFIDENTIAL, "AUM on the snapshot"),
    _column("money_at_risk_minor", BigInteger, CONFIDENTIAL, "amount expected to leave"),
    _column("risk_band", String, CONFIDENTIAL, "high, medium or low"),
    _risk(30),
    _risk(60),
    _risk(90),
    _column("risk_change", Float, CONFIDENTIAL, "of the risk at the longest horizon, since the run compared with",
            CheckConstraint("risk_change BETWEEN -1 AND 1"), nullable=True),
    _column("changes", Text, CONFIDENTIAL, "JSON array: what moved the score, only ever read with it"),
    Index("scores_of_branch", "publication", "branch_id", "manager_id"),
    sqlite_with_rowid=False,
    info={"one_row_per": "run and cohort customer"},
)  # fmt: skip

# Without a foreign key: a Score and its reasons are loaded from one object. A backup looks for orphans.
reasons = Table(
    "reasons",
    metadata,
    _of_run(),
    _customer(primary_key=True),
    _column("place", Integer, INTERNAL, "1 is the weightiest reason", primary_key=True),
    _column("reason_group", String, CONFIDENTIAL, "what the reason is about"),
    _column("feature", String, CONFIDENTIAL, "the feature behind it"),
    _column("value", Float, CONFIDENTIAL, "the customer's value; empty where not known", nullable=True),
    _column("contribution", Float, CONFIDENTIAL, "in log-odds, positive is riskier"),
    _column("text_en", Text, CONFIDENTIAL, "the sentence shown, in English"),
    _column("text_zh", Text, CONFIDENTIAL, "the sentence shown, in Chinese"),
    sqlite_with_rowid=False,
    info={"one_row_per": "run, customer and reason"},
)

exclusions = Table(
    "exclusions",
    metadata,
    _of_run(ForeignKey("runs.publication")),
    _customer(primary_key=True),
    _column("code", String, CONFIDENTIAL, "why: a key of configs.published.EXCLUSION_CODES"),
    sqlite_with_rowid=False,
    info={"one_row_per": "run and customer that was not eligible"},
)

managers = Table(
    "managers",
    metadata,
    _of_run(ForeignKey("runs.publication")),
    _column("manager_id", Id, INTERNAL, "the bank's number of the manager", primary_key=True),
    _column("name", String, PERSONAL, "the manager's name; empty if not delivered"),
    _column("branch_id", String, INTERNAL, "the manager's branch"),
    _column("weekly_capacity", Integer, INTERNAL, "customers a week the list was made for"),
    _column("email", String, PERSONAL, "where the weekly notice goes; empty if not delivered", nullable=True),
    sqlite_with_rowid=False,
    info={"one_row_per": "run and manager"},
)

decisions = Table(
    "decisions",
    metadata,
    _of_run(),
    _customer(primary_key=True),
    _column("branch_id", String, INTERNAL, "branch of the list", nullable=True),
    _column("manager_id", Id, INTERNAL, "whose list; empty on a branch's own", nullable=True),
    _column("decision", String, CONFIDENTIAL, "a key of configs.published.DECISIONS"),
    _column("why", String, CONFIDENTIAL, "the reason: a key of that decision's"),
    _column("worth_minor", BigInteger, CONFIDENTIAL, "money a call is expected to keep; 0 in runs of before"),
    _column("rank", Integer, INTERNAL, "place on the list, from 1; empty for who is not listed", nullable=True),
    _column("until", Date, INTERNAL, "first Monday on which a cool-down or a lot no longer holds", nullable=True),
    _column("drawn_on", Date, INTERNAL, "Monday on which the lot was drawn; empty for who never came into question",
            nullable=True),
    _column("next_step_en", Text, CONFIDENTIAL, "what to do next, in English; empty for who is not listed",
            nullable=True),
    _column("next_step_zh", Text, CONFIDENTIAL, "what to do next, in Chinese; likewise", nullable=True),
    ForeignKeyConstraint(["publication", "customer_id"], ["scores.publication", "scores.customer_id"]),
    ForeignKeyConstraint(["publication", "manager_id"], ["managers.publication", "managers.manager_id"]),
    Index("decisions_of_manager", "publication", "manager_id", "rank"),
    sqlite_with_rowid=False,
    info={"one_row_per": "run and cohort customer"},
)  # fmt: skip

profiles = Table(
    "profiles",
    metadata,
    _of_run(),
    _customer(primary_key=True),
    _column(
        "content",
        LargeBinary,
        PERSONAL,
        "AUM by week, maturities, bookings and contacts: serve/store/profiles.py",
    ),
    ForeignKeyConstraint(["publication", "customer_id"], ["scores.publication", "scores.customer_id"]),
    info={"one_row_per": "cohort customer of one of the newest runs"},
)

answers = Table(
    "answers",
    metadata,
    _of_run(ForeignKey("runs.publication")),
    _customer(primary_key=True),
    _column("branch_id", String, INTERNAL, "branch in charge", nullable=True),
    _column("manager_id", String, INTERNAL, "manager in charge", nullable=True),
    _column("form", String(8), INTERNAL, "which release made it: FORM in serve/answers/prepared.py"),
    _column("en", LargeBinary, PERSONAL, "what is told in English, compressed"),
    _column("zh", LargeBinary, PERSONAL, "what is told in Chinese, compressed"),
    sqlite_with_rowid=False,
    info={"one_row_per": "cohort customer of one of the newest runs"},
)

coverage = Table(
    "coverage",
    metadata,
    _of_run(ForeignKey("runs.publication")),
    _column("branch_id", String, INTERNAL, "the customers' branch; empty where not known", primary_key=True),
    _column("manager_id", Id, INTERNAL, "the manager in charge; empty for nobody", primary_key=True),
    _column("customers", Integer, INTERNAL, "customers scored"),
    _column("high_risk", Integer, INTERNAL, "of them those in the band high"),
    _column("money_at_risk_minor", BigInteger, INTERNAL, "amount expected to leave, of all of them"),
    _column("contacted", Integer, INTERNAL, "of them those reached within their tier's service interval"),
    sqlite_with_rowid=False,
    info={"one_row_per": "run, branch and manager in charge, or nobody"},
)

departures = Table(
    "departures",
    metadata,
    _of_run(ForeignKey("runs.publication")),
    _column("branch_id", String, INTERNAL, "the customers' branch; empty where not known", primary_key=True),
    _column("manager_id", Id, INTERNAL, "the manager who left", primary_key=True),
    _column("customers", Integer, INTERNAL, "scored customers left behind"),
    _column("unassigned", Integer, INTERNAL, "of them those in nobody's charge now"),
    _column("money_at_risk_minor", BigInteger, INTERNAL, "amount expected to leave, of all of them"),
    sqlite_with_rowid=False,
    info={"one_row_per": "run, branch and manager who left in the 13 weeks before"},
)

figures = Table(
    "figures",
    metadata,
    _of_run(ForeignKey("runs.publication")),
    _column("name", String, INTERNAL, "outcome or drift", primary_key=True),
    _column("content", Text, INTERNAL, "JSON object"),
    sqlite_with_rowid=False,
    info={
        "one_row_per": "run and what was measured of it: drift when it is published, its outcome when that is known"
    },
)

current_run = Table(
    "current_run",
    metadata,
    _column("slot", Integer, PUBLIC, "always 1", CheckConstraint("slot = 1"), primary_key=True,
            autoincrement=False),
    # Checked at the commit: a rerun takes its run away and writes it anew under the same pointer.
    _column("publication", Integer, INTERNAL, "the run that is served",
            ForeignKey("runs.publication", deferrable=True, initially="DEFERRED")),
    info={"one_row_per": "store: the pointer that readers follow"},
)  # fmt: skip

model_cards = Table(
    "model_cards",
    metadata,
    _column("model_id", Id, INTERNAL, "the model", primary_key=True),
    _column(
        "card",
        Text,
        INTERNAL,
        "JSON object: the sentences of each part, as pipeline/evaluation/model_card.py makes them",
    ),
    info={"one_row_per": "model that was published; outlives the runs"},
)

contacts = Table(
    "contacts",
    metadata,
    _column("contact_id", Integer, INTERNAL, "counts up", primary_key=True),
    _column("idempotency_key", String, INTERNAL, "chosen by who sends; sent again, nothing is added"),
    _customer(),
    _column("manager_id", Id, PERSONAL, "who called"),
    _column("run_id", Id, INTERNAL, "the run of the list; kept when the run itself is gone"),
    _column("outcome", String, CONFIDENTIAL, f"one of {', '.join(OUTCOMES)}",
            CheckConstraint(f"outcome IN {OUTCOMES}")),
    _column("note", Text, PERSONAL, "the manager's words", nullable=True),
    _column("recorded_at", DateTime, INTERNAL, "when it was recorded, in UTC"),
    UniqueConstraint("manager_id", "idempotency_key"),
    Index("contacts_of_customer", "customer_id", "recorded_at"),
    info={"one_row_per": "outcome that a manager typed; outlives the runs"},
)  # fmt: skip

opt_outs = Table(
    "opt_outs",
    metadata,
    _customer(primary_key=True),
    _column("since", Date, PERSONAL, "the day from which no list may hold the customer"),
    _column("contact_id", Integer, INTERNAL, "the contact in which the customer said so; empty if told otherwise",
            ForeignKey("contacts.contact_id"), nullable=True),
    info={"one_row_per": "customer who wants no more calls; outlives the runs"},
)  # fmt: skip

notices = Table(
    "notices",
    metadata,
    _column("run_id", Id, INTERNAL, "the run of the list", primary_key=True),
    _column("kind", String, INTERNAL, "whose list: that of a manager, or a branch's own",
            CheckConstraint("kind IN ('manager', 'branch')"), primary_key=True),
    _column("number", Id, INTERNAL, "of the manager or the branch", primary_key=True),
    _column("state", String, INTERNAL, "claimed by who is sending it, sent, or refused for good",
            CheckConstraint("state IN ('claimed', 'sent', 'refused')")),
    _column("at", DateTime, INTERNAL, "since when it is in that state, in UTC"),
    _column("code", Integer, INTERNAL, "the mail server's answer to what was refused", nullable=True),
    sqlite_with_rowid=False,
    info={"one_row_per": "run and list whose reader is told by mail, so that each is told once"},
)  # fmt: skip

trial = Table(
    "trial",
    metadata,
    _customer(primary_key=True),
    _column("drawn_on", Date, INTERNAL, "Monday on which the customer came into question and the lot was drawn",
            primary_key=True),
    _column("until", Date, INTERNAL, "first Monday on which the lot no longer holds"),
    _column("held_out", Boolean, CONFIDENTIAL, "not listed although worth a call, to see what calls do"),
    _column("run_id", Id, INTERNAL, "the run of that Monday; kept when the run itself is gone"),
    _column("branch_id", String, INTERNAL, "branch of the list", nullable=True),
    _column("manager_id", Id, INTERNAL, "whose list; empty on a branch's own", nullable=True),
    _column("tier", String, CONFIDENTIAL, "the bank's segment by wealth on that Monday"),
    _column("reason_group", String, CONFIDENTIAL, "what the first reason was about; empty without one"),
    _column("risk", Float, CONFIDENTIAL, "at the longest horizon, on that Monday"),
    _column("money_at_risk_minor", BigInteger, CONFIDENTIAL, "amount expected to leave, on that Monday"),
    _column("attrited", Boolean, CONFIDENTIAL, "what came of it; empty until it is known", nullable=True),
    _column("base_minor", BigInteger, CONFIDENTIAL, "average AUM before that Monday, by the label; likewise",
            nullable=True),
    _column("lost_minor", BigInteger, CONFIDENTIAL, "what left of it with the customer, 0 for who stayed; likewise",
            nullable=True),
    Index("trial_until", "until"),
    sqlite_with_rowid=False,
    info={"one_row_per": "customer and lot, of runs that were served; outlives the runs"},
)  # fmt: skip

effects = Table(
    "effects",
    metadata,
    _column("as_of", Date, INTERNAL, "the Monday up to which outcomes were known", primary_key=True),
    _column("figures", Text, CONFIDENTIAL, "JSON object: what calls do, as the command effect estimates it"),
    info={"one_row_per": "Monday on which the effect of calls was estimated"},
)

# serve/store/audit.py makes and checks the hashes. Times are text, so that both databases give back the very
# characters that were hashed.
audit = Table(
    "audit",
    metadata,
    _column(
        "number", Integer, INTERNAL, "counts up from 1, without gaps", primary_key=True, autoincrement=False
    ),
    _column("at", String, INTERNAL, "when, in UTC, as ISO 8601"),
    _column("actor", String, PERSONAL, "who"),
    _column("action", String, INTERNAL, "did what"),
    _column("subject", String, PERSONAL, "to what or whom"),
    _column("details", Text, PERSONAL, "JSON object"),
    _column("previous", String(64), INTERNAL, "hash of the entry before"),
    _column("hash", String(64), INTERNAL, "of this entry, with the bank's key"),
    info={"one_row_per": "audit entry; rows are only ever added"},
)

audit_head = Table(
    "audit_head",
    metadata,
    _column("slot", Integer, PUBLIC, "always 1", CheckConstraint("slot = 1"), primary_key=True,
            autoincrement=False),
    _column("number", Integer, INTERNAL, "the last entry"),
    _column("hash", String(64), INTERNAL, "its hash"),
    _column("seal", String(64), INTERNAL, "shows that the head itself was not changed"),
    info={"one_row_per": "store with audit entries, so that a log cut short is noticed"},
)  # fmt: skip

# Beside the access log, not in the store: serve/auth/rate_anomaly.py counts here.
access_metadata = MetaData()
reads = Table(
    "reads",
    access_metadata,
    _column("actor", String, PERSONAL, "who", primary_key=True),
    _column("day", String, INTERNAL, "in UTC, as ISO 8601", primary_key=True),
    _column("answers", Integer, INTERNAL, "how many this caller was given about customers"),
    info={"one_row_per": "caller and day"},
)

# Children first: the order in which a run's rows can be deleted.
OF_A_RUN = (
    figures,
    departures,
    coverage,
    answers,
    profiles,
    decisions,
    exclusions,
    managers,
    reasons,
    scores,
    runs,
)
