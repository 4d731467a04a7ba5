"""A branch at a glance: what a run says of its managers' customers, and what came of this week's lists so far."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Select, func, select

from serve.store import tables
from serve.store.contacts import Contact, of_run
from serve.store.read_session import ReadSession
from serve.texts.catalogue import OUTCOMES


@dataclass(frozen=True)
class Charge:
    """One row per manager, or nobody (``manager_id`` empty): the customers in charge, and this week's list."""

    manager_id: str
    name: str
    customers: int
    high_risk: int
    money_at_risk_minor: int
    contacted: int
    listed: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)

    @property
    def coverage(self) -> float | None:
        """Share of the customers who were spoken with within their tier's service interval."""
        return self.contacted / self.customers if self.customers else None

    @property
    def done(self) -> int:
        """Listed customers of whom an outcome is recorded."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class Departed:
    """One row per manager who left: the customers left behind, how many of them have nobody now."""

    manager_id: str
    name: str
    customers: int
    unassigned: int
    money_at_risk_minor: int


@dataclass(frozen=True)
class Board:
    """One branch: a row per manager, most money at risk first, customers in nobody's charge, and departures."""

    managers: tuple[Charge, ...]
    orphans: Charge
    departed: tuple[Departed, ...]

    @property
    def rows(self) -> tuple[Charge, ...]:
        return (*self.managers, self.orphans) if self.orphans.customers else self.managers

    @property
    def known(self) -> bool:
        """Runs published before figures of branches were kept have none."""
        return bool(self.rows)

    @property
    def most(self) -> int:
        return max(one.money_at_risk_minor for one in self.rows)

    @property
    def total(self) -> Charge:
        return added_up(self.rows)


@dataclass(frozen=True)
class Branch:
    """One row per branch of a run."""

    branch_id: str
    managers: int
    orphans: int
    total: Charge


def added_up(charges: Iterable[Charge]) -> Charge:
    parts = list(charges)
    outcomes = sum((Counter(one.outcomes) for one in parts), Counter[str]())
    return Charge(
        manager_id="",
        name="",
        customers=sum(one.customers for one in parts),
        high_risk=sum(one.high_risk for one in parts),
        money_at_risk_minor=sum(one.money_at_risk_minor for one in parts),
        contacted=sum(one.contacted for one in parts),
        listed=sum(one.listed for one in parts),
        outcomes={name: outcomes[name] for name in OUTCOMES if outcomes[name]},
    )


def board(read_session: ReadSession, branch_id: str) -> Board | None:
    """One branch; None for one that the run does not know, or that lies out of reach."""
    charges = [_charge(row) for row in read_session.connection.execute(_charges(read_session, branch_id))]
    if not charges and not read_session.branch_known(branch_id):
        return None
    charges = _with_lists(charges, _worked_off(read_session, branch_id, charges))
    orphans = [one for one in charges if not one.manager_id]
    return Board(
        managers=tuple(one for one in charges if one.manager_id),
        orphans=orphans[0] if orphans else added_up(()),
        departed=tuple(
            Departed(*row) for row in read_session.connection.execute(_departed(read_session, branch_id))
        ),
    )


def branches(read_session: ReadSession) -> list[Branch]:
    """Every branch within reach, most money at risk first."""
    coverage = tables.coverage
    rows = read_session.connection.execute(read_session.of(coverage).order_by(coverage.c.branch_id))
    found = []
    for branch_id, group in groupby(rows, key=lambda row: row.branch_id):
        charges = [_charge(row) for row in group]
        managed = [one for one in charges if one.manager_id]
        orphans = sum(one.customers for one in charges if not one.manager_id)
        found.append(Branch(branch_id, len(managed), orphans, added_up(charges)))
    return sorted(found, key=lambda one: (-one.total.money_at_risk_minor, one.branch_id))


def _charges(read_session: ReadSession, branch_id: str) -> Select[Any]:
    """One row per manager with customers of the branch, and the manager's name."""
    coverage, managers = tables.coverage, tables.managers
    own = read_session.of(coverage).where(coverage.c.branch_id == branch_id).subquery()
    named = (managers.c.publication == own.c.publication) & (managers.c.manager_id == own.c.manager_id)
    order = (own.c.money_at_risk_minor.desc(), own.c.manager_id)
    return select(own, managers.c.name).outerjoin(managers, named).order_by(*order)


def _charge(row: Row[Any]) -> Charge:
    return Charge(
        manager_id=row.manager_id,
        name=getattr(row, "name", None) or "",
        customers=row.customers,
        high_risk=row.high_risk,
        money_at_risk_minor=row.money_at_risk_minor,
        contacted=row.contacted,
    )


def _departed(read_session: ReadSession, branch_id: str) -> Select[Any]:
    left, managers = tables.departures, tables.managers
    own = read_session.of(left).where(left.c.branch_id == branch_id).subquery()
    named = (managers.c.publication == own.c.publication) & (managers.c.manager_id == own.c.manager_id)
    figures = (own.c.customers, own.c.unassigned, own.c.money_at_risk_minor)
    shown = select(own.c.manager_id, func.coalesce(managers.c.name, ""), *figures)
    return shown.outerjoin(managers, named).order_by(own.c.money_at_risk_minor.desc(), own.c.manager_id)


def _worked_off(
    read_session: ReadSession, branch_id: str, charges: Sequence[Charge]
) -> dict[str, list[Contact | None]]:
    """For each manager in charge, and nobody (""), the last outcome of each listed customer of the branch."""
    owner = read_session.connection.execute(
        _listed(read_session, branch_id, [one.manager_id for one in charges])
    ).all()
    recorded = of_run(read_session.connection, read_session.run.run_id, [row.customer_id for row in owner])
    found: defaultdict[str, list[Contact | None]] = defaultdict(list)
    for row in owner:
        found[row.manager_id or ""].append(recorded.get(row.customer_id))
    return found


def _listed(read_session: ReadSession, branch_id: str, managers: Sequence[str]) -> Select[Any]:
    """Listed customers of the branch, through the index by list."""
    scores, decisions = tables.scores, tables.decisions
    same = (decisions.c.publication == scores.c.publication) & (
        decisions.c.customer_id == scores.c.customer_id
    )
    on_a_list = decisions.c.manager_id.in_(managers) | decisions.c.manager_id.is_(None)
    return (
        select(decisions.c.customer_id, decisions.c.manager_id)
        .join(scores, same)
        .where(decisions.c.publication == read_session.publication, on_a_list, decisions.c.rank.is_not(None))
        .where(scores.c.branch_id == branch_id, read_session.scope.of(scores))
    )


def _with_lists(charges: Sequence[Charge], worked: Mapping[str, list[Contact | None]]) -> list[Charge]:
    return [
        replace(
            one,
            listed=len(worked.get(one.manager_id, ())),
            outcomes=Counter(contact.outcome for contact in worked.get(one.manager_id, ()) if contact),
        )
        for one in charges
    ]
