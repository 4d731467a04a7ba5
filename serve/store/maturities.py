"""Money that falls due soon at the customers of one manager."""

from datetime import date

from sqlalchemy import select

from configs.published import Maturity
from serve.store import tables
from serve.store.read_session import ReadSession, same_customer
from serve.store.rows import unpacked


def maturities(read_session: ReadSession, manager_id: str, until: date) -> tuple[tuple[str, Maturity], ...]:
    """Customers within reach in this manager's charge, each holding with its customer_id, the soonest first.

    Up to and with ``until``. A run too old to have profiles has none.
    """
    scores, profiles = tables.scores, tables.profiles
    query = (
        select(profiles.c.customer_id, profiles.c.content)
        .join(scores, same_customer(scores, profiles))
        .where(profiles.c.run_version == read_session.run_version, read_session.scope.of(scores))
        .where(scores.c.manager_id == manager_id)
    )
    due = [
        (row.customer_id, maturity)
        for row in read_session.connection.execute(query)
        for maturity in unpacked(*row).maturities
        if maturity.matures_on <= until
    ]
    return tuple(sorted(due, key=lambda pair: (pair[1].matures_on, -pair[1].balance_minor, pair[0])))
