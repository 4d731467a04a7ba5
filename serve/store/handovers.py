"""Handovers that a run proposes, and their acceptance: written together with its audit entry or not at all.

Who is in charge changes by nothing here, only by the bank's own delivery.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from configs.branch_rows import Handover
from configs.published import Score
from serve.store import audit, tables
from serve.store.contacts import Author
from serve.store.read_session import LONGEST, ReadSession


@dataclass(frozen=True)
class Acceptance:
    """The acceptance of a handover of a manager's customers, when (UTC), and in which run it was proposed."""

    from_manager_id: str
    run_id: str
    accepted_by: str
    accepted_at: datetime


@dataclass(frozen=True)
class Receiver:
    """One row per manager who takes over: customers and money at risk before, and what is added."""

    manager_id: str
    name: str
    customers: int
    money_at_risk_minor: int
    added: int
    added_minor: int


@dataclass(frozen=True)
class Proposal:
    """The customers of one manager who left, by number, with who should take each; and who takes how many.

    ``acceptance`` is of this very run, else the last of another.
    """

    from_manager_id: str
    name: str
    rows: tuple[tuple[Handover, Score], ...]
    receivers: tuple[Receiver, ...]
    acceptance: Acceptance | None

    @property
    def unplaced(self) -> int:
        """Customers whom nobody has room for."""
        return sum(row.to_manager_id is None for row, _ in self.rows)


def proposals(session: ReadSession, branch_id: str) -> tuple[Proposal, ...]:
    """The handovers that a run proposes within a branch in reach, by manager who left."""
    handovers, coverage = tables.handovers, tables.coverage
    query = session.of(handovers).where(handovers.c.branch_id == branch_id)
    by_manager: defaultdict[str, list[Handover]] = defaultdict(list)
    for row in session.connection.execute(query.order_by(handovers.c.customer_id)):
        fields = (row.customer_id, row.branch_id, row.from_manager_id, row.to_manager_id)
        by_manager[row.from_manager_id].append(Handover(*fields))
    names = {manager.manager_id: manager.name for manager in session.managers()}
    loads = session.connection.execute(session.of(coverage).where(coverage.c.branch_id == branch_id))
    present = {row.manager_id: (row.customers, row.money_at_risk_minor) for row in loads}
    accepted = acceptances(session.connection, branch_id)
    listed = []
    for manager_id, proposed in sorted(by_manager.items()):
        scores = _scores(session, [row.customer_id for row in proposed])
        rows = tuple((row, scores[row.customer_id]) for row in proposed if row.customer_id in scores)
        receivers = []
        for taker in sorted({row.to_manager_id for row, _ in rows if row.to_manager_id}):
            taken = [score.money_at_risk_minor for row, score in rows if row.to_manager_id == taker]
            before = present.get(taker, (0, 0))
            receivers.append(Receiver(taker, names.get(taker, ""), *before, len(taken), sum(taken)))
        name = names.get(manager_id, "")
        newest = {manager: each for (manager, _), each in accepted.items()}.get(manager_id)
        acceptance = accepted.get((manager_id, session.run.run_id), newest)
        listed.append(Proposal(manager_id, name, rows, tuple(receivers), acceptance))
    return tuple(listed)


def _scores(session: ReadSession, customers: Sequence[str]) -> dict[str, Score]:
    parts = (customers[k : k + LONGEST] for k in range(0, len(customers), LONGEST))
    return {name: score for part in parts for name, score in session.scores(part).items()}


def acceptances(connection: Connection, branch_id: str) -> dict[tuple[str, str], Acceptance]:
    """The acceptances of a branch by manager who left and run, the oldest first."""
    table = tables.handover_acceptances
    query = select(table).where(table.c.branch_id == branch_id)
    return {
        (row.from_manager_id, row.run_id): Acceptance(
            row.from_manager_id, row.run_id, row.accepted_by, row.accepted_at.replace(tzinfo=UTC)
        )
        for row in connection.execute(query.order_by(table.c.accepted_at, table.c.run_id))
    }


def accept(connection: Connection, branch_id: str, from_manager_id: str, run_id: str, author: Author) -> None:
    """Accept what a run proposes, once: it stands, whoever asks again.

    A later run's can be accepted too: for customers who found nobody, or a manager who leaves again.
    """
    if (from_manager_id, run_id) in acceptances(connection, branch_id):
        return
    at = datetime.now(UTC).replace(microsecond=0)
    key = {"branch_id": branch_id, "from_manager_id": from_manager_id, "run_id": run_id}
    row = key | {"accepted_by": author.name, "accepted_at": at.replace(tzinfo=None)}
    connection.execute(insert(tables.handover_acceptances), row)
    audit.append(
        connection, audit.Entry(at, author.name, "accept handover", branch_id, key), author.audit_key
    )
