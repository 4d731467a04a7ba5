"""The score store: one transaction publishes a run, and every read sees exactly one run."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Select, Table, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from configs.errors import DataError, did_you_mean
from configs.published import Exclusion, Manager, Run, Score
from serve import audit, rows, tables
from serve.checks import check
from serve.connect import connect, sqlite_file
from serve.lists import CallList, portfolios, restore

BATCH = 10_000  # rows handed to the driver at once; bounds memory
_PUBLISH_ONE = "Publish one with make weekly, or point ATTRITION_STORE to a store that has one."


@dataclass(frozen=True)
class Published:
    """Everything one run published."""

    run: Run
    scores: tuple[Score, ...]
    exclusions: tuple[Exclusion, ...]
    lists: tuple[CallList, ...]


class Store:
    """Holds the database connections; close it, or use it in a ``with`` statement.

    Every method raises DataError where the store is missing, empty, locked or damaged.
    """

    def __init__(self, url: str) -> None:
        """Opens nothing yet. Raises ConfigError for an address that cannot be used."""
        self._engine = connect(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    def publish(
        self,
        run: Run,
        scores: Sequence[Score],
        exclusions: Sequence[Exclusion],
        lists: Sequence[CallList],
    ) -> bool:
        """Writes one run whole, in place of an earlier one with its run_id; True if it is now the one served.

        A run older than the one served goes into the history only: filling in a past week must not take
        this week's lists away. Raises DataError, and leaves everything as it was, if the run does not add up.
        """
        check(run, scores, exclusions, lists)
        with self._writing() as connection:
            tables.metadata.create_all(connection)
            served = _served(connection)
            for table in tables.OF_A_RUN:
                connection.execute(delete(table).where(table.c.run_id == run.run_id))
            _write(connection, run, scores, exclusions, lists)
            if served and served.snapshot_date > run.snapshot_date:
                return False
            _point_to(connection, run.run_id)
            return True

    def serve_run(self, run_id: str) -> None:
        """Moves the pointer to a run of the history (roll-back). Raises DataError for an unknown run_id."""
        with self._writing() as connection:
            _run(connection, run_id)
            _point_to(connection, run_id)

    @contextmanager
    def recording(self) -> Iterator[Connection]:
        """One write transaction, for audit entries and what must stand or fall with them (serve/audit.py)."""
        with self._writing() as connection:
            tables.metadata.create_all(connection)
        with self._writing() as connection:
            audit.lock(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One read transaction, for the audit log. Raises DataError for a store that is not there."""
        with self._reading() as connection:
            yield connection

    def latest_run(self) -> Run:
        """The run that is served now."""
        with self._reading() as connection:
            return self._latest(connection)

    def history(self) -> tuple[Run, ...]:
        """Every run in the store, the newest snapshot first."""
        with self._reading() as connection:
            order = (tables.runs.c.snapshot_date.desc(), tables.runs.c.run_id)
            return tuple(map(rows.run_from, connection.execute(select(tables.runs).order_by(*order))))

    def customer(self, customer_id: str) -> tuple[Run, Score | Exclusion] | None:
        """The served run and what it says about one customer; None for one it does not know."""
        with self._reading() as connection:
            run = self._latest(connection)
            score = connection.execute(_of(tables.scores, run, customer_id=customer_id)).first()
            if score:
                return run, rows.score_from(score)
            exclusion = connection.execute(_of(tables.exclusions, run, customer_id=customer_id)).first()
            return (run, rows.exclusion_from(exclusion)) if exclusion else None

    def manager_list(self, manager_id: str) -> tuple[Run, Manager, tuple[Score, ...]] | None:
        """The served run and one manager's listed customers by rank; None for an unknown manager."""
        with self._reading() as connection:
            run = self._latest(connection)
            manager = connection.execute(_of(tables.managers, run, manager_id=manager_id)).first()
            if manager is None:
                return None
            listed = connection.execute(_listed(run, manager_id))
            return run, rows.manager_from(manager), tuple(map(rows.score_from, listed))

    def published(self, run_id: str | None = None) -> Published:
        """All of one run, by default the served one. Raises DataError for an unknown run_id."""
        with self._reading() as connection:
            run = _run(connection, run_id) if run_id else self._latest(connection)
            scores = tuple(map(rows.score_from, connection.execute(_of(tables.scores, run))))
            exclusions = tuple(map(rows.exclusion_from, connection.execute(_of(tables.exclusions, run))))
            managers = list(map(rows.manager_from, connection.execute(_of(tables.managers, run))))
            ranks = {row.customer_id: row.rank for row in connection.execute(_of(tables.list_entries, run))}
        return Published(run, scores, exclusions, restore(portfolios(scores, managers), ranks))

    def _latest(self, connection: Connection) -> Run:
        run = _served(connection)
        if run is None:
            raise DataError(f"the score store {self._engine.url!r} has no published run. {_PUBLISH_ONE}")
        return run

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """One read transaction; a missing SQLite file is an error and is not created."""
        path = sqlite_file(self._engine)
        if path and not path.is_file():
            raise DataError(f"there is no score store at {path}. {_PUBLISH_ONE}")
        with self._explained("read", _PUBLISH_ONE), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One write transaction: committed at the end, undone by any error."""
        path = sqlite_file(self._engine)
        with self._explained("written", "Free the disk or the lock, then run the same command again."):
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.execution_options(writes=True).begin() as connection:
                yield connection

    @contextmanager
    def _explained(self, verb: str, remedy: str) -> Iterator[None]:
        """Database errors as DataError; only the first line, as the others may hold a customer's id."""
        try:
            yield
        except (DBAPIError, OSError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            found = (str(cause).splitlines() or [type(error).__name__])[0]
            raise DataError(
                f"the score store {self._engine.url!r} cannot be {verb}: {found}. "
                f"What was published before is untouched. {remedy}"
            ) from error


def _of(table: Table, run: Run, **keys: str) -> Select[Any]:
    """The rows of one run whose columns equal ``keys``, in the order of the table's key."""
    of_run = select(table).where(table.c.run_id == run.run_id)
    return of_run.where(*(table.c[name] == value for name, value in keys.items())).order_by(
        *table.primary_key
    )


def _listed(run: Run, manager_id: str) -> Select[Any]:
    entries, scores = tables.list_entries, tables.scores
    return (
        select(scores)
        .join(
            entries,
            (entries.c.run_id == scores.c.run_id) & (entries.c.customer_id == scores.c.customer_id),
        )
        .where(entries.c.run_id == run.run_id, entries.c.manager_id == manager_id)
        .order_by(entries.c.rank)
    )


def _served(connection: Connection) -> Run | None:
    runs, pointer = tables.runs, tables.current_run
    row = connection.execute(select(runs).join(pointer, pointer.c.run_id == runs.c.run_id)).first()
    return rows.run_from(row) if row else None


def _run(connection: Connection, run_id: str) -> Run:
    row = connection.execute(select(tables.runs).where(tables.runs.c.run_id == run_id)).first()
    if row is None:
        known = connection.execute(select(tables.runs.c.run_id)).scalars()
        raise DataError(f"the score store has no run {run_id!r}. {did_you_mean(run_id, known)}")
    return rows.run_from(row)


def _write(
    connection: Connection,
    run: Run,
    scores: Sequence[Score],
    exclusions: Sequence[Exclusion],
    lists: Sequence[CallList],
) -> None:
    """All rows of one run, parents before children."""
    run_id = run.run_id
    _insert(connection, tables.runs, [rows.run_row(run)])
    _insert(connection, tables.scores, (rows.score_row(run_id, score) for score in scores))
    _insert(connection, tables.exclusions, (rows.exclusion_row(run_id, one) for one in exclusions))
    managers = (one.manager for one in lists if one.manager)
    _insert(connection, tables.managers, (rows.manager_row(run_id, manager) for manager in managers))
    _insert(connection, tables.list_entries, (row for one in lists for row in rows.entry_rows(run_id, one)))


def _insert(connection: Connection, table: Table, values: Iterable[dict[str, Any]]) -> None:
    pending = iter(values)
    while batch := list(islice(pending, BATCH)):
        connection.execute(insert(table), batch)


def _point_to(connection: Connection, run_id: str) -> None:
    """The last write of a publication; before it commits, readers follow the old pointer."""
    if not connection.execute(update(tables.current_run).values(run_id=run_id)).rowcount:
        connection.execute(insert(tables.current_run).values(slot=1, run_id=run_id))
