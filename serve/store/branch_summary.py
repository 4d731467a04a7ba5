"""A branch's customers by the manager in charge: what is at risk, how they are looked after, how far
the list is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, Cast, ColumnElement, Result, Row, Select, Table, case, cast, func, select

from configs.branch_rows import Departure
from configs.published import OUTCOMES, Manager
from serve.store import tables
from serve.store.contacts import Contact, of_run
from serve.store.read_session import ReadSession, same_customer
from serve.store.rows import values_of


@dataclass(frozen=True)
class BranchRow:
    """One row per manager, or nobody (``manager_id`` None): the customers in charge, and this week's list.

    The name is empty and the weekly ``capacity`` 0 where the run does not hold the manager. ``asked`` counts
    the customers to whom a contact is due by a service standard, ``contacted`` those of them for whom it is
    not overdue, ``outcomes`` the listed by the outcome recorded last.
    """

    manager_id: str | None
    name: str = ""
    customers: int = 0
    high_risk: int = 0
    money_at_risk_minor: int = 0
    aum_minor: int = 0
    contacted: int = 0
    asked: int = 0
    listed: int = 0
    capacity: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)

    @property
    def coverage(self) -> float | None:
        """Share of the customers to whom a contact is due for whom it is not overdue."""
        return self.contacted / self.asked if self.asked else None

    @property
    def load(self) -> str:
        """``full`` where the list takes the whole capacity, ``room`` where not; ``unknown`` without one."""
        if not self.capacity:
            return "unknown"
        return "room" if self.listed < self.capacity else "full"

    @property
    def done(self) -> int:
        """Listed customers of whom an outcome is recorded."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class BranchSummary:
    """One branch: a row per manager with customers and one of those in nobody's charge, and departures."""

    branch_id: str
    rows: tuple[BranchRow, ...]
    departures: tuple[Departure, ...] = ()

    @property
    def orphans(self) -> BranchRow:
        return next((row for row in self.rows if row.manager_id is None), BranchRow(None))

    @cached_property
    def total(self) -> BranchRow:
        return total(self.rows)


_SUMS = ("customers", "high_risk", "money_at_risk_minor", "aum_minor", "contacted", "asked", "listed")


def as_seen(session: ReadSession, row: BranchRow) -> BranchRow:
    """A row as the session's reader sees it: exact, or rounded."""
    return replace(row, **session.rounding.figures({name: getattr(row, name) for name in _SUMS}))


def total(rows: Iterable[BranchRow]) -> BranchRow:
    """All rows as one, in nobody's name."""
    parts = list(rows)
    sums = {name: sum(getattr(row, name) for row in parts) for name in _SUMS}
    outcomes = sum((Counter(row.outcomes) for row in parts), Counter[str]())
    return BranchRow(None, **sums, outcomes={name: outcomes[name] for name in OUTCOMES if outcomes[name]})


def branch_rows(session: ReadSession, branch_id: str) -> tuple[BranchRow, ...]:
    """A row for every manager of the branch, and for each other with customers of it, by manager_id.

    Customers in nobody's charge come last; no row for a branch out of reach. Counted from the scores, so that
    a caller who reads an older run counts the customers still within reach alone.
    """
    names = {manager.manager_id: manager.name for manager in session.managers(branch_id)}
    rows = {manager_id: BranchRow(manager_id, names[manager_id]) for manager_id in names}
    counted = _counted(session, tables.scores.c.manager_id).where(tables.scores.c.branch_id == branch_id)
    for row in session.connection.execute(counted):
        rows[row.manager_id] = BranchRow(**row._mapping, name=names.get(row.manager_id, ""))
    return tuple(sorted(rows.values(), key=lambda row: (row.manager_id is None, row.manager_id or "")))


def branch_totals(session: ReadSession) -> tuple[tuple[str, BranchRow], ...]:
    """Each branch within reach in one row, by number, as counted when the run was published.

    Customers whose branch is not known come first, under an empty number.
    """
    coverage = tables.coverage
    names = ("customers", "high_risk", "money_at_risk_minor", "contacted", "asked")
    query = (
        select(coverage.c.branch_id, *(_whole(coverage.c[name]).label(name) for name in names))
        .where(coverage.c.run_version == session.run_version, session.scope.of(coverage))
        .group_by(coverage.c.branch_id)
        .order_by(coverage.c.branch_id)
    )
    rows = (dict(row._mapping) for row in session.connection.execute(query))
    return tuple((row.pop("branch_id"), BranchRow(None, **row)) for row in rows)


def rows_by_branch(session: ReadSession) -> tuple[tuple[str, int, BranchRow], ...]:
    """Each branch with customers within reach, by number: how many stand on its own list, and all in one
    row."""
    scores, decisions = tables.scores, tables.decisions
    own_list = func.count(case((scores.c.manager_id.is_(None), decisions.c.rank))).label("own_list")
    query = _counted(session, scores.c.branch_id, own_list).where(scores.c.branch_id.is_not(None))
    counts = [dict(row._mapping) for row in session.connection.execute(query)]
    rows = [(row.pop("branch_id"), row.pop("own_list"), BranchRow(None, **row)) for row in counts]
    return tuple(sorted(rows, key=lambda row: row[0]))


def rows_by_manager(session: ReadSession) -> tuple[tuple[Manager, BranchRow], ...]:
    """Each manager within reach, by number, with all customers in charge, of whichever branch."""
    counted = _counted(session, tables.scores.c.manager_id)
    rows = {row.manager_id: BranchRow(**row._mapping) for row in session.connection.execute(counted)}
    return tuple(
        (manager, rows.get(manager.manager_id, BranchRow(manager.manager_id)))
        for manager in session.managers()
    )


def branch_summary(session: ReadSession, branch_id: str) -> BranchSummary | None:
    """One branch; None for one that the run does not know, or that lies out of reach.

    The customers were counted when the run was published (``tables.coverage``).
    """
    coverage = _named(session, tables.coverage, branch_id).all()
    if not coverage and not session.branch_known(branch_id):
        return None
    contacts = _contacts_of_listed(session, branch_id, [row.manager_id for row in coverage])
    rows = tuple(_from_coverage(row, contacts[row.manager_id or None]) for row in coverage)
    departures = _named(session, tables.departures, branch_id)
    return BranchSummary(branch_id, rows, tuple(map(_departure, departures)))


def branches(session: ReadSession) -> list[BranchSummary]:
    """Every branch within reach, most money at risk first, then most at high risk; without what became of
    the lists."""
    coverage = tables.coverage
    rows = session.connection.execute(session.of(coverage).order_by(coverage.c.branch_id))
    summaries = [
        BranchSummary(branch_id, tuple(map(_from_coverage, group)))
        for branch_id, group in groupby(rows, key=lambda row: row.branch_id)
    ]
    return sorted(summaries, key=_most_at_risk)


def _departure(row: Row[Any]) -> Departure:
    values = values_of(row)
    del values["capacity"]
    return Departure(**values)


def _most_at_risk(summary: BranchSummary) -> tuple[int, int, str]:
    return -summary.total.money_at_risk_minor, -summary.total.high_risk, summary.branch_id


def _named(session: ReadSession, table: Table, branch_id: str) -> Result[Any]:
    """The rows of one branch, each with its manager's name, most money at risk first, nobody's last."""
    managers, rows = tables.managers, session.of(table).where(table.c.branch_id == branch_id).subquery()
    at_risk = rows.c.get("high_risk", rows.c.customers)  # decides where no money does
    same_manager = (managers.c.run_version == rows.c.run_version) & (
        managers.c.manager_id == rows.c.manager_id
    )
    return session.connection.execute(
        select(
            rows,
            func.coalesce(managers.c.name, "").label("name"),
            func.coalesce(managers.c.weekly_capacity, 0).label("capacity"),
        )
        .outerjoin(managers, same_manager)
        .order_by(
            rows.c.manager_id == "", rows.c.money_at_risk_minor.desc(), at_risk.desc(), rows.c.manager_id
        )
    )


def _from_coverage(row: Row[Any], contacts: Sequence[Contact | None] = ()) -> BranchRow:
    values = values_of(row) | {"manager_id": row.manager_id or None}
    del values["branch_id"]
    outcomes = Counter(contact.outcome for contact in contacts if contact)
    return BranchRow(**values, listed=len(contacts), outcomes=outcomes)


def _counted(session: ReadSession, by: ColumnElement[Any], *more: Any) -> Select[Any]:
    """A row per value of ``by`` among the customers within reach."""
    scores, decisions = tables.scores, tables.decisions
    return (
        select(
            by,
            *more,
            func.count().label("customers"),
            _whole(case((scores.c.risk_band == "high", 1), else_=0)).label("high_risk"),
            func.count(decisions.c.rank).label("listed"),
            _whole(scores.c.aum_minor).label("aum_minor"),
            _whole(scores.c.money_at_risk_minor).label("money_at_risk_minor"),
        )
        .outerjoin(decisions, same_customer(decisions, scores))
        .where(scores.c.run_version == session.run_version, session.scope.of(scores))
        .group_by(by)
    )


def _whole(column: Any) -> Cast[int]:
    """The sum as a whole number; PostgreSQL would give a decimal one."""
    return cast(func.sum(column), BigInteger)


def _contacts_of_listed(
    session: ReadSession, branch_id: str, managers: list[str]
) -> Mapping[str | None, list[Contact | None]]:
    """For each manager in charge, and nobody, the last contact of each listed customer of the branch."""
    scores, decisions = tables.scores, tables.decisions
    on_a_list = decisions.c.manager_id.in_(managers) | decisions.c.manager_id.is_(None)
    query = (
        select(decisions.c.customer_id, decisions.c.manager_id)
        .join(scores, same_customer(decisions, scores))
        .where(decisions.c.run_version == session.run_version, on_a_list, decisions.c.rank.is_not(None))
        .where(scores.c.branch_id == branch_id, session.scope.of(scores))
    )
    listed = session.connection.execute(query).all()
    recorded = of_run(session.connection, session.run.run_id, [row.customer_id for row in listed])
    contacts: defaultdict[str | None, list[Contact | None]] = defaultdict(list)
    for row in listed:
        contacts[row.manager_id].append(recorded.get(row.customer_id))
    return contacts
