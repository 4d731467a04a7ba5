"""The former customers of a run who may be asked to come back, in the order in which to ask them."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, case, select

from configs.branch_rows import FormerCustomer
from serve.store import contacts, tables
from serve.store.portfolio import ListOwner
from serve.store.read_session import ReadSession
from serve.store.rows import values_of


def former_customers(session: ReadSession, owner: ListOwner) -> tuple[FormerCustomer, ...]:
    """The former customers of a portfolio, the most money expected first; who is left in peace for now last.

    Who wants no more calls is left out from the moment that is recorded.
    """
    return tuple(row for row in places_of_former(session, owner) if row)


def places_of_former(session: ReadSession, owner: ListOwner) -> tuple[FormerCustomer | None, ...]:
    """The same, with None in the place of who wants no more calls: pages cut here lose nobody."""
    rows, opted_out = tables.former_customers, contacts.opted_out(session.connection)
    waits = case((rows.c.waits_until.is_(None), 0), else_=1)
    order = waits, rows.c.value_minor.desc(), rows.c.customer_id
    query = session.of(rows).where(owner.holds(rows)).order_by(*order)
    return tuple(None if row.customer_id in opted_out else row for row in _former(session, query))


def former_of(session: ReadSession, customer_id: str) -> FormerCustomer | None:
    """One former customer within reach; None for who is none."""
    query = session.of(tables.former_customers).where(tables.former_customers.c.customer_id == customer_id)
    return next(iter(_former(session, query)), None)


def figures_of(session: ReadSession) -> dict[str, Any] | None:
    """What the run says of all former customers of the bank; None in a run that was published without it."""
    figures = tables.figures
    query = select(figures.c.content).where(
        figures.c.run_version == session.run_version, figures.c.name == "win_back"
    )
    content = session.connection.scalar(query)
    return json.loads(content) if content else None


def _former(session: ReadSession, query: Select[Any]) -> Sequence[FormerCustomer]:
    return [FormerCustomer(**values_of(row)) for row in session.connection.execute(query)]
