"""A list and the portfolio it is made of, one page at a time: chosen, ordered and bounded by the database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    Table,
    and_,
    case,
    exists,
    false,
    func,
    or_,
    select,
)

from configs.published import Decision, Maturity
from serve.store import contacts, rows, tables
from serve.store.read_session import ReadSession, newest_runs, same_customer

PROFILES = 2_000  # customers whose maturities are looked at for one page; more and nobody chooses by them
LAST_DAY = date(9999, 12, 31)  # no contact is due
GONE = 200  # customers who left a list, that are looked at


@dataclass(frozen=True)
class ListOwner:
    """The owner of a list and portfolio: a manager's; without one a branch's own; without both the common
    one.

    ``everybody``: all customers of the branch, whoever is in charge; it has no list.
    """

    manager_id: str | None = None
    branch_id: str | None = None
    everybody: bool = False

    def holds(self, table: FromClause) -> ColumnElement[bool]:
        """The rows of a table about customers of this portfolio."""
        if self.everybody:
            return table.c.branch_id == self.branch_id
        if self.manager_id:
            return table.c.manager_id == self.manager_id
        return and_(table.c.manager_id.is_(None), table.c.branch_id == self.branch_id)


def contactable_count(session: ReadSession, table: Table, owner: ListOwner) -> int:
    """The customers of a portfolio in a table of the run, without those who want no more calls."""
    wanted = owner.holds(table), table.c.customer_id.not_in(select(tables.opt_outs.c.customer_id))
    chosen = session.of(table).where(*wanted).subquery()
    return session.connection.scalar(select(func.count()).select_from(chosen)) or 0


@dataclass(frozen=True)
class Choice:
    """The customers that a reader asks to see, and their order in each part; empty means all of them.

    ``reason`` is the group of the first reason, ``stage`` that of the life cycle.
    """

    band: Literal["", "high", "medium", "low"] = ""
    reason: str = ""
    state: Literal["", "to_do", "done"] = ""
    show: Literal["", "new", "maturing", "listed", "unlisted", "overdue"] = ""
    sort: Literal["", "keep", "risk", "aum", "maturity", "overdue"] = ""
    tier: str = ""
    stage: str = ""
    segment: str = ""

    @property
    def asked(self) -> dict[str, str]:
        """The fields that are set, as an address carries them."""
        return {name: value for name, value in vars(self).items() if value}

    @property
    def by_maturity(self) -> bool:
        """True where it takes everybody's maturities."""
        return self.show == "maturing" or self.sort == "maturity"


@dataclass(frozen=True)
class PortfolioFigures:
    """Figures of a whole list or portfolio, whatever is chosen of it; ``reasons`` are first ones' groups."""

    customers: int
    listed: int
    done: int
    new: int
    keep_minor: int
    reasons: tuple[str, ...]


class PortfolioView:
    """The customers of one owner in one run, or those of them who are listed."""

    def __init__(self, session: ReadSession, owner: ListOwner, listed_only: bool) -> None:
        self.session, self.owner, self.listed_only = session, owner, listed_only
        self.before = run_before(session)

    @cached_property
    def figures(self) -> PortfolioFigures:
        """The figures of everybody, in one statement, and the reasons to choose from."""
        decisions, reasons = tables.decisions, tables.reasons
        listed = decisions.c.rank.is_not(None)
        counted = self._all(
            func.count().label("customers"),
            func.count(decisions.c.rank).label("listed"),
            func.sum(case((and_(listed, self._done()), 1), else_=0)).label("done"),
            func.sum(case((and_(listed, self._new()), 1), else_=0)).label("new"),
            func.sum(case((listed, decisions.c.expected_value_minor), else_=0)).label("keep"),
        )
        row = self.session.connection.execute(counted).one()
        groups = self._all(reasons.c.reason_group).join(reasons, self._first_reason()).distinct()
        return PortfolioFigures(
            row.customers,
            row.listed,
            int(row.done or 0),
            int(row.new or 0),
            int(row.keep or 0),
            tuple(sorted(self.session.connection.scalars(groups))),
        )

    def page(self, choice: Choice, after: int, limit: int) -> tuple[tuple[str, ...], int]:
        """The customers after so many of those chosen, in their order, and how many are chosen."""
        maturities = self.maturities if choice.by_maturity else {}
        query = self._chosen(choice, maturities)
        if choice.sort == "maturity":
            stored = self.session.connection.execute(query).all()
            ordered = sorted(stored, key=lambda row: (row.part, _soonest(maturities.get(row.customer_id))))
            names = [row.customer_id for row in ordered]
            return tuple(names[after : after + limit]), len(names)
        total = self.session.connection.scalar(
            select(func.count()).select_from(query.order_by(None).subquery())
        )
        page = self.session.connection.execute(query.offset(after).limit(limit))
        return tuple(row.customer_id for row in page), total or 0

    @property
    def maturities_known(self) -> bool:
        """False where so many customers have profiles that nobody looks at all of them for one page."""
        return self.figures.customers <= PROFILES

    @cached_property
    def maturities(self) -> Mapping[str, tuple[Maturity, ...]]:
        """Money that falls due, by customer with something due."""
        profiles = tables.profiles
        query = self._all(profiles.c.customer_id, profiles.c.content).join(
            profiles, same_customer(profiles, tables.decisions)
        )
        stored = self.session.connection.execute(query.limit(PROFILES))
        due = {row.customer_id: rows.unpacked(*row).maturities for row in stored}
        return {customer_id: maturities for customer_id, maturities in due.items() if maturities}

    def new(self, customer_ids: Collection[str]) -> frozenset[str]:
        """Those of some customers who are on the list, and were not on this owner's list before."""
        decisions = tables.decisions
        query = self._all(decisions.c.customer_id).where(
            decisions.c.customer_id.in_(customer_ids), decisions.c.rank.is_not(None), self._new()
        )
        return frozenset(self.session.connection.scalars(query))

    def gone(self) -> tuple[tuple[Decision, ...], int]:
        """The decisions about customers who were on this list before and are not now, by their rank then,
        and the number of others, who are no longer scored or no longer within reach.
        """
        if self.before is None:
            return (), 0
        before, decisions, scores = tables.decisions.alias("before"), tables.decisions, tables.scores
        same = and_(
            decisions.c.run_version == self.session.run_version,
            decisions.c.customer_id == before.c.customer_id,
        )
        within_reach = and_(same_customer(scores, decisions), self.session.scope.of(scores))
        query = (
            select(*(decisions.c[name] for name in rows.names_of(decisions)), scores.c.aum_minor)
            .select_from(before)
            .outerjoin(decisions, same)
            .outerjoin(scores, within_reach)
            .where(*self._was_listed(before))
            .where(
                or_(scores.c.customer_id.is_(None), decisions.c.rank.is_(None), ~self.owner.holds(decisions))
            )
            .order_by(before.c.rank)
            .limit(GONE)
        )
        stored = self.session.connection.execute(query).all()
        known = [row for row in stored if row.aum_minor is not None]
        return tuple(map(_decision_of, known)), len(stored) - len(known)

    def _all(self, *columns: Any) -> Select[Any]:
        """The rows of every customer within reach."""
        decisions, scores = tables.decisions, tables.scores
        query = (
            select(*columns)
            .select_from(decisions)
            .join(scores, same_customer(scores, decisions))
            .where(decisions.c.run_version == self.session.run_version, self.session.scope.of(scores))
            .where(self.owner.holds(scores if self.owner.everybody else decisions))
        )
        return query.where(decisions.c.rank.is_not(None)) if self.listed_only else query

    def _chosen(self, choice: Choice, maturities: Mapping[str, Any]) -> Select[Any]:
        decisions, scores = tables.decisions, tables.scores
        listed = decisions.c.rank.is_not(None)
        # Part of the list, as configs.published.Score.list_part has it; who is on no list comes last.
        part = case(
            (~listed, 2), (and_(scores.c.risk_band == "low", decisions.c.why != "follow_up"), 1), else_=0
        )
        risk = func.coalesce(*(scores.c[name] for name in ("risk_own", "risk_90d", "risk_60d", "risk_30d")))
        due = scores.c.contact_due_on
        by_size = {
            "risk": risk.desc(),
            "aum": scores.c.aum_minor.desc(),
            "overdue": func.coalesce(due, LAST_DAY),
        }.get(choice.sort)
        query = self._all(decisions.c.customer_id, part.label("part")).order_by(
            part,
            *([] if by_size is None else [by_size]),
            decisions.c.rank,
            decisions.c.expected_value_minor.desc(),
            decisions.c.customer_id,
        )
        shown = {
            "new": and_(listed, self._new()),
            "maturing": decisions.c.customer_id.in_(maturities),
            "listed": listed,
            "unlisted": ~listed,
            "overdue": due < self.session.run.snapshot_date,
        }
        first = exists().where(self._first_reason(), tables.reasons.c.reason_group == choice.reason)
        conditions = (
            (choice.band, scores.c.risk_band == choice.band),
            (choice.reason, first),
            (choice.state, and_(listed, self._done() if choice.state == "done" else ~self._done())),
            (choice.show, shown.get(choice.show)),
            (choice.tier, scores.c.tier == choice.tier),
            (choice.stage, scores.c.lifecycle_stage == choice.stage),
            (choice.segment, scores.c.segment == choice.segment),
        )
        return query.where(*(condition for asked, condition in conditions if asked and condition is not None))

    def _first_reason(self) -> ColumnElement[bool]:
        reasons = tables.reasons
        return and_(same_customer(reasons, tables.decisions), reasons.c.place == 1)

    def _done(self) -> ColumnElement[bool]:
        return contacts.recorded(self.session.run.run_id, tables.decisions.c.customer_id)

    def _new(self) -> ColumnElement[bool]:
        if self.before is None:
            return false()
        before = tables.decisions.alias("before")
        same = before.c.customer_id == tables.decisions.c.customer_id
        return ~exists().where(same, *self._was_listed(before))

    def _was_listed(self, before: FromClause) -> tuple[ColumnElement[bool], ...]:
        assert self.before is not None
        version = before.c.run_version == self.before.run_version
        return version, self.owner.holds(before), before.c.rank.is_not(None)


def run_before(session: ReadSession) -> Row[Any] | None:
    """The row of the run of the Monday before; None without one."""
    earlier = newest_runs().where(tables.runs.c.snapshot_date < session.run.snapshot_date).limit(1)
    return session.connection.execute(earlier).first()


def next_to_do(session: ReadSession, customer_id: str) -> str | None:
    """The customer after this one on the list of the run of whom no outcome is recorded, from the top again
    after the last.

    None when nobody else is left to call, and for a customer who is on no list.
    """
    decisions, scores = tables.decisions, tables.scores
    after = session.decisions([customer_id]).get(customer_id)
    if after is None or after.rank is None:
        return None
    owner = ListOwner(after.manager_id, after.branch_id)
    query = (
        select(decisions.c.customer_id)
        .join(scores, same_customer(scores, decisions))
        .where(decisions.c.run_version == session.run_version, owner.holds(decisions))
        .where(decisions.c.rank.is_not(None), decisions.c.rank != after.rank, session.scope.of(scores))
        .where(~contacts.recorded(session.run.run_id, decisions.c.customer_id))
        .order_by(decisions.c.rank < after.rank, decisions.c.rank)
        .limit(1)
    )
    following: str | None = session.connection.scalar(query)
    return following


def _soonest(due: tuple[Maturity, ...] | None) -> date:
    return due[0].matures_on if due else date.max


def _decision_of(row: Row[*tuple[Any, ...]]) -> Decision:
    return Decision(**{name: row._mapping[name] for name in rows.names_of(tables.decisions)})
