"""The former customers of a run who may be asked to come back, in the order in which to ask them."""

from sqlalchemy import case

from configs.branch_rows import FormerCustomer
from serve.store import contacts, tables
from serve.store.portfolio import ListOwner
from serve.store.read_session import ReadSession


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
    return tuple(
        None if row.customer_id in opted_out else row for row in session.objects(FormerCustomer, query)
    )


def former_of(session: ReadSession, customer_id: str) -> FormerCustomer | None:
    """One former customer within reach; None for who is none."""
    query = session.of(tables.former_customers).where(tables.former_customers.c.customer_id == customer_id)
    return next(iter(session.objects(FormerCustomer, query)), None)
