"""Managers' verdicts on alerts: written together with their audit entries or not at all.

An alert is a customer shown in a run. A manager gives a verdict without or with a call, and the newest one
per customer and run counts. Every function belongs to the caller's transaction, as those about contacts do.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import sqrt
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select

from serve.store import audit, tables
from serve.store.contacts import Author, ConflictError
from serve.store.read_session import ReadSession
from serve.store.scope import EVERYTHING, Scope, within_reach

GroupedBy = Literal["all", "reason", "manager"]
LEAST = 10  # alerts evaluated below which nothing is told of a group


@dataclass(frozen=True)
class AlertFeedback:
    """One verdict, a code of ALERT_FEEDBACK. ``key`` is the sender's: the same key again adds nothing.

    ``reason_group`` is that of the customer's first reason in the run, empty without one.
    """

    key: str
    customer_id: str
    manager_id: str
    run_id: str
    reason_group: str
    feedback: str
    recorded_at: datetime
    feedback_id: int | None = None


def record(
    connection: Connection, verdict: AlertFeedback, author: Author, names_run: bool = True
) -> AlertFeedback:
    """The verdict as it stands in the store, where it is added unless its manager sent it before.

    Whose sender names no run means the served one, which may be another when the same is sent again. Raises
    ConflictError where the key stands for another verdict.
    """
    feedback = tables.alert_feedback
    same_key = (feedback.c.manager_id == verdict.manager_id) & (feedback.c.idempotency_key == verdict.key)
    for stored in _oldest_first(connection, same_key):  # one at most
        of_run = ("run_id", "reason_group") if not names_run else ()
        kept = {name: getattr(stored, name) for name in ("recorded_at", "feedback_id", *of_run)}
        if replace(verdict, **kept) != stored:
            raise ConflictError(
                "this key was used for another verdict. Send each verdict under a key of its own."
            )
        return stored
    at = verdict.recorded_at.astimezone(UTC).replace(microsecond=0)
    row = {name: value for name, value in vars(verdict).items() if name not in ("key", "feedback_id")}
    row |= {"idempotency_key": verdict.key, "recorded_at": at.replace(tzinfo=None)}
    number = connection.execute(insert(feedback), row).inserted_primary_key
    added = replace(verdict, recorded_at=at, feedback_id=number[0] if number else None)
    about = {name: getattr(added, name) for name in ("feedback_id", "manager_id", "run_id", "feedback")}
    entry = audit.Entry(at, author.name, "record alert feedback", added.customer_id, about)
    audit.append(connection, entry, author.audit_key)
    return added


def newest_of(connection: Connection, run_id: str, customer_ids: Collection[str]) -> dict[str, AlertFeedback]:
    """The newest verdict on each of some customers in one run, by customer_id."""
    feedback = tables.alert_feedback
    of_run = (feedback.c.run_id == run_id) & feedback.c.customer_id.in_(customer_ids)
    return {verdict.customer_id: verdict for verdict in _oldest_first(connection, of_run)}


def with_keys(connection: Connection, customer_id: str, start: str) -> tuple[AlertFeedback, ...]:
    """The verdicts on one customer whose keys begin with ``start``, the oldest first."""
    feedback = tables.alert_feedback
    same_start = feedback.c.idempotency_key.startswith(start, autoescape=True)
    return _oldest_first(connection, feedback.c.customer_id == customer_id, same_start)


def recorded_after(
    connection: Connection, feedback_id: int, limit: int, run_version: int, scope: Scope = EVERYTHING
) -> tuple[AlertFeedback, ...]:
    """The verdicts recorded after one, of customers within reach in a run, in the order of the commits."""
    feedback = tables.alert_feedback
    reached = within_reach(feedback.c.customer_id, run_version, scope)
    return _oldest_first(connection, feedback.c.feedback_id > feedback_id, reached, limit=limit)


def counts(connection: Connection) -> list[tuple[str, str, str, int]]:
    """One row per reason group, manager and verdict: the number of alerts whose newest verdict it is."""
    feedback = tables.alert_feedback
    newest = select(func.max(feedback.c.feedback_id)).group_by(feedback.c.customer_id, feedback.c.run_id)
    kind = [feedback.c[name] for name in ("reason_group", "manager_id", "feedback")]
    query: Select[Any] = select(*kind, func.count()).where(feedback.c.feedback_id.in_(newest)).group_by(*kind)
    rows = connection.execute(query.order_by(*kind))
    return [(reason, manager, verdict, number) for reason, manager, verdict, number in rows]


@dataclass(frozen=True)
class Precision:
    """The number of a group's alerts with a verdict, and of those that were useful.

    ``right`` are the useful ones and those of what the manager knew already. ``share`` is that of the useful
    ones with its 95% interval, None for fewer than ``LEAST`` alerts.
    """

    evaluated: int
    useful: int
    right: int

    @property
    def share(self) -> tuple[float, float, float] | None:
        return wilson(self.useful, self.evaluated) if self.evaluated >= LEAST else None


def precision(session: ReadSession, by: GroupedBy) -> dict[str, Precision]:
    """The verdicts on alerts by group, the most evaluated first; one group of all is named ``all``.

    As the session's reader sees them: exact, or rounded and without groups of too few.
    """
    groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for reason_group, manager_id, feedback, alerts in counts(session.connection):
        groups[{"reason": reason_group, "manager": manager_id}.get(by, "all")][feedback] += alerts
    count = session.rounding.count
    precisions = {
        name: Precision(
            count(group.total()), count(group["useful"]), count(group["useful"] + group["already_known"])
        )
        for name, group in groups.items()
    }
    order = sorted(precisions, key=lambda name: (-precisions[name].evaluated, name))
    return {name: precisions[name] for name in order if precisions[name].evaluated}


def wilson(successes: int, cases: int) -> tuple[float, float, float]:
    """A share and its 95% interval by Wilson (1927), which holds for few cases and for shares near 0 and 1.

    >>> [round(number, 3) for number in wilson(8, 10)]
    [0.8, 0.49, 0.943]
    """
    share, z = successes / cases, 1.959964
    scale = 1 + z * z / cases
    middle = (share + z * z / (2 * cases)) / scale
    half = z * sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases)) / scale
    return share, max(0.0, middle - half), min(1.0, middle + half)


def holds(connection: Connection, feedback_id: int, key: str) -> bool:
    """True where the store has this verdict under this number."""
    feedback = tables.alert_feedback
    stored = select(feedback.c.idempotency_key).where(feedback.c.feedback_id == feedback_id)
    return connection.scalar(stored) == key


def _oldest_first(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> tuple[AlertFeedback, ...]:
    feedback = tables.alert_feedback
    query = select(feedback).where(*conditions).order_by(feedback.c.feedback_id).limit(limit)
    return tuple(map(_from, connection.execute(query)))


def _from(row: Row[Any]) -> AlertFeedback:
    fields = row._asdict()
    at = fields.pop("recorded_at").replace(tzinfo=UTC)
    return AlertFeedback(key=fields.pop("idempotency_key"), recorded_at=at, **fields)
