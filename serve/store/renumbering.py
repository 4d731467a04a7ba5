"""Records of customers, under their newest numbers."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select, update

from serve.store import audit, campaign_sending, tables


def follow_numbers(connection: Connection, newest: Mapping[str, str]) -> int:
    """Put what was recorded under old numbers of customers under their ``newest``; how many rows changed."""
    moved = campaign_sending.follow_numbers(connection, newest)
    for recorded in (tables.contacts, tables.alert_feedback):
        for name in set(connection.scalars(select(recorded.c.customer_id).distinct())) & set(newest):
            renamed = update(recorded).where(recorded.c.customer_id == name).values(customer_id=newest[name])
            moved += connection.execute(renamed).rowcount
    return moved + _follow_opt_outs(connection, newest)


def _follow_opt_outs(connection: Connection, newest: Mapping[str, str]) -> int:
    """Keep the opt-out of a customer, the earliest one, under each of the customer's numbers; how many rows
    changed.

    The served run shows old numbers until the next one is published, and each run to which it is rolled back:
    who opted out must not be contacted there. A withdrawal under one number, if it is the newest, ends
    them all.
    """
    opted, names_of = tables.opt_outs, defaultdict[str, set[str]](set)
    held = {row.customer_id: row for row in connection.execute(select(opted))}
    for old, new in newest.items():
        names_of[new] |= {old, new}
    customers = {new: names for new, names in names_of.items() if not names.isdisjoint(held)}
    noted = audit.entries(connection, ("opt out", "withdraw opt-out")) if customers else ()
    last = {entry.subject: (place, entry.action) for place, entry in enumerate(noted)}
    changed = 0
    for _, names in sorted(customers.items()):
        rows = [held[name] for name in sorted(names & held.keys())]
        _, action = max((last[name] for name in names if name in last), default=(0, ""))
        first = min(rows, key=lambda row: row.since)
        wanted = {} if action == "withdraw opt-out" else dict.fromkeys(names, first.since)
        if wanted != {row.customer_id: row.since for row in rows}:
            connection.execute(delete(opted).where(opted.c.customer_id.in_(names)))
            values = {"since": first.since, "contact_id": first.contact_id}
            changed += len(names)
            if wanted:
                connection.execute(insert(opted), [{"customer_id": name} | values for name in sorted(names)])
    return changed
