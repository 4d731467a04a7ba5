"""The score store: one transaction publishes a run, and every read sees exactly one run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Table, delete, func, insert, select, tuple_, update

from configs.call_lists import CallList
from configs.errors import DataError
from configs.published import Exclusion, Run, RunExtras, Score
from serve.store import announcements, assignments, audit, campaign_sending, rows, schema, tables
from serve.store import database as connect
from serve.store.checks import check
from serve.store.differences import DecidedScore
from serve.store.read_session import GoneError, ReadSession, find, served
from serve.store.rows import analyze, bulk_insert, profile_rows
from serve.store.scope import EVERYTHING, Scope

PATIENCE = 2  # seconds that a caller of the service waits for another writer
NO_EXTRAS = RunExtras()


class Store(AbstractContextManager["Store"]):
    """Holds the database connections; close it, or use it in a ``with`` statement.

    Every method raises DataError where the store is missing, empty, locked, damaged or of another version.
    """

    def __init__(self, url: str) -> None:
        """Opens nothing yet. Raises ConfigError for an address that cannot be used."""
        self.engine = connect.connect(url)
        self._version_seen = False

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self.engine.dispose()

    def migrate(self) -> list[str]:
        """The steps taken to this software's version."""
        with connect.write(self.engine) as connection:
            return schema.migrate(connection)

    def publish(
        self,
        run: Run,
        scores: Sequence[Score],
        exclusions: Sequence[Exclusion],
        lists: Sequence[CallList],
        extras: RunExtras = NO_EXTRAS,
    ) -> bool:
        """Writes one run whole; True if it is now the one served. Raises DataError as ``publishing`` does."""
        with self.publishing(run, scores, exclusions, lists, extras) as read_session:
            return read_session.served_run() == run

    @contextmanager
    def publishing(
        self,
        run: Run,
        scores: Sequence[Score],
        exclusions: Sequence[Exclusion],
        lists: Sequence[CallList],
        extras: RunExtras = NO_EXTRAS,
        at: datetime | None = None,
    ) -> Iterator[ReadSession]:
        """Writes one run whole, in place of an earlier one with its run_id, when the block ends well.

        The block reads the run before anybody else can, for what must stand or fall with it. A run older than
        the one served goes into the history only: filling in a past week must not take this week's lists
        away. It is announced as of ``at``, by default now. Raises DataError, and leaves everything as it was,
        if the run does not add up.
        """
        check(run, scores, exclusions, lists)
        with self._changing() as connection:
            current = served(connection)
            if current and current.bank != run.bank:
                raise DataError(
                    f"the score store {self.engine.url!r} holds runs of bank {current.bank!r}, not of "
                    f"{run.bank!r}. Give each bank a store of its own in ATTRITION_STORE."
                )
            run_version = 1 + (connection.scalar(select(func.max(tables.runs.c.run_version))) or 0)
            replaced = select(tables.runs.c.run_version).where(tables.runs.c.run_id == run.run_id)
            versions_before = connection.scalars(replaced).all()
            _remove(connection, versions_before)
            connection.execute(insert(tables.runs), rows.run_row(run_version, run))
            for table, published in _tables_of(run_version, scores, exclusions, lists, extras):
                bulk_insert(connection, table, published)
            _check_profiles(connection, run, run_version)
            if extras.drift is not None:
                keep_figures(connection, run.run_id, "drift", extras.drift)
            if extras.calibration is not None:
                keep_figures(connection, run.run_id, "calibration", extras.calibration)
            if extras.gates is not None:
                keep_figures(connection, run.run_id, "gates", extras.gates)
            analyze(connection, tables.OF_A_RUN)
            becomes_served = not current or current.snapshot_date <= run.snapshot_date
            if becomes_served:
                assignments.write(connection, run, scores, lists)
                _point_to(connection, run_version)
            announcements.announce(
                connection, "run.published", run, run_version, at, current.run_id if current else None,
                served=becomes_served, republished=bool(versions_before),
            )  # fmt: skip
            yield ReadSession(connection, find(connection, run.run_id), EVERYTHING)

    def prune(self, keep_weeks: int, keep_profiles: int, keep_assignments: int) -> int:
        """The number of runs removed: ``keep_weeks`` or more before the newest Monday, never the one served.

        Of runs ``keep_profiles`` or more weeks before the newest only the profiles and the prepared answers
        go, and so do assignments and members of campaigns ``keep_assignments`` or more weeks before it.
        """
        with self._changing() as connection:
            newest = connection.scalar(select(func.max(tables.runs.c.snapshot_date)))
            if newest is None:
                return 0
            faded, old, assigned = (
                newest - timedelta(weeks=weeks) for weeks in (keep_profiles, keep_weeks, keep_assignments)
            )
            for table in (tables.profiles, tables.prepared_answers):
                connection.execute(delete(table).where(table.c.run_version.in_(_until(connection, faded))))
            kept = tables.assignments
            connection.execute(delete(kept).where(kept.c.assigned_on <= assigned))
            campaign_sending.prune(connection, assigned)
            gone = _until(connection, old)
            _remove(connection, gone)
            return len(gone)

    def rollback(self, at: datetime | None = None) -> Run:
        """Serves the run before the served one: the newest version of its Monday, or of the Monday before.

        It is announced as of ``at``, by default now. Raises DataError where the served run is the first of
        the history.
        """
        runs = tables.runs
        order = (runs.c.snapshot_date, runs.c.run_version)
        self.latest_run()  # a store that is missing is not made here
        with self._changing() as connection:
            current = find(connection)
            earlier = tuple_(*order) < tuple_(current.snapshot_date, current.run_version)
            newest_first = (column.desc() for column in order)
            row = connection.execute(select(runs).where(earlier).order_by(*newest_first)).first()
            if row is None:
                raise DataError(
                    f"the score store {self.engine.url!r} has no run before {current.run_id}, which it "
                    "serves. Publish another with make weekly, or bring one back with make restore."
                )
            _point_to(connection, row.run_version)
            run = rows.run_from(row)
            announcements.announce(
                connection, "run.rolled_back", run, row.run_version, at, current.run_id,
                served=True, republished=False,
            )  # fmt: skip
            return run

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction, also for audit entries and what must stand or fall with them (audit.py)."""
        with self._changing() as connection:
            audit.lock(connection)
            yield connection

    @contextmanager
    def append(self) -> Iterator[Connection]:
        """One write transaction for what callers of the service send.

        PostgreSQL waits for no publication. SQLite has one writer: BusyError after ``PATIENCE`` seconds.
        """
        with connect.write(self.engine, connect.APPEND_LOCK, PATIENCE) as connection:
            self._look_at_version(connection)
            audit.lock(connection)
            yield connection

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """One write transaction that changes runs.

        It leaves the audit log to others: a publication takes minutes.
        """
        with connect.write(self.engine) as connection:
            schema.prepare(connection)
        with connect.write(self.engine) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction, also for the audit log. Raises DataError for a store that is not there."""
        with connect.read(self.engine) as connection:
            if not self._version_seen:
                self._look_at_version(connection)
                connection.rollback()  # so that the caller sees what is there at its first question
            yield connection

    def _look_at_version(self, connection: Connection) -> None:
        """Once: who migrates a store starts its services anew."""
        if not self._version_seen:
            schema.require_version(connection)
            self._version_seen = True

    @contextmanager
    def at_run(self, run_id: str | None = None, scope: Scope = EVERYTHING) -> Iterator[ReadSession]:
        """One run in one transaction, by default the served one. Raises DataError for an unknown run_id."""
        with self.read() as connection:
            yield ReadSession(connection, find(connection, run_id), scope)

    def latest_run(self) -> Run:
        """The run that is served now."""
        with self.at_run() as read_session:
            return read_session.run

    def keep_card(self, model_id: str, card: Mapping[str, Sequence[str]]) -> None:
        """The card of a model, by part, in place of an earlier one; it outlives the runs of the model."""
        cards = tables.model_cards
        with self.write() as connection:
            connection.execute(delete(cards).where(cards.c.model_id == model_id))
            connection.execute(insert(cards).values(model_id=model_id, card=rows.dump(dict(card))))

    def history(self) -> tuple[Run, ...]:
        """Every run in the store, the newest snapshot first."""
        with self.read() as connection:
            runs = select(tables.runs).order_by(tables.runs.c.snapshot_date.desc(), tables.runs.c.run_id)
            return tuple(map(rows.run_from, connection.execute(runs)))

    def scores(
        self, run_id: str | None = None, scope: Scope = EVERYTHING, run_version: int | None = None
    ) -> Iterator[Score]:
        """Every score of one run by customer_id, a page at a time, all in one transaction.

        So the rows are those of one publication, whatever is published meanwhile. Raises GoneError where the
        run is not there, or not in the version that is asked for, when the first score is read.
        """
        for _, page in self._pages(run_id, scope, run_version):
            yield from page

    def decided(self, run_id: str, scope: Scope, run_version: int) -> Iterator[DecidedScore]:
        """Every score of one run with its decision, likewise."""
        for read_session, page in self._pages(run_id, scope, run_version):
            decisions = read_session.decisions([score.customer_id for score in page])
            yield from (DecidedScore(score, decisions[score.customer_id]) for score in page)

    def _pages(
        self, run_id: str | None, scope: Scope, run_version: int | None
    ) -> Iterator[tuple[ReadSession, tuple[Score, ...]]]:
        with self.at_run(run_id, scope) as read_session:
            if run_version not in (None, read_session.run_version):
                raise GoneError(f"run {run_id} was published anew since it was asked for. Ask again.")
            page = read_session.page()
            while page:
                yield read_session, page
                page = read_session.page(page[-1].customer_id)


def keep_figures(
    connection: Connection,
    run_id: str,
    name: Literal["calibration", "drift", "gates", "outcome", "terms", "win_back"],
    content: Mapping[str, Any],
) -> None:
    """In place of what was kept under this name before. Raises DataError for an unknown run, and for NaN."""
    figures, run_version = tables.figures, find(connection, run_id).run_version
    key = {"run_version": run_version, "name": name}
    connection.execute(delete(figures).filter_by(**key))
    connection.execute(insert(figures).values(**key, content=rows.dump(content)))


def _tables_of(
    run_version: int,
    scores: Sequence[Score],
    exclusions: Sequence[Exclusion],
    lists: Sequence[CallList],
    extras: RunExtras,
) -> Iterator[tuple[Table, Iterator[rows.Values]]]:
    """The tables of a run, parents first, each with its rows, which are drawn one by one."""
    yield tables.scores, rows.score_rows(run_version, scores)
    yield tables.reasons, rows.reason_rows(run_version, scores)
    yield tables.profiles, profile_rows(run_version, extras.profiles)
    yield tables.branch_figures, rows.figure_rows(run_version, extras.branch_figures)
    for table, published in (
        (tables.exclusions, exclusions),
        (tables.managers, (call_list.manager for call_list in lists if call_list.manager)),
        (tables.decisions, (decision for call_list in lists for decision in call_list.decisions)),
        (tables.prepared_answers, extras.prepared_answers),
        (tables.coverage, extras.coverage),
        (tables.departures, extras.departures),
        (tables.tier_watches, extras.tier_watches),
        (tables.former_customers, extras.former_customers),
        (tables.handovers, extras.handovers),
    ):
        yield table, rows.object_rows(run_version, table, published)


def _check_profiles(connection: Connection, run: Run, run_version: int) -> None:
    profiles = tables.profiles
    query = select(func.count()).select_from(profiles).where(profiles.c.run_version == run_version)
    count = connection.scalar(query)
    if count not in (0, run.cohort):
        raise DataError(
            f"{run.run_id}: {count} profiles came with {run.cohort} scores. Make them of the same customers."
        )


def _until(connection: Connection, monday: date) -> Sequence[int]:
    """The runs of Mondays up to this one, but never the one served."""
    runs = tables.runs
    not_served = runs.c.run_version.not_in(select(tables.current_run.c.run_version))
    return connection.scalars(
        select(runs.c.run_version).where(runs.c.snapshot_date <= monday, not_served)
    ).all()


def _remove(connection: Connection, run_versions: Collection[int]) -> None:
    for table in tables.OF_A_RUN:
        connection.execute(delete(table).where(table.c.run_version.in_(run_versions)))


def _point_to(connection: Connection, run_version: int) -> None:
    """The last write of a publication; before it commits, readers follow the old pointer."""
    if not connection.execute(update(tables.current_run).values(run_version=run_version)).rowcount:
        connection.execute(insert(tables.current_run).values(slot=1, run_version=run_version))
