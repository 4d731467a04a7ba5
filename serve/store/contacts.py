"""Outcomes of calls, and customers who want no more: written together with their audit entries or not at all.

Every function belongs to the caller's transaction: ``Store.append`` or ``Store.write`` where something is
added or taken away.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, update

from serve.store import audit, tables
from serve.store.contact_entries import LONGEST_NOTE as LONGEST_NOTE
from serve.store.contact_entries import ConflictError as ConflictError
from serve.store.contact_entries import Contact as Contact
from serve.store.contact_entries import ContactError as ContactError
from serve.store.contact_entries import check_times, contact_from, in_seconds, row_of
from serve.store.scope import EVERYTHING, Scope, within_reach

ANSWERED = ("will_stay", "undecided", "leaving")  # outcomes of who talked
_HAPPENED = func.coalesce(tables.contacts.c.contacted_at, tables.contacts.c.recorded_at)


@dataclass(frozen=True)
class Author:
    """The name of who records something, and the key that seals the audit entry about it."""

    name: str
    audit_key: bytes | None


def record(connection: Connection, contact: Contact, author: Author, names_run: bool = True) -> Contact:
    """The contact as it stands in the store, where it is added unless its manager sent it before.

    Whose sender names no run means the served one, which may be another when the same is sent again. Who
    named ``no_contact`` is opted out with it. Raises ConflictError where the key stands for another contact,
    and ContactError where a time cannot be or ``corrects`` names no entry of this customer and manager.
    """
    contact = in_seconds(contact)
    same_manager = tables.contacts.c.manager_id == contact.manager_id
    same_key = tables.contacts.c.idempotency_key == contact.key
    for stored in oldest_first(connection, same_manager, same_key):  # one at most
        run_id = contact.run_id if names_run else stored.run_id
        sent = replace(contact, run_id=run_id, recorded_at=stored.recorded_at, contact_id=stored.contact_id)
        if sent != stored:
            raise ConflictError(
                "this key was used for another contact. Send each contact under a key of its own."
            )
        return stored
    check_times(contact)
    corrected = _corrected_by(connection, contact)
    added = _add(connection, contact)
    about = {name: getattr(added, name) for name in ("contact_id", "manager_id", "run_id", "outcome")}
    about |= {name: value for name in ("channel", "corrects") if (value := getattr(added, name))}
    times = {"contacted_at": added.contacted_at, "follow_up_on": added.follow_up_on}
    about |= {name: at.isoformat() for name, at in times.items() if at}
    action = "correct contact" if added.outcome else "withdraw contact"
    action = action if corrected else "record contact"
    entry = audit.Entry(added.recorded_at, author.name, action, added.customer_id, about)
    audit.append(connection, entry, author.audit_key)
    if corrected:
        _follow_correction(connection, corrected, added, author)
    if added.outcome == "no_contact":
        opt_out(connection, added.customer_id, added.recorded_at, author, added.contact_id)
    return added


def _corrected_by(connection: Connection, contact: Contact) -> Contact | None:
    """The entry that a contact corrects; None where it corrects none. Raises ContactError."""
    if contact.corrects is None:
        if not contact.outcome:
            raise ContactError(
                "outcome", "an entry without an outcome withdraws another. Name it in `corrects`."
            )
        return None
    named = oldest_first(connection, tables.contacts.c.contact_id == contact.corrects)
    if not named or named[0].customer_id != contact.customer_id:
        raise ContactError(
            "corrects",
            f"no entry {contact.corrects} of this customer. Name one of the customer's contact_ids.",
        )
    if named[0].manager_id != contact.manager_id:
        raise ContactError(
            "corrects",
            f"entry {contact.corrects} is another manager's. Who made it corrects it, or record a "
            "contact of your own.",
        )
    later = oldest_first(connection, tables.contacts.c.corrects == contact.corrects)
    if later:
        raise ContactError(
            "corrects",
            f"entry {contact.corrects} was corrected by entry {later[0].contact_id}. Correct that one.",
        )
    return named[0]


def _follow_correction(connection: Connection, corrected: Contact, added: Contact, author: Author) -> None:
    """The opt-out that a corrected entry made goes, unless another entry since it says the same."""
    opted, contacts = tables.opt_outs, tables.contacts
    made_by = opted.c.contact_id == corrected.contact_id
    since = connection.scalar(select(opted.c.since).where(made_by))
    if since is None:
        return
    same = contacts.c.customer_id == added.customer_id, contacts.c.outcome == "no_contact"
    entries = oldest_first(connection, *same, contacts.c.recorded_at >= _midnight(since), counting())
    if not entries:
        withdraw_opt_out(connection, added.customer_id, added.recorded_at, author)
        return
    reason = added if added in entries else entries[0]
    since = since if reason is added else reason.recorded_at.date()
    values = {"contact_id": reason.contact_id, "since": since}
    connection.execute(update(opted).where(made_by).values(values))


def opt_out(
    connection: Connection, customer_id: str, at: datetime, author: Author, contact_id: int | None = None
) -> date:
    """No list holds the customer from the next run on; returns since when, which for who was opted
    out is unchanged.
    """
    since = opted_out_since(connection, customer_id)
    if since:
        return since
    since = at.astimezone(UTC).date()
    connection.execute(
        insert(tables.opt_outs).values(customer_id=customer_id, since=since, contact_id=contact_id)
    )
    entry = audit.Entry(at, author.name, "opt out", customer_id, {"contact_id": contact_id})
    audit.append(connection, entry, author.audit_key)
    return since


def withdraw_opt_out(connection: Connection, customer_id: str, at: datetime, author: Author) -> None:
    """The customer may be called again; nothing happens where there was no opt-out."""
    since = opted_out_since(connection, customer_id)
    if since is None:
        return
    connection.execute(delete(tables.opt_outs).where(tables.opt_outs.c.customer_id == customer_id))
    entry = audit.Entry(at, author.name, "withdraw opt-out", customer_id, {"since": since.isoformat()})
    audit.append(connection, entry, author.audit_key)


def opted_out_since(connection: Connection, customer_id: str) -> date | None:
    """The day of the opt-out; None for who may be called."""
    since: date | None = connection.scalar(
        select(tables.opt_outs.c.since).where(tables.opt_outs.c.customer_id == customer_id)
    )
    return since


def opted_out(connection: Connection) -> frozenset[str]:
    """Every customer who wants no more calls."""
    return frozenset(connection.scalars(select(tables.opt_outs.c.customer_id)))


def counting(day: date | None = None) -> ColumnElement[bool]:
    """Entries that count: now, or as was known before a day began in UTC."""
    contacts, later = tables.contacts, tables.contacts.alias("later")
    corrected = later.c.corrects == contacts.c.contact_id
    if day is None:
        return contacts.c.outcome.is_not(None) & ~exists().where(corrected)
    corrected &= later.c.recorded_at < _midnight(day)
    return (
        contacts.c.outcome.is_not(None)
        & _HAPPENED.__lt__(_midnight(day))
        & (contacts.c.recorded_at < _midnight(day))
        & ~exists().where(corrected)
    )


def last_reached(connection: Connection, day: date) -> dict[str, date]:
    """The last day before ``day`` on which each customer was reached, by the outcomes known before it.

    By a message only who answered it was.
    """
    contacts = tables.contacts
    by_message = func.coalesce(contacts.c.channel, "") == "message"
    talked = (contacts.c.outcome != "no_answer") & (~by_message | contacts.c.outcome.in_(ANSWERED))
    query = select(contacts.c.customer_id, func.max(_HAPPENED)).where(counting(day), talked)
    days = connection.execute(query.group_by(contacts.c.customer_id))
    return {customer_id: at.date() for customer_id, at in days}


def newest_with_follow_up(connection: Connection, day: date, since: date, until: date) -> dict[str, date]:
    """The day on which to call again, by customer, where the newest contact known before ``day`` sets one
    from ``since`` to before ``until``.
    """
    contacts = tables.contacts
    asked = select(contacts.c.customer_id).where(contacts.c.follow_up_on >= since, counting(day))
    newest = _newest(connection, contacts.c.customer_id.in_(asked), counting(day))
    days = {name: contact.follow_up_on for name, contact in newest.items()}
    return {name: on for name, on in days.items() if on and since <= on < until}


def latest_of(connection: Connection, customer_id: str, limit: int) -> tuple[Contact, ...]:
    """One customer's contacts that count, the newest first."""
    contacts = tables.contacts
    query = (
        select(contacts)
        .where(contacts.c.customer_id == customer_id, counting())
        .order_by(_HAPPENED.desc(), contacts.c.contact_id.desc())
        .limit(limit)
    )
    return tuple(map(contact_from, connection.execute(query)))


def recorded_after(
    connection: Connection, contact_id: int, limit: int, run_version: int, scope: Scope = EVERYTHING
) -> tuple[Contact, ...]:
    """The entries recorded after one, those corrected and withdrawn too, of customers within reach in a run.

    In the order of contact_id, which is that of the commits.
    """
    contacts = tables.contacts
    reached = within_reach(contacts.c.customer_id, run_version, scope)
    query = select(contacts).where(contacts.c.contact_id > contact_id, reached)
    return tuple(map(contact_from, connection.execute(query.order_by(contacts.c.contact_id).limit(limit))))


def with_keys(connection: Connection, customer_id: str, start: str) -> tuple[Contact, ...]:
    """One customer's contacts whose keys begin with ``start``, the oldest first."""
    same_start = tables.contacts.c.idempotency_key.startswith(start, autoescape=True)
    return oldest_first(connection, tables.contacts.c.customer_id == customer_id, same_start)


def newest_before(connection: Connection, customer_ids: Collection[str], day: date) -> dict[str, Contact]:
    """The newest contact of each of some customers as known before a day began in UTC, by customer_id."""
    return _newest(connection, tables.contacts.c.customer_id.in_(customer_ids), counting(day))


def of_run(connection: Connection, run_id: str, customer_ids: Collection[str]) -> dict[str, Contact]:
    """The newest contact of each of some customers that the lists of one run led to, by customer_id."""
    contacts = tables.contacts
    of_customers = contacts.c.customer_id.in_(customer_ids)
    return _newest(connection, of_customers, contacts.c.run_id == run_id, counting())


def holds(connection: Connection, contact_id: int, key: str) -> bool:
    """True where the store has this contact under this number."""
    stored = select(tables.contacts.c.idempotency_key).where(tables.contacts.c.contact_id == contact_id)
    return connection.scalar(stored) == key


def recorded(run_id: str, customer_id: ColumnElement[str]) -> ColumnElement[bool]:
    """True where an outcome of a customer is recorded that the lists of one run led to."""
    contacts = tables.contacts
    return exists().where(contacts.c.run_id == run_id, contacts.c.customer_id == customer_id, counting())


def _newest(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, Contact]:
    """By the time of the call; of two at one time the later entry."""
    query = select(tables.contacts).where(*conditions).order_by(_HAPPENED, tables.contacts.c.contact_id)
    return {row.customer_id: contact_from(row) for row in connection.execute(query)}


def oldest_first(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Contact, ...]:
    """Every entry that meets the conditions, those corrected and withdrawn too, the oldest first."""
    query = select(tables.contacts).where(*conditions).order_by(tables.contacts.c.contact_id)
    return tuple(map(contact_from, connection.execute(query)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _add(connection: Connection, contact: Contact) -> Contact:
    number = connection.execute(insert(tables.contacts), row_of(contact)).inserted_primary_key
    return replace(contact, contact_id=number[0] if number else None)
