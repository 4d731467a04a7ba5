"""Rows belong to a numbered publication; reasons have rows of their own.

Rows are set aside, the tables made anew, and the rows put back: SQLite cannot change a key in place.
"""

import json
from collections.abc import Iterator
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BATCH = 10_000
OLD = ("current_run", "list_entries", "managers", "exclusions", "scores", "runs")
RUN = "bank, snapshot_date, model_id, base_currency, horizon_days, cohort, excluded, manifest"
SCORE = (
    "customer_id, branch_id, manager_id, tier, lifecycle_stage, marketing_opt_out, aum_minor, "
    "money_at_risk_minor, risk_band, risk_30d, risk_60d, risk_90d, risk_change, changes"
)
PARTS = {
    "exclusions": "customer_id, code",
    "managers": "manager_id, name, branch_id, weekly_capacity",
    "list_entries": "customer_id, branch_id, manager_id, rank",
}
REASON = ("reason_group", "feature", "value", "contribution", "text_en", "text_zh")
ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    _add_changes()
    _set_aside(OLD)
    _create_runs()
    _create_lists()
    numbers = "row_number() OVER (ORDER BY snapshot_date, run_id)"
    op.execute(f"INSERT INTO runs (publication, run_id, {RUN}) SELECT {numbers}, run_id, {RUN} FROM old_runs")
    for name, columns in {"scores": SCORE, **PARTS, "current_run": "slot"}.items():
        op.execute(
            f"INSERT INTO {name} (publication, {columns}) SELECT publication, {columns} FROM old_{name} "
            "JOIN (SELECT publication, run_id FROM runs) AS numbered USING (run_id)"
        )
    _unpack_reasons()
    _drop_set_aside(OLD)


def downgrade() -> None:
    _set_aside((*OLD, "reasons"))
    scripts: Any = op.get_context().script
    scripts.get_revision("0001").module.upgrade()
    op.execute(f"INSERT INTO runs (run_id, {RUN}) SELECT run_id, {RUN} FROM old_runs")
    op.execute(
        f"INSERT INTO scores (run_id, reasons, {SCORE}) SELECT run_id, '[]', {SCORE} FROM old_scores "
        "JOIN (SELECT publication, run_id FROM old_runs) AS numbered USING (publication)"
    )
    for name, columns in {**PARTS, "current_run": "slot"}.items():
        op.execute(
            f"INSERT INTO {name} (run_id, {columns}) SELECT run_id, {columns} FROM old_{name} "
            "JOIN (SELECT publication, run_id FROM old_runs) AS numbered USING (publication)"
        )
    _pack_reasons()
    _drop_set_aside((*OLD, "reasons"))


def _add_changes() -> None:
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("scores")}
    for column in (sa.Column("risk_change", sa.Float), sa.Column("changes", sa.Text)):
        if column.name not in known:
            op.add_column("scores", column)
    op.execute("UPDATE scores SET changes = '[]' WHERE changes IS NULL")


def _set_aside(names: tuple[str, ...]) -> None:
    for name in names:
        op.execute(f"CREATE TABLE old_{name} AS SELECT * FROM {name}")
        op.drop_table(name)


def _drop_set_aside(names: tuple[str, ...]) -> None:
    for name in names:
        op.drop_table(f"old_{name}")


def _unpack_reasons() -> None:
    """One row per reason, from the JSON array beside its score."""
    query = "SELECT publication, customer_id, reasons FROM old_scores JOIN runs USING (run_id)"
    names = ("publication", "customer_id", "place", *REASON)
    insert = sa.text(
        f"INSERT INTO reasons ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
    )
    for batch in _streamed(query).partitions(BATCH):
        rows = [
            {"publication": row.publication, "customer_id": row.customer_id, "place": place,
             "reason_group": reason["group"], **{name: reason[name] for name in REASON[1:]}}
            for row in batch
            for place, reason in enumerate(json.loads(row.reasons), start=1)
        ]  # fmt: skip
        if rows:
            op.get_bind().execute(insert, rows)


def _pack_reasons() -> None:
    query = (
        f"SELECT run_id, customer_id, {', '.join(REASON)} FROM old_reasons "
        "JOIN (SELECT publication, run_id FROM old_runs) AS numbered USING (publication) "
        "ORDER BY run_id, customer_id, place"
    )
    update = sa.text(
        "UPDATE scores SET reasons = :reasons WHERE run_id = :run_id AND customer_id = :customer_id"
    )
    packed = _packed(iter(_streamed(query)))
    while batch := list(islice(packed, BATCH)):
        op.get_bind().execute(update, batch)


def _packed(rows: Iterator[Any]) -> Iterator[dict[str, str]]:
    """One row per scored customer with reasons, as version 0001 kept them."""
    for (run_id, customer_id), group in groupby(rows, key=lambda row: row[:2]):
        reasons = [dict(zip(("group", *REASON[1:]), row[2:], strict=True)) for row in group]
        yield {
            "run_id": run_id,
            "customer_id": customer_id,
            "reasons": json.dumps(reasons, ensure_ascii=False),
        }


def _streamed(query: str) -> Any:
    return op.get_bind().execute(sa.text(query), execution_options={"yield_per": BATCH})


def _of_run(*rest: Any) -> Any:
    return sa.Column("publication", sa.Integer, *rest, primary_key=True)


def _customer(**options: Any) -> Any:
    return sa.Column("customer_id", ID, nullable=False, **options)


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("publication", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run_id", ID, nullable=False, unique=True),
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
        _of_run(sa.ForeignKey("runs.publication")),
        _customer(primary_key=True),
        sa.Column("branch_id", sa.String),
        sa.Column("manager_id", sa.String),
        sa.Column("tier", sa.String, nullable=False),
        sa.Column("lifecycle_stage", sa.String, nullable=False),
        sa.Column("marketing_opt_out", sa.Boolean, nullable=False),
        sa.Column("aum_minor", sa.BigInteger, nullable=False),
        sa.Column("money_at_risk_minor", sa.BigInteger, nullable=False),
        sa.Column("risk_band", sa.String, nullable=False),
        *(
            sa.Column(name, sa.Float, sa.CheckConstraint(f"{name} BETWEEN 0 AND 1"))
            for name in ("risk_30d", "risk_60d", "risk_90d")
        ),
        sa.Column("risk_change", sa.Float, sa.CheckConstraint("risk_change BETWEEN -1 AND 1")),
        sa.Column("changes", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reasons",
        _of_run(),
        _customer(primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("reason_group", sa.String, nullable=False),
        sa.Column("feature", sa.String, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("contribution", sa.Float, nullable=False),
        sa.Column("text_en", sa.Text, nullable=False),
        sa.Column("text_zh", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_lists() -> None:
    op.create_table(
        "exclusions",
        _of_run(sa.ForeignKey("runs.publication")),
        _customer(primary_key=True),
        sa.Column("code", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "managers",
        _of_run(sa.ForeignKey("runs.publication")),
        sa.Column("manager_id", ID, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("branch_id", sa.String, nullable=False),
        sa.Column("weekly_capacity", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "list_entries",
        _of_run(),
        _customer(primary_key=True),
        sa.Column("branch_id", sa.String),
        sa.Column("manager_id", ID),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["publication", "customer_id"], ["scores.publication", "scores.customer_id"]),
        sa.ForeignKeyConstraint(
            ["publication", "manager_id"], ["managers.publication", "managers.manager_id"]
        ),
        sa.Index("list_entries_of_manager", "publication", "manager_id", "rank"),
        sqlite_with_rowid=False,
    )
    pointed = sa.ForeignKey("runs.publication", deferrable=True, initially="DEFERRED")
    op.create_table(
        "current_run",
        sa.Column("slot", sa.Integer, sa.CheckConstraint("slot = 1"), primary_key=True, autoincrement=False),
        sa.Column("publication", sa.Integer, pointed, nullable=False),
    )
