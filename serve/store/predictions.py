"""The prediction of a run for each customer, and whether a list had called on them; for the comparison with
outcomes."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from configs.published import risk_name
from serve.store import tables
from serve.store.read_session import same_customer

PREDICTION = ("customer_id", "branch_id", "tier", "risk_band", "reason_group", "lifecycle_stage", "risk",
              "unlisted")  # columns of predictions  # fmt: skip


def predictions(connection: Connection, run_version: int, days: int) -> Sequence[Row[Any]]:
    """One row per scored customer, by customer_id: groups, risk within ``days`` days, and ``unlisted``.

    ``unlisted`` is true for who was not on a list on that Monday, nor assigned to one that a call may have
    come from; the control group counts as unlisted.
    """
    scores, decisions, assignments = tables.scores, tables.decisions, tables.assignments
    first_reason = and_(same_customer(scores, tables.reasons), tables.reasons.c.place == 1)
    of_decision = and_(
        assignments.c.customer_id == decisions.c.customer_id,
        assignments.c.assigned_on == decisions.c.assigned_on,
    )
    in_control_group = or_(
        decisions.c.decision == "held_out", func.coalesce(assignments.c.control_group, False)
    )
    unlisted = or_(decisions.c.assigned_on.is_(None), in_control_group)
    query = (
        select(
            scores.c.customer_id,
            scores.c.branch_id,
            scores.c.tier,
            scores.c.risk_band,
            func.coalesce(tables.reasons.c.reason_group, "").label("reason_group"),
            scores.c.lifecycle_stage,
            scores.c[risk_name(days)].label("risk"),
            and_(decisions.c.decision != "listed", unlisted).label("unlisted"),
        )
        .join(decisions, same_customer(scores, decisions))
        .outerjoin(assignments, of_decision)
        .outerjoin(tables.reasons, first_reason)
        .where(scores.c.run_version == run_version)
        .order_by(scores.c.customer_id)
    )
    return connection.execute(query).all()


def listed_between(connection: Connection, after: date, before: date, days: int) -> dict[str, float]:
    """The risk within ``days`` days of each customer listed on a Monday between two days, on the first such
    Monday, by customer_id."""
    runs, scores, decisions = tables.runs, tables.scores, tables.decisions
    query = (
        select(scores.c.customer_id, scores.c[risk_name(days)])
        .join(decisions, same_customer(scores, decisions))
        .join(runs, runs.c.run_version == scores.c.run_version)
        .where(runs.c.snapshot_date > after, runs.c.snapshot_date < before, decisions.c.rank.is_not(None))
        .order_by(runs.c.snapshot_date, runs.c.run_version)
    )
    risks: dict[str, float] = {}
    for customer_id, risk in connection.execute(query):
        risks.setdefault(customer_id, risk)
    return risks
