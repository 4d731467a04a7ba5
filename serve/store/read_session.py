"""One published run, read in one transaction: no two answers of a ReadSession come from different runs."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, Table, and_, func, select

from configs.branch_figures.contents import ContentName
from configs.call_lists import ListTerms
from configs.errors import DataError, did_you_mean
from configs.published import Decision, Exclusion, Manager, Profile, Run, Score
from serve.store import rows, tables
from serve.store.database import PUBLISH_ONE
from serve.store.rounding import EXACT, LEAST, Rounding
from serve.store.rows import unpacked
from serve.store.scope import EVERYTHING, Reach, Scope

PAGE = 1_000  # scores read at once where all are wanted; bounds memory
LONGEST = 1_000  # customers of whom one request may ask
Published = TypeVar("Published")


class GoneError(DataError):
    """The store does not hold this run, or no longer, or holds it anew."""


@dataclass(frozen=True)
class Earlier:
    """One row per Monday: the newest version of its run, and a customer's score in it without reasons."""

    run: Run
    score: Score


class ReadSession:
    """One run, in one transaction. ``run_version`` tells two versions under one run_id apart.

    Every answer keeps within ``scope``: who lies outside of it is as unknown as who does not exist. A table
    that does not say whose its rows are (exclusions) is read by those who may see all.
    """

    def __init__(self, connection: Connection, run_row: Row[Any], scope: Scope = EVERYTHING) -> None:
        self.run: Run = rows.run_from(run_row)
        self.run_version: int = run_row.run_version
        self.connection = connection
        self.scope = scope

    def customer(self, customer_id: str) -> Score | Exclusion | None:
        """The score or exclusion of one customer, in one statement; None for one unknown to the run."""
        reasons = self.connection.execute(self._about_customer(customer_id)).all()
        if reasons and reasons[0].code:
            return Exclusion(customer_id, reasons[0].code)
        return next(rows.scores_from(row for row in reasons if row.customer_id is not None), None)

    def customers(self, customer_ids: Collection[str]) -> dict[str, Score | Exclusion]:
        """The score or exclusion of each of at most ``LONGEST`` customers; those unknown are left out."""
        exclusions = tables.exclusions
        excluded = self.of(exclusions).where(exclusions.c.customer_id.in_(customer_ids))
        customers: dict[str, Score | Exclusion] = {**self.scores(customer_ids)}
        return customers | {out.customer_id: out for out in self.objects(Exclusion, excluded)}

    def scores(self, customer_ids: Collection[str]) -> dict[str, Score]:
        """The scores of at most ``LONGEST`` customers, by customer_id; those without one are left out."""
        query = self.of(tables.scores).where(tables.scores.c.customer_id.in_(customer_ids))
        return {score.customer_id: score for score in self._with_reasons(query, "customer_id")}

    def profiles(self, customer_ids: Collection[str]) -> dict[str, Profile]:
        """The profiles of customers, by customer_id; those unknown, or of a run too old, are left out."""
        scores, profiles = tables.scores, tables.profiles
        query = (
            select(profiles.c.customer_id, profiles.c.content)
            .join(scores, same_customer(scores, profiles))
            .where(profiles.c.run_version == self.run_version, self.scope.of(scores))
            .where(profiles.c.customer_id.in_(customer_ids))
        )
        return {row.customer_id: unpacked(*row) for row in self.connection.execute(query)}

    def manager(self, manager_id: str) -> Manager | None:
        """None for a manager whom the run does not know."""
        query = self.of(tables.managers).where(tables.managers.c.manager_id == manager_id)
        return next(iter(self.objects(Manager, query)), None)

    def managers(self, branch_id: str | None = None) -> tuple[Manager, ...]:
        """The managers of a branch, or of all branches, within reach, by manager_id."""
        query = self.of(tables.managers).order_by(tables.managers.c.manager_id)
        if branch_id is not None:
            query = query.where(tables.managers.c.branch_id == branch_id)
        return self.objects(Manager, query)

    def manager_list(self, manager_id: str) -> tuple[Score, ...]:
        """One manager's listed customers, by rank."""
        return self._listed(tables.decisions.c.manager_id == manager_id)

    def branch_list(self, branch_id: str) -> tuple[Score, ...]:
        """The listed customers of a branch who are in nobody's charge, by rank."""
        decisions = tables.decisions
        return self._listed(decisions.c.manager_id.is_(None), decisions.c.branch_id == branch_id)

    def common_list(self) -> tuple[Score, ...]:
        """The listed customers with neither manager nor branch, by rank."""
        decisions = tables.decisions
        return self._listed(decisions.c.manager_id.is_(None), decisions.c.branch_id.is_(None))

    def branch_known(self, branch_id: str) -> bool:
        """True where the run has customers or a manager of the branch, within reach."""
        coverage = tables.coverage
        row = self.connection.execute(self.of(coverage).where(coverage.c.branch_id == branch_id).limit(1))
        return row.first() is not None or bool(self.managers(branch_id))

    def history(self, customer_id: str) -> tuple[Earlier, ...]:
        """The scores of a customer within reach in this run and those of earlier Mondays, oldest first."""
        if self.customer(customer_id) is None:
            return ()
        runs, scores = tables.runs, tables.scores
        earlier = (runs.c.snapshot_date < self.run.snapshot_date) | (runs.c.run_version == self.run_version)
        by_version = {row.run_version: row for row in self.connection.execute(select(runs).where(earlier))}
        # Joined in one statement, SQLite reads every score of the store.
        query = (
            select(scores.c.run_version, *(scores.c[name] for name in rows.SCORE))
            .where(scores.c.run_version.in_(by_version), scores.c.customer_id == customer_id)
            .order_by(scores.c.run_version)
        )
        newest: dict[date, Earlier] = {}
        for run_version, *values in self.connection.execute(query):
            run = rows.run_from(by_version[run_version])
            newest[run.snapshot_date] = Earlier(run, rows.score_of(values))
        return tuple(newest[day] for day in sorted(newest))

    def served_run(self) -> Run:
        """The run that is served now, whichever this one is."""
        row = served(self.connection)
        return rows.run_from(row) if row else self.run

    def within_reach(self) -> int:
        """The number of customers with a score in this run."""
        scores = tables.scores
        if self.scope.reach is Reach.ALL:
            return self.run.cohort
        reached = (scores.c.run_version == self.run_version) & self.scope.of(scores)
        return self.connection.scalar(select(func.count()).select_from(scores).where(reached)) or 0

    def page(self, after: str = "", limit: int = PAGE) -> tuple[Score, ...]:
        """The next scores by customer_id, after the last one of the page before."""
        by_id = tables.scores.c.customer_id
        query = self.of(tables.scores).where(by_id > after).order_by(by_id).limit(limit)
        return tuple(self._with_reasons(query, "customer_id"))

    def lists(self) -> tuple[tuple[str | None, str | None], ...]:
        """Branch and manager of each list that holds somebody; a branch's own list has no manager."""
        columns = tables.decisions.c
        listed = select(columns.branch_id, columns.manager_id).where(
            columns.run_version == self.run_version, columns.rank.is_not(None)
        )
        return tuple((row.branch_id, row.manager_id) for row in self.connection.execute(listed.distinct()))

    def decisions(self, customer_ids: Collection[str] | None = None) -> dict[str, Decision]:
        """The decision about each of some cohort customers, or about all, by customer_id.

        The reach is that of the customer, who may stand on the list of another branch's manager.
        """
        decisions, scores = tables.decisions, tables.scores
        query = select(decisions).where(decisions.c.run_version == self.run_version)
        if self.scope.reach is not Reach.ALL:
            query = query.join(scores, same_customer(scores, decisions)).where(self.scope.of(scores))
        if customer_ids is not None:
            query = query.where(decisions.c.customer_id.in_(customer_ids))
        return {decision.customer_id: decision for decision in self.objects(Decision, query)}

    def runs(self) -> tuple[Run, ...]:
        """Every run in the store, the newest snapshot first."""
        return tuple(map(rows.run_from, self.connection.execute(newest_runs())))

    def figures(self, name: str, limit: int) -> list[tuple[Run, dict[str, Any] | None]]:
        """The newest runs, newest first, and what was measured of each under this name, if anything was."""
        figures, newest = tables.figures, self.connection.execute(newest_runs().limit(limit)).all()
        versions = [row.run_version for row in newest]
        query = select(figures).where(figures.c.name == name, figures.c.run_version.in_(versions))
        by_version = {row.run_version: json.loads(row.content) for row in self.connection.execute(query)}
        return [(rows.run_from(row), by_version.get(row.run_version)) for row in newest]

    def run_figures(self, name: str) -> dict[str, Any] | None:
        """The content published of this run under the name; None if nothing was."""
        figures = tables.figures
        of_name = figures.c.run_version == self.run_version, figures.c.name == name
        content = self.connection.scalar(select(figures.c.content).where(*of_name))
        return json.loads(content) if content else None

    def branch_figures(self, branch_id: str, name: ContentName) -> dict[str, Any] | None:
        """A content of a branch within reach, or of the bank (``WHOLE_BANK``); None if not published."""
        table = tables.branch_figures
        query = self.of(table).where(table.c.branch_id == branch_id, table.c.name == name)
        row = self.connection.execute(query).first()
        return self.rounding.figures(json.loads(row.content)) if row else None

    @cached_property
    def rounding(self) -> Rounding:
        """The rounding of counts and sums of customers for this reader."""
        return self.rounded() if self.scope.rounded else EXACT

    def rounded(self) -> Rounding:
        """The rounding of counts and sums of customers whom a reader does not see."""
        return Rounding(self._terms.least_customers if self._terms else LEAST)

    def list_terms(self) -> ListTerms | None:
        """The bank's settings that a reader must know; None in a run that was published without it."""
        return self._terms

    @cached_property
    def _terms(self) -> ListTerms | None:
        terms = self.run_figures("terms")
        return ListTerms(**terms | {"horizons": tuple(terms["horizons"])}) if terms else None

    def card(self) -> dict[str, tuple[str, ...]] | None:
        """The card of the model that scored, by part; None where none was published."""
        cards = tables.model_cards
        card = self.connection.scalar(select(cards.c.card).where(cards.c.model_id == self.run.model_id))
        return {part: tuple(sentences) for part, sentences in json.loads(card).items()} if card else None

    def of(self, table: Table) -> Select[Any]:
        """The rows of a table that are of this run and within reach."""
        return select(table).where(table.c.run_version == self.run_version, self.scope.of(table))

    def objects(self, kind: type[Published], query: Select[Any]) -> tuple[Published, ...]:
        """One object per row; the columns are its fields, beside the run version."""
        return tuple(kind(**rows.values_of(row)) for row in self.connection.execute(query))

    def _listed(self, *conditions: ColumnElement[bool]) -> tuple[Score, ...]:
        decisions, scores = tables.decisions, tables.scores
        query = (
            select(scores, decisions.c.rank)
            .join(decisions, same_customer(decisions, scores))
            .where(decisions.c.run_version == self.run_version, *conditions)
            .where(decisions.c.rank.is_not(None), self.scope.of(scores))
        )
        return tuple(self._with_reasons(query, "rank"))

    def _with_reasons(self, query: Select[Any], order: str) -> Iterator[Score]:
        score, reasons = query.subquery(), tables.reasons
        whole = (
            select(*(score.c[name] for name in rows.SCORE), *rows.REASON_COLUMNS)
            .outerjoin(reasons, same_customer(reasons, score))
            .order_by(score.c[order], reasons.c.place)
        )
        return rows.scores_from(self.connection.execute(whole))

    def _about_customer(self, customer_id: str) -> Select[Any]:
        """A row per reason, or one with empty columns, and the code of an exclusion."""
        runs, scores, exclusions, reasons = tables.runs, tables.scores, tables.exclusions, tables.reasons
        return (
            select(*(scores.c[name] for name in rows.SCORE), *rows.REASON_COLUMNS, exclusions.c.code)
            .select_from(runs)
            .outerjoin(scores, of_customer(scores, customer_id, self.scope))
            .outerjoin(exclusions, of_customer(exclusions, customer_id, self.scope))
            .outerjoin(reasons, same_customer(reasons, scores))
            .where(runs.c.run_version == self.run_version)
            .order_by(reasons.c.place)
        )


def same_customer(table: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Rows of two tables about one customer in one run."""
    return and_(table.c.run_version == other.c.run_version, table.c.customer_id == other.c.customer_id)


def of_customer(table: Table, customer_id: str | ColumnElement[str], scope: Scope) -> ColumnElement[bool]:
    """Rows of a table about a customer within reach in the run of ``tables.runs`` that they are joined to."""
    return and_(
        table.c.run_version == tables.runs.c.run_version,
        table.c.customer_id == customer_id,
        scope.of(table),
    )


def newest_runs() -> Select[Any]:
    """The rows of all runs, the newest Monday first, and of one Monday the newest version."""
    return select(tables.runs).order_by(tables.runs.c.snapshot_date.desc(), tables.runs.c.run_version.desc())


def served(connection: Connection) -> Row[Any] | None:
    """The row of the run that the pointer names."""
    runs, pointer = tables.runs, tables.current_run
    query = select(runs).join(pointer, pointer.c.run_version == runs.c.run_version)
    return connection.execute(query).first()


def find(connection: Connection, run_id: str | None = None) -> Row[Any]:
    """The row of one run, by default the served one.

    Raises DataError where there is none, GoneError if unknown.
    """
    runs = tables.runs
    if not run_id:
        row = served(connection)
        if row is None:
            raise DataError(f"the score store {connection.engine.url!r} has no published run. {PUBLISH_ONE}")
        return row
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
    if row is None:
        run_ids = connection.execute(select(runs.c.run_id)).scalars()
        raise GoneError(f"the score store has no run {run_id!r}. {did_you_mean(run_id, run_ids)}")
    return row
