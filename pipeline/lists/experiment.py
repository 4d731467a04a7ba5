"""The effect of calls by experiment: outcomes filled in, the listed against the control group."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import isfinite, nan
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from configs.call_lists import CallList
from configs.settings import Settings
from models import experiment
from models.experiment import Experiment
from pipeline.artefacts import Home
from pipeline.context import Context
from pipeline.gates.sources import data_through
from pipeline.ingest.renumbered import newest_numbers
from pipeline.lists import responses
from pipeline.lists.reached import reached_within
from pipeline.lists.responses import EARLY as EARLY_DAYS
from pipeline.lists.responses import early_outcomes
from pipeline.monitoring.matured import Matured, read_matured
from pipeline.scoring.score import Publication
from pipeline.snapshots.build import build_outcomes, read_partition
from pipeline.snapshots.labelled import at_horizon, with_outcome
from pipeline.tables import Ingested
from serve.store import assignments
from serve.store.assignments import EARLY, OUTCOME
from serve.store.read_session import served
from serve.store.store import Store

LOOK_BACK = timedelta(weeks=104)  # older assignments say little of today's calls, and would fill the memory
RATE_WEEKS = 13  # the present rate of new assignments is that of the last quarter


@dataclass(frozen=True)
class Effect:
    """The effect of calls as known before one Monday; the store does not hold it before ``write_effect``.

    ``observed`` are outcomes by the Monday of their assignments and customer_id, empty for a Monday whose
    outcomes in the store are not known after all; ``early`` likewise, who left within 30 days. ``rows`` are
    all assignments with both. ``matured`` has published Mondays.
    ``newest`` is the latest Monday of a run: estimates as of a later day are mistaken. ``figures`` count the
    assignments of the Monday itself too.
    """

    as_of: date
    newest: date
    observed: Mapping[date, Mapping[str, Mapping[str, Any]]]
    early: Mapping[date, Mapping[str, bool]]
    rows: tuple[Any, ...]
    matured: Sequence[Matured]
    figures: Mapping[str, Any]


def estimate_effect(
    bank: Context, tables: Ingested, monday: date, progress: Callable[[int, int], None]
) -> Effect:
    """The effect of calls by what had happened and was known before ``monday``."""
    with Store(bank.home.store) as store, store.write() as connection:
        rows = assignments.experiment_rows(connection, monday - LOOK_BACK)
        last, current = assignments.latest_result(connection), served(connection)
    newest = max(monday, current.snapshot_date) if current else monday
    observed = follow_up(bank, tables, (monday, newest), rows, last, progress)
    reach = data_through(tables, monday), has_changed(tables, last)
    early = early_outcomes(bank, tables, rows, reach, progress)
    of_monday = tuple(row for row in rows if row.assigned_on == monday)
    later, later_early = known_later(bank.settings, tables, rows, monday)
    both = later | observed, later_early | early
    rows = tuple(with_known_outcome(row, *both) for row in rows if row.assigned_on < monday)
    if bank.settings.label.definition == "delivered":  # whoever gets no label is waited for in vain
        closes = bank.settings.label.timeline
        known = {*with_outcome(bank.settings, tables, {row.assigned_on for row in rows}, monday)}
        rows = tuple(
            row
            for row in rows
            if not closes(row.assigned_on).matured(monday)
            or (row.assigned_on in known and row.attrited is not None)
        )
    matured = read_matured(bank.home, bank.settings.label, monday)
    result = figures(bank.settings, (*rows, *of_monday), monday, matured) | {"seen": tables.as_of(monday)}
    return Effect(monday, newest, observed, early, rows, matured, result)


def with_assignments(
    settings: Settings, effect: Effect, publication: Publication, lists: Sequence[CallList]
) -> Effect:
    """The effect as it is published with ``lists``: their own assignments are among those that wait."""
    rows = assignments.rows_of(publication.run, publication.scores, lists)
    waiting = (SimpleNamespace(**row, **dict.fromkeys((*OUTCOME, EARLY))) for row in rows)
    known = figures(settings, (*effect.rows, *waiting), effect.as_of, effect.matured)
    return replace(effect, figures={**effect.figures, **known})


def write_effect(connection: Connection, effect: Effect) -> None:
    """Fill in the outcomes, correct those that were filled in wrongly, and write the result."""
    for day, observed in effect.observed.items():
        assignments.clear(connection, day)
        assignments.fill(connection, day, observed)
    for day, left_early in effect.early.items():
        assignments.clear(connection, day, [EARLY])
        assignments.fill(connection, day, {name: {EARLY: left} for name, left in left_early.items()})
    assignments.remove_results_after(connection, effect.newest)
    assignments.write_result(connection, effect.as_of, effect.figures)


def run_effect(bank: Context, tables: Ingested, progress: Callable[[int, int], None]) -> Mapping[str, Any]:
    """The effect of calls before the newest published Monday, written to the store."""
    with Store(bank.home.store) as store:
        monday = store.latest_run().snapshot_date
        effect = estimate_effect(bank, tables, monday, progress)
        with store.write() as connection:
            write_effect(connection, effect)
    return effect.figures


def follow_up(
    bank: Context,
    tables: Ingested,
    mondays: tuple[date, date],
    rows: Sequence[Any],
    last: Mapping[str, Any] | None,
    progress: Callable[[int, int], None],
) -> dict[date, dict[str, dict[str, Any]]]:
    """By Monday, outcomes to fill in or to correct; empty for those that the store holds too early.

    Outcomes are told again where the tables no longer show what the last estimate saw. ``mondays`` are this
    one and the newest of a run: a past week that is filled in must not undo what is known since.
    """
    monday, newest = mondays
    end = data_through(tables, monday)
    changed = has_changed(tables, last)
    known = {row.assigned_on for row in rows if row.attrited is not None}
    waiting = {row.assigned_on for row in rows if row.attrited is None or row.reached is None}
    due = with_outcome(bank.settings, tables, sorted(waiting | (known if changed else set())), end)
    build_outcomes(bank.settings, bank.home, tables, due, end, progress)
    latest = end if changed and monday == newest else newest
    too_early = known - {*with_outcome(bank.settings, tables, known, latest)}
    numbers = newest_numbers(tables)  # an assignment keeps the number under which it was published
    windows = {day: (day, bank.settings.label.timeline(day).outcome_end) for day in due}
    reached = reached_within(tables, bank.settings.lists, monday, windows)
    known_outcomes = {day: numbers.with_old(outcomes(bank.home, day, reached[day])) for day in due}
    return {day: {} for day in sorted(too_early)} | known_outcomes


def known_later(
    settings: Settings, tables: Ingested, rows: Iterable[Any], monday: date
) -> tuple[dict[date, dict[str, Any]], dict[date, dict[str, Any]]]:
    """By Monday no outcomes, and no early ones, where ``monday`` cannot know them yet.

    The store has some all the same, from later runs, once a past week is run again.
    """
    days, end = sorted({row.assigned_on for row in rows}), data_through(tables, monday)
    known = with_outcome(settings, tables, days, end)
    early = at_horizon(settings, min(EARLY_DAYS, settings.label.horizon_days)).label.timeline
    no_early = {day: dict[str, Any]() for day in days if not early(day).matured(end)}
    return {day: {} for day in days if day not in known}, no_early


def has_changed(tables: Ingested, last: Mapping[str, Any] | None) -> bool:
    """True where the tables no longer show what the last estimate saw."""
    return last is not None and last.get("seen") != tables.as_of(date.fromisoformat(last["as_of"]))


def with_known_outcome(
    row: Any,
    observed: Mapping[date, Mapping[str, Mapping[str, Any]]],
    early: Mapping[date, Mapping[str, bool]] = MappingProxyType({}),
) -> Any:
    """The assignment with its outcomes as known now; without one where it is not known after all."""
    day, outcome = row.assigned_on, dict[str, Any]()
    if day in observed:
        outcome |= observed[day].get(row.customer_id, dict.fromkeys(OUTCOME))
    if day in early:
        outcome[EARLY] = early[day].get(row.customer_id)
    return SimpleNamespace(**row._asdict() | outcome) if outcome else row


def outcomes(home: Home, day: date, reached: Container[str] = ()) -> dict[Any, dict[Any, Any]]:
    """The outcomes by customer_id, from the labels of one Monday; money in minor units.

    ``reached``: who was reached within the outcome window.
    """
    labels = read_partition(home, "labels", [day])
    attrited = labels["attrited"].to_numpy() == 1
    base = np.rint(labels["aum_base"].to_numpy() * 100)
    lost = np.rint(base * labels["outflow_share"].to_numpy() * attrited)
    money = {"base_minor": base.astype(np.int64), "lost_minor": lost.astype(np.int64)}
    met = {"reached": [name in reached for name in labels["customer_id"]]}
    return pd.DataFrame({"attrited": attrited} | money | met, index=labels["customer_id"]).to_dict("index")


def observed_rows(rows: Sequence[Any]) -> Experiment:
    """The assignments whose outcome is known, as arrays by assignment; money in base currency."""
    observed = [row for row in rows if row.attrited is not None]
    observed.sort(key=lambda row: (row.assigned_on, row.customer_id))
    return Experiment(
        control=np.array([row.control_group for row in observed], dtype=bool),
        attrited=np.array([row.attrited for row in observed], dtype=bool),
        base=np.array([row.base_minor or 0 for row in observed], dtype=np.float64) / 100,
        lost=np.array([row.lost_minor or 0 for row in observed], dtype=np.float64) / 100,
        risk=np.array([row.risk for row in observed], dtype=np.float64),
        manager=np.array([row.manager_id or "" for row in observed], dtype=str),
        reason=np.array([row.reason_group for row in observed], dtype=str),
        reached=np.array([nan if row.reached is None else row.reached for row in observed], dtype=np.float64),
    )


def figures(
    settings: Settings, rows: Sequence[Any], as_of: date, matured: Sequence[Matured] = ()
) -> dict[str, Any]:
    """The figures of the effect page: plain numbers and text.

    ``state`` is collecting, inconclusive or shown. ``customers`` and ``money`` are None as long as either arm
    is empty, ``money`` also where the bank counts customers; ``contamination`` counts controls who were
    reached and listed who were not; ``by_reason`` and ``by_manager`` hold groups of at least
    ``lists.min_group`` assignments; ``power`` has the size of an effect that can be seen. ``control`` counts
    the whole control group; ``next_outcome`` is the first day on which an outcome that waits can be known.
    """
    observed, least, share = observed_rows(rows), settings.lists.min_group, settings.lists.control_group_share
    customers, money = differences(settings, observed, share)
    power = _power(settings, rows, observed, as_of)
    closing = [settings.label.timeline(row.assigned_on).outcome_end for row in rows if row.attrited is None]
    return {
        "as_of": as_of.isoformat(),
        "counts": settings.counts,
        "currency": settings.base_currency,
        "known": len(observed),
        "waiting": len(rows) - len(observed),
        "control": sum(row.control_group for row in rows),
        "next_outcome": min(closing).isoformat() if closing else None,
        "state": experiment.state_of(customers["difference"] if customers else None, power["weeks_to_go"]),
        "customers": customers,
        "money": money,
        "contamination": experiment.contamination(observed),
        "power": power,
        "by_reason": _groups(observed, "reason", least, share),
        "by_manager": _groups(observed, "manager", least, share),
        "response": responses.figures(responses.learn(settings, rows, as_of, matured)),
    }


def differences(
    settings: Settings, observed: Experiment, share: float
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The differences in customers and in money, of assignments of which ``share`` were meant to be controls.

    None as long as either arm is empty; in money also without AUM in it, and where the bank counts customers.
    """
    arms = observed.control, ~observed.control
    if not all(arm.any() for arm in arms):
        return None, None
    has_money = settings.counts == "money" and all(observed.base[arm].any() for arm in arms)
    money = experiment.difference_in_money(observed, share) if has_money else None
    return experiment.difference_in_customers(observed, share), money


def _power(settings: Settings, rows: Sequence[Any], observed: Experiment, as_of: date) -> dict[str, Any]:
    """The difference seen in 80 of 100 such experiments, the one expected, and the weeks until it is seen."""
    count, control, waiting = len(observed), int(observed.control.sum()), len(rows) - len(observed)
    left = float(observed.attrited.mean()) if count else float(np.mean([row.risk for row in rows] or [0.0]))
    expected = settings.profit.success_rate * left
    recent = as_of - timedelta(weeks=RATE_WEEKS - 1)
    since = max(recent, min((row.assigned_on for row in rows), default=recent))
    a_week = sum(row.assigned_on >= since for row in rows) / ((as_of - since).days / 7 + 1)
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


def _groups(observed: Experiment, kind: str, least: int, share: float) -> dict[str, Any]:
    groups = experiment.by_group(observed, getattr(observed, kind), least)
    return {name: experiment.difference_in_customers(members, share) for name, members in groups if name}
