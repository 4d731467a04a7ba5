"""Outcomes of calls, and customers who want no more: written together with their audit entries or not at all.

Every function belongs to the caller's transaction: ``Store.append`` or ``Store.write`` where something is
added or taken away.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, select, update

from configs.errors import DataError
from serve.store import audit, tables

LONGEST_NOTE = 2_000  # characters


class ConflictError(DataError):
    """A key that names something else already."""


@dataclass(frozen=True)
class Contact:
    """One outcome of a manager's call. ``key`` is the sender's: the same key again adds nothing.

    ``run_id`` is the run whose list led to the call. ``contact_id`` is given by the store. Who sends it has
    checked its outcome and its note; the time has a zone.
    """

    key: str
    customer_id: str
    manager_id: str
    run_id: str
    outcome: str
    note: str
    recorded_at: datetime
    contact_id: int | None = None


@dataclass(frozen=True)
class Author:
    """The name of who records something, and the key that seals the audit entry about it."""

    name: str
    audit_key: bytes | None


def record(connection: Connection, contact: Contact, author: Author, names_run: bool = True) -> Contact:
    """The contact as it stands in the store, where it is added unless its manager sent it before.

    Whose sender names no run means the served one, which may be another when the same is sent again. Who said
    ``no_contact`` is opted out with it. Raises ConflictError where the key stands for another contact.
    """
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
    added = _add(connection, contact)
    about = {name: getattr(added, name) for name in ("contact_id", "manager_id", "run_id", "outcome")}
    entry = audit.Entry(added.recorded_at, author.name, "record contact", added.customer_id, about)
    audit.append(connection, entry, author.audit_key)
    if added.outcome == "no_contact":
        opt_out(connection, added.customer_id, added.recorded_at, author, added.contact_id)
    return added


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


def follow_numbers(connection: Connection, newest: Mapping[str, str]) -> int:
    """Put what was recorded under old numbers of customers under their ``newest``; how many rows moved.

    Of the opt-outs of two customers who became one the earlier stays.
    """
    recorded, moved = tables.contacts, 0
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


def last_reached(connection: Connection, day: date) -> dict[str, date]:
    """The last day before ``day`` on which each customer was reached, by the outcomes recorded here."""
    contacts = tables.contacts
    query = (
        select(contacts.c.customer_id, func.max(contacts.c.recorded_at))
        .where(contacts.c.outcome != "no_answer", contacts.c.recorded_at < datetime.combine(day, time()))
        .group_by(contacts.c.customer_id)
    )
    return {customer_id: at.date() for customer_id, at in connection.execute(query)}


def latest_of(connection: Connection, customer_id: str, limit: int) -> tuple[Contact, ...]:
    """One customer's contacts, the newest first."""
    contacts = tables.contacts
    query = (
        select(contacts)
        .where(contacts.c.customer_id == customer_id)
        .order_by(contacts.c.recorded_at.desc(), contacts.c.contact_id.desc())
        .limit(limit)
    )
    return tuple(map(_from, connection.execute(query)))


def with_keys(connection: Connection, customer_id: str, start: str) -> tuple[Contact, ...]:
    """One customer's contacts whose keys begin with ``start``, the oldest first."""
    same_start = tables.contacts.c.idempotency_key.startswith(start, autoescape=True)
    return oldest_first(connection, tables.contacts.c.customer_id == customer_id, same_start)


def newest_before(connection: Connection, customer_ids: Collection[str], day: date) -> dict[str, Contact]:
    """The newest contact of each of some customers before a day began in UTC, by customer_id."""
    return _newest(connection, customer_ids, tables.contacts.c.recorded_at < datetime.combine(day, time()))


def of_run(connection: Connection, run_id: str, customer_ids: Collection[str]) -> dict[str, Contact]:
    """The newest contact of each of some customers that the lists of one run led to, by customer_id."""
    return _newest(connection, customer_ids, tables.contacts.c.run_id == run_id)


def recorded(run_id: str, customer_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether an outcome of a customer is recorded that the lists of one run led to."""
    contacts = tables.contacts
    return exists().where(contacts.c.customer_id == customer_id, contacts.c.run_id == run_id)


def _newest(
    connection: Connection, customer_ids: Collection[str], condition: ColumnElement[bool]
) -> dict[str, Contact]:
    contacts = tables.contacts
    query = (
        select(contacts)
        .where(contacts.c.customer_id.in_(customer_ids), condition)
        .order_by(contacts.c.recorded_at, contacts.c.contact_id)
    )
    return {row.customer_id: _from(row) for row in connection.execute(query)}


def oldest_first(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Contact, ...]:
    """Every contact recorded that meets the conditions, the oldest first."""
    query = select(tables.contacts).where(*conditions).order_by(tables.contacts.c.contact_id)
    return tuple(map(_from, connection.execute(query)))


def _add(connection: Connection, contact: Contact) -> Contact:
    at = contact.recorded_at.astimezone(UTC).replace(microsecond=0)
    row = {
        "idempotency_key": contact.key,
        "customer_id": contact.customer_id,
        "manager_id": contact.manager_id,
        "run_id": contact.run_id,
        "outcome": contact.outcome,
        "note": contact.note or None,
        "recorded_at": at.replace(tzinfo=None),
    }
    number = connection.execute(insert(tables.contacts), row).inserted_primary_key
    return replace(contact, recorded_at=at, contact_id=number[0] if number else None)


def _from(row: Row[Any]) -> Contact:
    return Contact(
        key=row.idempotency_key,
        customer_id=row.customer_id,
        manager_id=row.manager_id,
        run_id=row.run_id,
        outcome=row.outcome,
        note=row.note or "",
        recorded_at=row.recorded_at.replace(tzinfo=UTC),
        contact_id=row.contact_id,
    )
