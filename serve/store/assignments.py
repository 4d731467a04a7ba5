"""The experiment's rows: customers on the list or in the control group, their outcomes, the results.

Every function belongs to the caller's transaction.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from configs.call_lists import Assignment, CallList
from configs.published import Run, Score
from serve.store import tables
from serve.store.rows import dump

OUTCOME = ("attrited", "base_minor", "lost_minor", "reached")
EARLY = "left_early"  # an outcome of its own, known before the others
# The columns that the experiment is estimated from.
EXPERIMENT = ("customer_id", "assigned_on", "control_group", "manager_id", "reason_group", "risk", "attrited",
              "base_minor", "lost_minor", "reached", "money_at_risk_minor", "lifecycle_stage", "risk_30d",
              "movable", "channel", "left_early")  # fmt: skip


def write(connection: Connection, run: Run, scores: Iterable[Score], lists: Iterable[CallList]) -> None:
    """Writes the assignments of the run's Monday, in place of those of an earlier run of that Monday."""
    connection.execute(
        delete(tables.assignments).where(tables.assignments.c.assigned_on == run.snapshot_date)
    )
    rows = rows_of(run, scores, lists)
    if rows:
        connection.execute(insert(tables.assignments), rows)


def rows_of(run: Run, scores: Iterable[Score], lists: Iterable[CallList]) -> list[dict[str, Any]]:
    """One row per customer assigned by the run's own lists, not by those of a Monday before."""
    by_id = {score.customer_id: score for score in scores}
    return [
        {
            "customer_id": decision.customer_id,
            "assigned_on": run.snapshot_date,
            "until": decision.until,
            "control_group": decision.decision == "held_out",
            "run_id": run.run_id,
            "branch_id": decision.branch_id,
            "manager_id": decision.manager_id,
            "tier": (score := by_id[decision.customer_id]).tier,
            "reason_group": score.reasons[0].group if score.reasons else "",
            "risk": score.risk,
            "channel": decision.channel,
            "money_at_risk_minor": score.money_at_risk_minor,
            "lifecycle_stage": score.lifecycle_stage,
            "risk_30d": score.risk_30d,
            "movable": score.movable,
        }
        for call_list in lists
        for decision in call_list.decisions
        if decision.assigned_on == run.snapshot_date
    ]


def holding(connection: Connection, monday: date) -> dict[str, Assignment]:
    """The assignments made before ``monday`` that still hold on it, by customer_id."""
    assignments = tables.assignments
    columns = (assignments.c[name] for name in ("customer_id", "assigned_on", "until", "control_group"))
    query = select(*columns).where(assignments.c.until > monday, assignments.c.assigned_on < monday)
    return {customer_id: Assignment(*values) for customer_id, *values in connection.execute(query)}


def assigned_last(connection: Connection, since: date, monday: date) -> frozenset[str]:
    """The customers listed or in the control group in the latest run from ``since`` to before ``monday``."""
    runs, decisions = tables.runs, tables.decisions
    latest = (
        select(runs.c.run_version)
        .where(runs.c.snapshot_date < monday, runs.c.snapshot_date >= since)
        .order_by(runs.c.snapshot_date.desc(), runs.c.run_version.desc())
        .limit(1)
    )
    query = select(decisions.c.customer_id).where(
        decisions.c.run_version == latest.scalar_subquery(),
        decisions.c.decision.in_(("listed", "held_out")),
    )
    return frozenset(connection.scalars(query))


def experiment_rows(connection: Connection, since: date = date.min) -> Sequence[Row[Any]]:
    """One row per assignment made since a day, by customer and Monday; columns of ``tables.assignments``."""
    assignments = tables.assignments
    query = select(*(assignments.c[name] for name in EXPERIMENT)).where(assignments.c.assigned_on >= since)
    return connection.execute(query.order_by(assignments.c.customer_id, assignments.c.assigned_on)).all()


def clear(connection: Connection, assigned_on: date, columns: Iterable[str] = OUTCOME) -> None:
    """Takes back these outcomes of one Monday's assignments."""
    assignments = tables.assignments
    nothing = dict.fromkeys(columns)
    connection.execute(update(assignments).where(assignments.c.assigned_on == assigned_on).values(nothing))


def fill(connection: Connection, assigned_on: date, outcomes: Mapping[str, Mapping[str, Any]]) -> int:
    """Writes the outcomes of one Monday's assignments, by customer_id; the number of assignments filled.

    An outcome holds the columns of OUTCOME, ``lost_minor`` being what left, 0 for who stayed; or one that is
    known at another time.
    """
    assignments = tables.assignments
    query = select(assignments.c.customer_id).where(assignments.c.assigned_on == assigned_on)
    rows = [{"who": name, **outcomes[name]} for name in connection.scalars(query) if name in outcomes]
    if rows:
        filled = update(assignments).where(
            assignments.c.customer_id == bindparam("who"), assignments.c.assigned_on == assigned_on
        )
        connection.execute(filled, rows)
    return len(rows)


def write_result(connection: Connection, as_of: date, figures: Mapping[str, Any]) -> None:
    """Writes the effect of calls as estimated before ``as_of``, in place of an earlier estimate."""
    results = tables.experiment_results
    connection.execute(delete(results).where(results.c.as_of == as_of))
    connection.execute(insert(results).values(as_of=as_of, figures=dump(figures, sort_keys=True)))


def remove_results_after(connection: Connection, monday: date) -> None:
    """Removes estimates as of a later day: no run has seen it."""
    results = tables.experiment_results
    connection.execute(delete(results).where(results.c.as_of > monday))


def latest_result(connection: Connection) -> dict[str, Any] | None:
    """The newest estimate of the effect of calls by pipeline/lists/experiment.py; None before the first."""
    results = tables.experiment_results
    text = connection.scalar(select(results.c.figures).order_by(results.c.as_of.desc()).limit(1))
    return None if text is None else json.loads(text)
