"""The effect of calls by experiment: outcomes filled in, the listed against the control group."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Row

from configs.published import ResponseRate
from configs.settings import Settings
from models import experiment
from models.experiment import Experiment
from pipeline.artefacts import Home
from pipeline.context import Context
from pipeline.snapshots.build import build_outcomes, read_partition
from pipeline.tables import Ingested
from serve.store import assignments
from serve.store.store import Store

LOOK_BACK = timedelta(weeks=104)  # older assignments say little of today's calls, and would fill the memory
RATE_WEEKS = 13  # the present rate of new assignments is that of the last quarter


def run_effect(bank: Context, tables: Ingested, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The effect of calls, estimated once outcomes are filled in, and written to the store."""
    as_of = tables.last_day + timedelta(days=1)
    with Store(bank.home.store) as store:
        follow_up(bank.settings, bank.home, tables, store, progress)
        with store.write() as connection:
            rows = assignments.experiment_rows(connection, as_of - LOOK_BACK)
            result = figures(bank.settings, rows, as_of)
            assignments.write_result(connection, as_of, result)
    return result


def follow_up(
    settings: Settings,
    home: Home,
    tables: Ingested,
    store: Store,
    progress: Callable[[int, int], None],
) -> int:
    """The number of outcomes filled in: of assignments whose window has closed in the data."""
    end = tables.last_day + timedelta(days=1)
    with store.write() as connection:
        waiting = assignments.waiting(connection)
    matured = [day for day in waiting if settings.label.timeline(day).matured(end)]
    build_outcomes(settings, home, tables, matured, end, progress)
    observed = {day: outcomes(home, day) for day in matured}
    with store.write() as connection:
        return sum(assignments.fill(connection, day, observed[day]) for day in matured)


def outcomes(home: Home, day: date) -> dict[Any, dict[Any, Any]]:
    """The outcomes by customer_id, from the labels of one Monday; money in minor units."""
    labels = read_partition(home, "labels", [day])
    attrited = labels["attrited"].to_numpy() == 1
    base = np.rint(labels["aum_base"].to_numpy() * 100)
    lost = np.rint(base * labels["outflow_share"].to_numpy() * attrited)
    money = {"base_minor": base.astype(np.int64), "lost_minor": lost.astype(np.int64)}
    return pd.DataFrame({"attrited": attrited} | money, index=labels["customer_id"]).to_dict("index")


def response_rate(settings: Settings, rows: Sequence[Row[Any]], monday: date) -> ResponseRate:
    """The response rate learnt from the assignments whose outcome was known by ``monday``."""
    matured = [row for row in rows if settings.label.timeline(row.assigned_on).matured(monday)]
    return experiment.response_rate(observed_rows(matured), settings.profit, settings.lists.min_group)


def observed_rows(rows: Sequence[Row[Any]]) -> Experiment:
    """The assignments whose outcome is known, as arrays; money in base currency."""
    observed = [row for row in rows if row.attrited is not None]
    return Experiment(
        control=np.array([row.control_group for row in observed], dtype=bool),
        attrited=np.array([row.attrited for row in observed], dtype=bool),
        base=np.array([row.base_minor or 0 for row in observed], dtype=np.float64) / 100,
        lost=np.array([row.lost_minor or 0 for row in observed], dtype=np.float64) / 100,
        risk=np.array([row.risk for row in observed], dtype=np.float64),
        manager=np.array([row.manager_id or "" for row in observed], dtype=str),
        reason=np.array([row.reason_group for row in observed], dtype=str),
    )


def figures(settings: Settings, rows: Sequence[Row[Any]], as_of: date) -> dict[str, Any]:
    """The figures of the effect page: plain numbers and text.

    ``customers`` and ``money`` are None as long as either arm is empty; ``by_reason`` and ``by_manager`` hold
    groups of at least ``lists.min_group`` assignments; ``power`` has the size of an effect that can be seen.
    """
    observed, least = observed_rows(rows), settings.lists.min_group
    both = 0 < observed.control.sum() < len(observed)
    rate = experiment.response_rate(observed, settings.profit, least)
    return {
        "as_of": as_of.isoformat(),
        "currency": settings.base_currency,
        "known": len(observed),
        "waiting": len(rows) - len(observed),
        "customers": experiment.difference_in_customers(observed) if both else None,
        "money": experiment.difference_in_money(observed) if both else None,
        "power": _power(settings, rows, observed, as_of),
        "by_reason": _groups(observed, "reason", least),
        "by_manager": _groups(observed, "manager", least),
        "response_rate": {"overall": rate.overall, "by_reason": dict(rate.by_reason)},
    }


def _power(settings: Settings, rows: Sequence[Row[Any]], observed: Experiment, as_of: date) -> dict[str, Any]:
    """The difference seen in 80 of 100 such experiments, the one expected, and the weeks until it is seen."""
    count, control, waiting = len(observed), int(observed.control.sum()), len(rows) - len(observed)
    left = float(observed.attrited.mean()) if count else float(np.mean([row.risk for row in rows] or [0.0]))
    expected = settings.profit.success_rate * left
    recent = as_of - timedelta(weeks=RATE_WEEKS)
    since = max(recent, min((row.assigned_on for row in rows), default=recent))
    a_week = sum(row.assigned_on >= since for row in rows) / max((as_of - since).days / 7, 1)
    share = control / count if control else settings.lists.control_group_share
    needed = experiment.assignments_needed(left, expected, share)
    visible = experiment.least_visible(left, count - control, control)
    return {
        "left": left,
        "expected": expected,
        "visible": visible if isfinite(visible) else None,
        "needed": round(needed) if isfinite(needed) else None,
        "a_week": a_week,
        "weeks_to_go": experiment.weeks_to_go(needed, count, waiting, a_week, settings.label.weeks_to_close),
    }


def _groups(observed: Experiment, kind: str, least: int) -> dict[str, Any]:
    groups = experiment.by_group(observed, getattr(observed, kind), least)
    return {name: experiment.difference_in_customers(members) for name, members in groups if name}
