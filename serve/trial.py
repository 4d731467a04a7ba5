"""The standing trial of whether calls help: what a Monday's lists must know of it, and the lots drawn on it.

Every function belongs to the caller's transaction.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select

from configs.published import Decision, Helpfulness, Run, Score
from serve import tables
from serve.contacts import opted_out
from serve.decisions import Draw, Week
from serve.lists import CallList
from serve.loading import load

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
