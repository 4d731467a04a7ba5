"""Tables of the score store, for SQLite and PostgreSQL alike. Money in minor units; no run is overwritten."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()


def _of_run() -> Column[str]:
    return Column("run_id", String, ForeignKey("runs.run_id"), primary_key=True)


# One row per run; excluded (counts by code) and manifest are JSON objects.
runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("bank", String, nullable=False),
    Column("snapshot_date", Date, nullable=False),
    Column("model_id", String, nullable=False),
    Column("base_currency", String, nullable=False),
    Column("horizon_days", Integer, nullable=False),
    Column("cohort", Integer, nullable=False),
    Column("excluded", Text, nullable=False),
    Column("manifest", Text, nullable=False),
)

# One row per run and cohort customer. Reasons and changes are JSON arrays in the row: they are only ever read with
# their score, and a table of their own would be three times as many rows to write and join.
scores = Table(
    "scores",
    metadata,
    _of_run(),
    Column("customer_id", String, primary_key=True),
    Column("branch_id", String),
    Column("manager_id", String),
    Column("tier", String, nullable=False),
    Column("lifecycle_stage", String, nullable=False),
    Column("marketing_opt_out", Boolean, nullable=False),
    Column("aum_minor", BigInteger, nullable=False),
    *(
        Column(name, Float, CheckConstraint(f"{name} BETWEEN 0 AND 1"))
        for name in ("risk_30d", "risk_60d", "risk_90d")
    ),
    Column("money_at_risk_minor", BigInteger, nullable=False),
    Column("risk_band", String, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("risk_change", Float, CheckConstraint("risk_change BETWEEN -1 AND 1")),
    Column("changes", Text),
)

# One row per run and customer that was not eligible.
exclusions = Table(
    "exclusions",
    metadata,
    _of_run(),
    Column("customer_id", String, primary_key=True),
    Column("code", String, nullable=False),
)

# One row per run and manager, with the capacity the list was made for.
managers = Table(
    "managers",
    metadata,
    _of_run(),
    Column("manager_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("branch_id", String, nullable=False),
    Column("weekly_capacity", Integer, nullable=False),
)

# One row per run and listed customer; manager_id is empty on a branch's own list. Ranks begin at 1.
list_entries = Table(
    "list_entries",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("customer_id", String, primary_key=True),
    Column("branch_id", String),
    Column("manager_id", String),
    Column("rank", Integer, nullable=False),
    ForeignKeyConstraint(["run_id", "customer_id"], ["scores.run_id", "scores.customer_id"]),
    ForeignKeyConstraint(["run_id", "manager_id"], ["managers.run_id", "managers.manager_id"]),
    Index("list_entries_of_manager", "run_id", "manager_id", "rank"),
)

# The pointer that readers follow: at most one row, with slot 1.
current_run = Table(
    "current_run",
    metadata,
    Column("slot", Integer, CheckConstraint("slot = 1"), primary_key=True, autoincrement=False),
    # Checked at the commit: a rerun takes its run away and writes it anew under the same pointer.
    Column(
        "run_id", String, ForeignKey("runs.run_id", deferrable=True, initially="DEFERRED"), nullable=False
    ),
)

# One row per audit entry, numbered from 1; rows are only ever added. serve/audit.py makes and checks the hashes.
# Times are text, so that both databases give back the very characters that were hashed; details are JSON.
audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# At most one row, with slot 1: the last audit entry, so that a log cut short is noticed.
audit_head = Table(
    "audit_head",
    metadata,
    Column("slot", Integer, CheckConstraint("slot = 1"), primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("seal", String(64), nullable=False),
)

# Children first: the order in which a run's rows can be deleted.
OF_A_RUN = (list_entries, exclusions, managers, scores, runs)
