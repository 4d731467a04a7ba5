"""What a branch has at stake, by who is in charge of its customers."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Cast, Select, case, cast, func, select

from serve.store import tables
from serve.store.read_session import ReadSession


@dataclass(frozen=True)
class Charge:
    """One row per manager of a branch, or with customers of it, and one for those whom nobody is in charge of.

    The name is empty where the run does not tell it.
    """

    manager_id: str | None
    name: str
    customers: int = 0
    high_risk: int = 0
    listed: int = 0
    aum_minor: int = 0
    money_at_risk_minor: int = 0


def charges(read_session: ReadSession, branch_id: str) -> tuple[Charge, ...]:
    """By manager_id, those whom nobody is in charge of last; none for a branch that may not be seen."""
    names = {one.manager_id: one.name for one in read_session.managers_of(branch_id)}
    found = {name: Charge(name, names[name]) for name in names}
    for manager_id, *figures in read_session.connection.execute(_figures(read_session, branch_id)):
        found[manager_id] = Charge(manager_id, names.get(manager_id, ""), *figures)
    return tuple(sorted(found.values(), key=lambda one: (one.manager_id is None, one.manager_id or "")))


def _figures(read_session: ReadSession, branch_id: str) -> Select[Any]:
    scores, decisions = tables.scores, tables.decisions
    return (
        select(
            scores.c.manager_id,
            func.count(),
            _whole(case((scores.c.risk_band == "high", 1), else_=0)),
            func.count(decisions.c.rank),
            _whole(scores.c.aum_minor),
            _whole(scores.c.money_at_risk_minor),
        )
        .outerjoin(
            decisions,
            (decisions.c.publication == scores.c.publication)
            & (decisions.c.customer_id == scores.c.customer_id),
        )
        .where(scores.c.publication == read_session.publication, scores.c.branch_id == branch_id)
        .where(read_session.scope.of(scores))
        .group_by(scores.c.manager_id)
    )


def _whole(column: Any) -> Cast[int]:
    """The sum as a whole number; PostgreSQL would give a decimal one."""
    return cast(func.sum(column), BigInteger)
