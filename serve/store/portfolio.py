"""A list and the portfolio it is made of, one page at a time: chosen, ordered and bounded by the database."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, and_, select

from configs.published import Decision
from serve.store import contacts, tables
from serve.store.read_session import ReadSession, same_customer


@dataclass(frozen=True)
class ListOwner:
    """Whose list and portfolio: a manager's; without one a branch's own; without both the common one."""

    manager_id: str | None = None
    branch_id: str | None = None

    def holds(self, table: FromClause) -> ColumnElement[bool]:
        """The rows of a table about customers of this portfolio."""
        if self.manager_id:
            return table.c.manager_id == self.manager_id
        return and_(table.c.manager_id.is_(None), table.c.branch_id == self.branch_id)


def next_to_do(session: ReadSession, customer_id: str) -> str | None:
    """The customer after this one on the list of the run of whom no outcome is recorded, from the top again
    after the last.

    None when nobody else is left to call, and for a customer who is on no list.
    """
    decisions, scores = tables.decisions, tables.scores
    after = session.decisions([customer_id]).get(customer_id)
    if after is None or after.rank is None:
        return None
    query = (
        select(decisions.c.customer_id)
        .join(scores, same_customer(scores, decisions))
        .where(decisions.c.run_version == session.run_version, _owner_of(after).holds(decisions))
        .where(decisions.c.rank.is_not(None), decisions.c.rank != after.rank, session.scope.of(scores))
        .where(~contacts.recorded(session.run.run_id, decisions.c.customer_id))
        .order_by(decisions.c.rank < after.rank, decisions.c.rank)
        .limit(1)
    )
    following: str | None = session.connection.scalar(query)
    return following


def _owner_of(decision: Decision) -> ListOwner:
    return ListOwner(decision.manager_id, decision.branch_id)
