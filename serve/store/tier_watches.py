"""The customers of a run whose tier falls on a known day, in the order in which to call them."""

from sqlalchemy import case

from configs.branch_rows import TierWatch
from serve.store import contacts, tables
from serve.store.portfolio import ListOwner
from serve.store.read_session import ReadSession


def watched(session: ReadSession, owner: ListOwner) -> tuple[TierWatch, ...]:
    """The watched customers of a portfolio.

    Who falls soonest comes first, and on one day whoever has most money; who keeps the tier with the money
    that is there comes last. Who wants no more calls is left out from the
    moment that is recorded.
    """
    return tuple(watch for watch in places_of_watched(session, owner) if watch)


def places_of_watched(session: ReadSession, owner: ListOwner) -> tuple[TierWatch | None, ...]:
    """The same, with None in the place of who wants no more calls: pages cut here lose nobody."""
    watches, opted_out = tables.tier_watches, contacts.opted_out(session.connection)
    kept = case((watches.c.falls_to == watches.c.tier, 1), else_=0)
    order = kept, watches.c.falls_on, watches.c.average_minor.desc(), watches.c.customer_id
    query = session.of(watches).where(owner.holds(watches)).order_by(*order)
    return tuple(
        None if watch.customer_id in opted_out else watch for watch in session.objects(TierWatch, query)
    )


def watch_of(session: ReadSession, customer_id: str) -> TierWatch | None:
    """The watch of one customer within reach; None for who is not watched."""
    query = session.of(tables.tier_watches).where(tables.tier_watches.c.customer_id == customer_id)
    return next(iter(session.objects(TierWatch, query)), None)
