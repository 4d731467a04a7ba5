"""What was recorded of customers, under their newest numbers."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select, update

from serve.store import campaign_sending, tables
from serve.store.contacts import opted_out_since


def follow_numbers(connection: Connection, newest: Mapping[str, str]) -> int:
    """Put what was recorded under old numbers of customers under their ``newest``; how many rows moved.

    Of the opt-outs of two customers who became one the earlier stays.
    """
    moved = campaign_sending.follow_numbers(connection, newest)
    for recorded in (tables.contacts, tables.alert_feedback):
        for name in set(connection.scalars(select(recorded.c.customer_id).distinct())) & set(newest):
            renamed = update(recorded).where(recorded.c.customer_id == name).values(customer_id=newest[name])
            moved += connection.execute(renamed).rowcount
    opted = tables.opt_outs
    for row in connection.execute(select(opted).order_by(opted.c.since.desc(), opted.c.customer_id)).all():
        if row.customer_id in newest:
            names = (row.customer_id, newest[row.customer_id])
            since = min(row.since, opted_out_since(connection, names[1]) or row.since)
            connection.execute(delete(opted).where(opted.c.customer_id.in_(names)))
            values = {"customer_id": names[1], "since": since, "contact_id": row.contact_id}
            connection.execute(insert(opted).values(values))
            moved += 1
    return moved
