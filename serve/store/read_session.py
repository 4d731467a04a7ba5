"""What one published run says. A ReadSession is bound to one run: no two of its answers come from different ones."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, select

from configs.errors import DataError, did_you_mean
from configs.published import Decision, Exclusion, Manager, Profile, Run, Score
from serve.store import rows, tables
from serve.store.database import PUBLISH_ONE
from serve.store.profiles import unpacked
from serve.store.scope import EVERYTHING, Reach, Scope

PAGE = 5_000  # scores read at once where all are wanted; bounds memory
IDS = 500  # customers asked for in one statement
LONGEST = 1_000  # customers of whom one request may ask
_SCORE = [column.name for column in tables.scores.columns if column.name != "publication"]
_REASON = [
    column for column in tables.reasons.columns if column.name not in ("publication", "customer_id", "place")
]


class GoneError(DataError):
    """The store does not hold this run, or no longer, or holds it anew."""


@dataclass(frozen=True)
class Earlier:
    """What one Monday's run said of a customer; the newest publication of that Monday."""

    day: date
    run_id: str
    model_id: str
    risk_30d: float | None
    risk_60d: float | None
    risk_90d: float | None
    band: str
    aum_minor: int
    money_at_risk_minor: int

    @property
    def risk(self) -> float:
        """At the longest horizon known."""
        return next(one for one in (self.risk_90d, self.risk_60d, self.risk_30d) if one is not None)


class ReadSession:
    """One run, in one transaction. ``publication`` tells two publications under one run_id apart.

    Every answer keeps within ``scope``: who lies outside of it is as unknown as who does not exist. A table that
    does not say whose its rows are (exclusions) is read by those who may see all.
    """

    def __init__(self, connection: Connection, found: Row[Any], scope: Scope = EVERYTHING) -> None:
        """``found`` is the run's row."""
        self.run: Run = rows.run_from(found)
        self.publication: int = found.publication
        self.connection = connection
        self.scope = scope

    def customer(self, customer_id: str) -> Score | Exclusion | None:
        """What the run says about one customer, in one statement; None for one it does not know."""
        query = about_customer(self.publication, customer_id, self.scope)
        return one_customer(customer_id, self.connection.execute(query).all())

    def profile(self, customer_id: str) -> Profile | None:
        """What a manager reads beside the customer's score; None for one it does not know, or of an older run."""
        return self.profiles([customer_id]).get(customer_id)

    def profiles(self, customer_ids: Sequence[str]) -> dict[str, Profile]:
        """The same of many customers at once; those without one are left out."""
        scores, profiles = tables.scores, tables.profiles
        found: dict[str, Profile] = {}
        for start in range(0, len(customer_ids), IDS):
            chosen = (
                select(profiles.c.customer_id, profiles.c.content)
                .join(scores, _same(scores, profiles) & (scores.c.customer_id == profiles.c.customer_id))
                .where(profiles.c.publication == self.publication, self.scope.of(scores))
                .where(profiles.c.customer_id.in_(customer_ids[start : start + IDS]))
            )
            found |= {row.customer_id: unpacked(*row) for row in self.connection.execute(chosen)}
        return found

    def customers(self, customer_ids: Collection[str]) -> dict[str, Score | Exclusion]:
        """The same of many customers, at most ``LONGEST``; those that are unknown are left out."""
        scores, exclusions = tables.scores, tables.exclusions
        chosen = self.of(scores).where(scores.c.customer_id.in_(customer_ids))
        excluded = self.of(exclusions).where(exclusions.c.customer_id.in_(customer_ids))
        found: list[Score | Exclusion] = list(self._whole(chosen, "customer_id"))
        found += map(rows.exclusion_from, self.connection.execute(excluded))
        return {one.customer_id: one for one in found}

    def manager(self, manager_id: str) -> Manager | None:
        """None for a manager whom the run does not know."""
        managers = tables.managers
        row = self.connection.execute(self.of(managers).where(managers.c.manager_id == manager_id)).first()
        return rows.manager_from(row) if row else None

    def manager_list(self, manager_id: str) -> tuple[Manager, tuple[Score, ...]] | None:
        """One manager's listed customers by rank; None for an unknown manager."""
        decisions, scores = tables.decisions, tables.scores
        manager = self.manager(manager_id)
        if manager is None:
            return None
        listed = (
            select(scores, decisions.c.rank)
            .join(decisions, _same(decisions, scores) & (decisions.c.customer_id == scores.c.customer_id))
            .where(decisions.c.publication == self.publication, decisions.c.manager_id == manager_id)
            .where(decisions.c.rank.is_not(None), self.scope.of(scores))
        )
        return manager, tuple(self._whole(listed, "rank"))

    def managers_of(self, branch_id: str) -> tuple[Manager, ...]:
        """The managers of a branch, within reach."""
        managers = tables.managers
        found = self.of(managers).where(managers.c.branch_id == branch_id).order_by(managers.c.manager_id)
        return tuple(map(rows.manager_from, self.connection.execute(found)))

    def branch_list(self, branch_id: str) -> tuple[Score, ...]:
        """The listed customers of a branch who are in nobody's charge, by rank."""
        decisions, scores = tables.decisions, tables.scores
        listed = (
            select(scores, decisions.c.rank)
            .join(decisions, _same(decisions, scores) & (decisions.c.customer_id == scores.c.customer_id))
            .where(decisions.c.publication == self.publication, decisions.c.manager_id.is_(None))
            .where(decisions.c.rank.is_not(None), decisions.c.branch_id == branch_id)
            .where(self.scope.of(scores))
        )
        return tuple(self._whole(listed, "rank"))

    def branch_known(self, branch_id: str) -> bool:
        """Whether the run has customers or a manager of the branch, within reach."""
        coverage = tables.coverage
        looked_after = self.of(coverage).where(coverage.c.branch_id == branch_id).limit(1)
        return self.connection.execute(looked_after).first() is not None or bool(self.managers_of(branch_id))

    def history(self, customer_id: str) -> tuple[Earlier, ...]:
        """What this run and those of earlier Mondays say of a customer of this run within reach, oldest first."""
        if self.customer(customer_id) is None:
            return ()
        runs, scores = tables.runs, tables.scores
        earlier = (runs.c.snapshot_date < self.run.snapshot_date) | (runs.c.publication == self.publication)
        known = {row.publication: row for row in self.connection.execute(select(runs).where(earlier))}
        # Joined in one statement, SQLite reads every score of the store.
        risks = (scores.c[f"risk_{days}d"] for days in (30, 60, 90))
        query = (
            select(
                scores.c.publication,
                *risks,
                scores.c.risk_band,
                scores.c.aum_minor,
                scores.c.money_at_risk_minor,
            )
            .where(scores.c.publication.in_(known), scores.c.customer_id == customer_id)
            .order_by(scores.c.publication)
        )
        found = [_earlier(known[row.publication], row) for row in self.connection.execute(query)]
        newest = {one.day: one for one in found}
        return tuple(newest[day] for day in sorted(newest))

    def served_run(self) -> Run:
        """The run that is served now, whichever this one is."""
        found = served(self.connection)
        return rows.run_from(found) if found else self.run

    def within_reach(self) -> int:
        """How many customers have a score in this run."""
        scores = tables.scores
        if self.scope.reach is Reach.ALL:
            return self.run.cohort
        mine = (scores.c.publication == self.publication) & self.scope.of(scores)
        return self.connection.scalar(select(func.count()).select_from(scores).where(mine)) or 0

    def page(self, after: str = "", limit: int = PAGE) -> tuple[Score, ...]:
        """The next scores by customer_id, after the last one of the page before."""
        by_id = tables.scores.c.customer_id
        chosen = self.of(tables.scores).where(by_id > after).order_by(by_id).limit(limit)
        return tuple(self._whole(chosen, "customer_id"))

    def scores(self) -> Iterator[Score]:
        """Every score by customer_id, a page at a time."""
        batch = self.page()
        while batch:
            yield from batch
            batch = self.page(batch[-1].customer_id)

    def exclusions(self) -> tuple[Exclusion, ...]:
        found = self.connection.execute(self.of(tables.exclusions).order_by(tables.exclusions.c.customer_id))
        return tuple(map(rows.exclusion_from, found))

    def managers(self) -> tuple[Manager, ...]:
        found = self.connection.execute(self.of(tables.managers).order_by(tables.managers.c.manager_id))
        return tuple(map(rows.manager_from, found))

    def lists(self) -> tuple[tuple[str | None, str | None], ...]:
        """Branch and manager of each list that holds somebody; a branch's own list has no manager."""
        decisions = tables.decisions
        chosen = select(decisions.c.branch_id, decisions.c.manager_id).distinct()
        listed = (decisions.c.publication == self.publication) & decisions.c.rank.is_not(None)
        return tuple((row.branch_id, row.manager_id) for row in self.connection.execute(chosen.where(listed)))

    def decisions(self, customer_ids: Collection[str] | None = None) -> dict[str, Decision]:
        """What was decided about each of some cohort customers, or about all, by customer_id."""
        chosen = self.of(tables.decisions)
        if customer_ids is not None:
            chosen = chosen.where(tables.decisions.c.customer_id.in_(customer_ids))
        found = map(rows.decision_from, self.connection.execute(chosen))
        return {one.customer_id: one for one in found}

    def of(self, table: Table) -> Select[Any]:
        return select(table).where(table.c.publication == self.publication, self.scope.of(table))

    def _about(self, table: Table, customer_id: str) -> ColumnElement[bool]:
        mine = (table.c.publication == self.publication) & (table.c.customer_id == customer_id)
        return mine & self.scope.of(table)

    def runs(self) -> tuple[Run, ...]:
        """Every run in the store, the newest snapshot first."""
        order = (tables.runs.c.snapshot_date.desc(), tables.runs.c.publication.desc())
        return tuple(map(rows.run_from, self.connection.execute(select(tables.runs).order_by(*order))))

    def card(self) -> dict[str, tuple[str, ...]] | None:
        """The card of the model that scored, by part; None where none was published."""
        cards = tables.model_cards
        found = self.connection.scalar(select(cards.c.card).where(cards.c.model_id == self.run.model_id))
        return {part: tuple(said) for part, said in json.loads(found).items()} if found else None

    def _whole(self, chosen: Select[Any], order: str) -> Iterator[Score]:
        """The scores chosen, each with its reasons."""
        score, reasons = chosen.subquery(), tables.reasons
        query = (
            select(*(score.c[name] for name in _SCORE), *_REASON)
            .outerjoin(
                reasons,
                (reasons.c.publication == self.publication) & (reasons.c.customer_id == score.c.customer_id),
            )
            .order_by(score.c[order], reasons.c.place)
        )
        return rows.scores_from(self.connection.execute(query))


def about_customer(publication: Any, customer_id: Any, scope: Scope) -> Select[Any]:
    """What a run says about one customer: a row per reason, or one with empty columns; for ``one_customer``.

    The run and the customer may be values, or expressions that stand for them.
    """
    runs, scores, exclusions, reasons = tables.runs, tables.scores, tables.exclusions, tables.reasons

    def mine(table: Table) -> ColumnElement[bool]:
        return _same(table, runs) & (table.c.customer_id == customer_id) & scope.of(table)

    return (
        select(*(scores.c[name] for name in _SCORE), *_REASON, exclusions.c.code)
        .select_from(runs)
        .outerjoin(scores, mine(scores))
        .outerjoin(exclusions, mine(exclusions))
        .outerjoin(reasons, _same(reasons, scores) & (reasons.c.customer_id == scores.c.customer_id))
        .where(runs.c.publication == publication)
        .order_by(reasons.c.place)
    )


def one_customer(customer_id: str, found: Sequence[Sequence[Any]]) -> Score | Exclusion | None:
    """From the rows of ``about_customer``; None where the run knows no such customer."""
    if found and found[0][-1]:
        return Exclusion(customer_id, found[0][-1])
    known = [row[:-1] for row in found if row[0] is not None]
    return rows.score_from(known) if known else None


def _earlier(run: Row[Any], row: Any) -> Earlier:
    return Earlier(run.snapshot_date, run.run_id, run.model_id, *list(row)[1:])


def _same(one: Any, other: Any) -> Any:
    return one.c.publication == other.c.publication


def served(connection: Connection) -> Row[Any] | None:
    """The row of the run that the pointer names."""
    runs, pointer = tables.runs, tables.current_run
    return connection.execute(select(runs).join(pointer, _same(pointer, runs))).first()


def find(connection: Connection, run_id: str | None = None) -> Row[Any]:
    """The row of one run, by default the served one. Raises DataError where there is none, GoneError if unknown."""
    runs = tables.runs
    row = (
        connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
        if run_id
        else served(connection)
    )
    if row is None and run_id:
        known = connection.execute(select(runs.c.run_id)).scalars()
        raise GoneError(f"the score store has no run {run_id!r}. {did_you_mean(run_id, known)}")
    if row is None:
        raise DataError(f"the score store {connection.engine.url!r} has no published run. {PUBLISH_ONE}")
    return row
