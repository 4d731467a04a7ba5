"""What being on the lists does: outcomes of the lots filled in, listed against held out, kept for whoever shows it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from math import isfinite
from typing import Any

import numpy as np

from configs.published import Helpfulness
from configs.settings import Settings
from models import experiment
from models.experiment import Arm, Difference, Experiment, response_rate
from pipeline.artefacts import Home
from pipeline.context import Context
from pipeline.snapshots.build import build_outcomes, read_partition
from pipeline.tables import Ingested
from serve.store import assignments as trial
from serve.store.assignments import Came, Lot
from serve.store.store import Store

LOOK_BACK = timedelta(weeks=104)  # older lots say little of today's calls, and would fill the memory
RATE_WEEKS = 13  # the present rate of new lots is that of the last quarter


def run_effect(bank: Context, tables: Ingested, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Follows up the lots, estimates what calls do and keeps it in the store; the figures."""
    as_of = tables.last_day + timedelta(days=1)
    with Store(bank.home.store) as store:
        follow_up(bank.settings, bank.home, tables, store, progress)
        with store.write() as connection:
            found = figures(bank.settings, trial.lots(connection, as_of - LOOK_BACK), as_of)
            trial.keep_effect(connection, as_of, found)
    return found


def follow_up(
    settings: Settings,
    home: Home,
    tables: Ingested,
    store: Store,
    progress: Callable[[int, int], None],
) -> int:
    """Fills in what came of lots whose window has closed in the data; how many."""
    end = tables.last_day + timedelta(days=1)
    with store.write() as connection:
        matured = [day for day in trial.waiting(connection) if settings.label.timeline(day).matured(end)]
    build_outcomes(settings, home, tables, matured, end, progress)
    came = {day: outcomes(home, day) for day in matured}
    with store.write() as connection:
        return sum(trial.fill(connection, day, came[day]) for day in matured)


def outcomes(home: Home, day: date) -> dict[str, Came]:
    """By customer_id what the labels of one Monday say."""
    labels = read_partition(home, "labels", [day])
    attrited = labels["attrited"].to_numpy() == 1
    base = np.rint(labels["aum_base"].to_numpy() * 100)
    lost = np.rint(base * labels["outflow_share"].to_numpy() * attrited)
    rows = zip(attrited.tolist(), base.astype(np.int64).tolist(), lost.astype(np.int64).tolist(), strict=True)
    return {name: Came(*row) for name, row in zip(labels["customer_id"], rows, strict=True)}


def trial_weeks(settings: Settings) -> int:
    """Whole weeks from a Monday until the outcome of what was decided on it is known."""
    return -(-(settings.label.lead_days + settings.label.horizon_days) // 7)


def helpfulness(settings: Settings, lots: Sequence[Lot], monday: date) -> Helpfulness:
    """How likely a call helps, as learnt from the lots whose outcome was known by ``monday``."""
    matured = [one for one in lots if settings.label.timeline(one.drawn_on).matured(monday)]
    return response_rate(known(matured), settings.profit, settings.lists.min_group)


def known(lots: Sequence[Lot]) -> Experiment:
    """The lots whose outcome is known, as arrays; money in base currency."""
    came = [one for one in lots if one.attrited is not None]
    return Experiment(
        control=np.array([one.held_out for one in came], dtype=bool),
        attrited=np.array([one.attrited for one in came], dtype=bool),
        base=np.array([one.base_minor or 0 for one in came], dtype=np.float64) / 100,
        lost=np.array([one.lost_minor or 0 for one in came], dtype=np.float64) / 100,
        risk=np.array([one.risk for one in came], dtype=np.float64),
        manager=np.array([one.manager_id or "" for one in came], dtype=str),
        reason=np.array([one.reason_group for one in came], dtype=str),
    )


def figures(settings: Settings, lots: Sequence[Lot], as_of: date) -> dict[str, Any]:
    """What the effect page shows, plain numbers and text.

    ``customers`` and ``money`` are None as long as either arm is empty; ``by_reason`` and ``by_manager`` hold only
    groups of at least ``lists.min_group`` lots; ``power`` says what could be seen at all, and when.
    """
    rows, least = known(lots), settings.lists.min_group
    both = 0 < rows.control.sum() < len(rows)
    helps = response_rate(rows, settings.profit, least)
    return {
        "as_of": as_of.isoformat(),
        "currency": settings.base_currency,
        "known": len(rows),
        "waiting": len(lots) - len(rows),
        "customers": _shown(experiment.difference_in_customers(rows)) if both else None,
        "money": _shown(experiment.difference_in_money(rows)) if both else None,
        "power": _power(settings, lots, rows, as_of),
        "by_reason": _groups(rows, "reason", least),
        "by_manager": _groups(rows, "manager", least),
        "helpfulness": {"overall": helps.overall, "by_reason": dict(helps.by_reason)},
    }


def _power(settings: Settings, lots: Sequence[Lot], rows: Experiment, as_of: date) -> dict[str, Any]:
    """What difference such a trial shows in 80 of 100 cases, what a call is set to do, and when that can be seen."""
    left = float(rows.attrited.mean()) if len(rows) else float(np.mean([one.risk for one in lots] or [0.0]))
    expected = settings.profit.success_rate * left
    held_out = int(rows.control.sum())
    recent = as_of - timedelta(weeks=RATE_WEEKS)
    since = max(recent, min((one.drawn_on for one in lots), default=recent))
    a_week = sum(one.drawn_on >= since for one in lots) / max((as_of - since).days / 7, 1)
    share = settings.lists.held_out
    needed = experiment.assignments_needed(left, expected, held_out / len(rows) if held_out else share)
    visible = experiment.least_visible(left, len(rows) - held_out, held_out)
    return {
        "left": left,
        "expected": expected,
        "visible": visible if isfinite(visible) else None,
        "needed": round(needed) if isfinite(needed) else None,
        "a_week": a_week,
        "weeks_to_go": experiment.weeks_to_go(
            needed, len(rows), len(lots) - len(rows), a_week, trial_weeks(settings)
        ),
    }


def _groups(rows: Experiment, kind: str, least: int) -> dict[str, Any]:
    groups = experiment.by_group(rows, getattr(rows, kind), least)
    return {name: _shown(experiment.difference_in_customers(members)) for name, members in groups if name}


def _shown(kept: Difference) -> dict[str, Any]:
    return {
        "listed": _arm(kept.listed),
        "held_out": _arm(kept.control),
        "difference": [kept.difference, kept.low, kept.high],
        "kept": list(kept.total),
    }


def _arm(arm: Arm) -> Mapping[str, float]:
    return {"lots": arm.assignments, "left": arm.share}
