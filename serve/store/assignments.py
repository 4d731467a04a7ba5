"""The standing trial of whether calls help: what a Monday's lists must know of it, its lots, what came of them.

Every function belongs to the caller's transaction.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from configs.call_lists import CallList, Draw, Week
from configs.published import Decision, Helpfulness, Run, Score
from serve.store import tables
from serve.store.bulk_insert import load
from serve.store.contacts import opted_out

RECENT = timedelta(weeks=4)  # whoever stood on an older list does not stay on for that


def week(
    connection: Connection, monday: date, trial_weeks: int, helps: Helpfulness, reached: Mapping[str, date]
) -> Week:
    """What the lists of ``monday`` rest on, as the store knows it; ``reached`` is what the bank's contacts say.

    Lists, lots and contacts count from before that Monday only, so that a rerun finds the same; an opt-out counts
    at once.
    """
    return Week(
        monday,
        trial_weeks,
        helps,
        opted_out(connection),
        _latest(reached, _reached(connection, monday)),
        _in_question(connection, monday),
        _draws(connection, monday),
    )


def record(connection: Connection, run: Run, scores: Iterable[Score], lists: Iterable[CallList]) -> None:
    """Keeps the lots that were drawn on the run's Monday, in place of those of an earlier run of that Monday."""
    trial, known = tables.trial, {score.customer_id: score for score in scores}
    connection.execute(delete(trial).where(trial.c.drawn_on == run.snapshot_date))
    drawn = (one for part in lists for one in part.decisions if one.drawn_on == run.snapshot_date)
    load(connection, trial, (_row(run, one, known[one.customer_id]) for one in drawn))


@dataclass(frozen=True, slots=True)
class Lot:
    """One row per lot: who came into question on a Monday and was held out or not; what came of it where known.

    Money in minor units. ``lost_minor`` is what left of ``base_minor`` with the customer, 0 for who stayed.
    """

    customer_id: str
    drawn_on: date
    held_out: bool
    manager_id: str | None
    reason_group: str
    risk: float
    attrited: bool | None
    base_minor: int | None
    lost_minor: int | None


@dataclass(frozen=True)
class Came:
    """What came of one customer's lot."""

    attrited: bool
    base_minor: int
    lost_minor: int


def lots(connection: Connection, since: date = date.min) -> tuple[Lot, ...]:
    """Every lot drawn since a day, by customer and Monday."""
    columns = [tables.trial.c[field.name] for field in fields(Lot)]
    chosen = select(*columns).where(tables.trial.c.drawn_on >= since)
    found = connection.execute(chosen.order_by(tables.trial.c.customer_id, tables.trial.c.drawn_on))
    return tuple(Lot(*row) for row in found)


def waiting(connection: Connection) -> tuple[date, ...]:
    """The Mondays with lots whose outcome is not known yet, the oldest first."""
    chosen = select(tables.trial.c.drawn_on).where(tables.trial.c.attrited.is_(None)).distinct()
    return tuple(sorted(connection.scalars(chosen)))


def fill(connection: Connection, drawn_on: date, came: Mapping[str, Came]) -> int:
    """Writes what came of the lots of one Monday, by customer_id; the number of lots it was known for."""
    trial = tables.trial
    chosen = select(trial.c.customer_id).where(trial.c.drawn_on == drawn_on)
    known = [name for name in connection.scalars(chosen) if name in came]
    if known:
        this = (trial.c.customer_id == bindparam("who")) & (trial.c.drawn_on == drawn_on)
        connection.execute(update(trial).where(this), [{"who": name} | vars(came[name]) for name in known])
    return len(known)


def prune(connection: Connection, until: date) -> None:
    """Removes the lots drawn up to a Monday."""
    connection.execute(delete(tables.trial).where(tables.trial.c.drawn_on <= until))


def keep_effect(connection: Connection, as_of: date, figures: Mapping[str, Any]) -> None:
    """Keeps what calls do, as estimated with what was known before ``as_of``, in place of an earlier estimate."""
    effects = tables.effects
    connection.execute(delete(effects).where(effects.c.as_of == as_of))
    text = json.dumps(figures, ensure_ascii=False, allow_nan=False, sort_keys=True)
    connection.execute(insert(effects), {"as_of": as_of, "figures": text})


def latest_effect(connection: Connection) -> dict[str, Any] | None:
    """The newest estimate of what calls do; None before the first. pipeline/lists/effect.py says what it holds."""
    effects = tables.effects
    found = connection.scalar(select(effects.c.figures).order_by(effects.c.as_of.desc()).limit(1))
    return None if found is None else json.loads(found)


def _row(run: Run, decision: Decision, score: Score) -> tuple[Any, ...]:
    return (
        decision.customer_id,
        run.snapshot_date.isoformat(),
        decision.until.isoformat() if decision.until else None,
        decision.decision == "held_out",
        run.run_id,
        decision.branch_id,
        decision.manager_id,
        score.tier,
        score.reasons[0].group if score.reasons else "",
        score.risk,
        score.money_at_risk_minor,
        None,
        None,
        None,
    )


def _reached(connection: Connection, monday: date) -> dict[str, date]:
    """The last day before ``monday`` on which each customer was reached, by the outcomes recorded here."""
    contacts = tables.contacts
    chosen = (
        select(contacts.c.customer_id, func.max(contacts.c.recorded_at))
        .where(contacts.c.outcome != "no_answer", contacts.c.recorded_at < datetime.combine(monday, time()))
        .group_by(contacts.c.customer_id)
    )
    return {customer_id: at.date() for customer_id, at in connection.execute(chosen)}


def _latest(one: Mapping[str, date], other: Mapping[str, date]) -> dict[str, date]:
    names = {*one, *other}
    return {name: max(one.get(name, date.min), other.get(name, date.min)) for name in names}


def _in_question(connection: Connection, monday: date) -> frozenset[str]:
    """Who was listed or held out by the latest run before ``monday``, if it is recent."""
    runs, decisions = tables.runs, tables.decisions
    latest = (
        select(runs.c.publication)
        .where(runs.c.snapshot_date < monday, runs.c.snapshot_date >= monday - RECENT)
        .order_by(runs.c.snapshot_date.desc(), runs.c.publication.desc())
        .limit(1)
    )
    chosen = select(decisions.c.customer_id).where(
        decisions.c.publication == latest.scalar_subquery(),
        decisions.c.decision.in_(("listed", "held_out")),
    )
    return frozenset(connection.scalars(chosen))


def _draws(connection: Connection, monday: date) -> dict[str, Draw]:
    """The lots drawn before ``monday`` that still hold then."""
    trial = tables.trial
    chosen = select(trial.c.customer_id, trial.c.drawn_on, trial.c.until, trial.c.held_out).where(
        trial.c.until > monday, trial.c.drawn_on < monday
    )
    return {customer_id: Draw(*lot) for customer_id, *lot in connection.execute(chosen)}
