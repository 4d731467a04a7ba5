"""One outcome of a call, as it is sent and as a row of the store."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from configs.errors import DataError

LONGEST_NOTE = 2_000  # characters
LONGEST_AGO = timedelta(days=366)  # from a call to its record; from a record to the follow-up
CLOCKS_DIFFER = timedelta(minutes=1)


class ConflictError(DataError):
    """A key that names something else already."""


class ContactError(DataError):
    """A contact that cannot be: a time that cannot have been, or a correction of what cannot be corrected.

    ``field`` is the one of Contact that is wrong.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True)
class Contact:
    """One outcome of a manager's call. ``key`` is the sender's: the same key again adds nothing.

    ``run_id`` is the run whose list led to the call. ``contact_id`` is given by the store, and ``corrects``
    is that of the entry in whose place this one stands; without an outcome it withdraws that entry. Who sends
    it has checked its parts; times have a zone. ``contacted_at`` is None where it was recorded at once.
    """

    key: str
    customer_id: str
    manager_id: str
    run_id: str
    outcome: str
    note: str
    recorded_at: datetime
    contact_id: int | None = None
    channel: str | None = None
    contacted_at: datetime | None = None
    follow_up_on: date | None = None
    corrects: int | None = None

    @property
    def happened_at(self) -> datetime:
        """The time of the call."""
        return self.contacted_at or self.recorded_at


def check_times(contact: Contact) -> None:
    """Raises ContactError for a call ahead or too long ago, and for a follow-up before it."""
    recorded_at, call, again = contact.recorded_at, contact.happened_at, contact.follow_up_on
    if call > recorded_at + CLOCKS_DIFFER:
        raise ContactError("contacted_at", "a call in the future. Send it when it has taken place.")
    if call < recorded_at - LONGEST_AGO:
        raise ContactError("contacted_at", f"a call more than {LONGEST_AGO.days} days ago.")
    if again and not call.date() < again <= recorded_at.date() + LONGEST_AGO:
        raise ContactError(
            "follow_up_on", f"name a day after the call, within {LONGEST_AGO.days} days from today on."
        )


def in_seconds(contact: Contact) -> Contact:
    """The contact with its times as the store keeps them. Raises ContactError for what no calendar has."""
    at, call = contact.recorded_at, contact.contacted_at
    try:
        call = call and call.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ContactError("contacted_at", "a time that no calendar has.") from None
    return replace(contact, recorded_at=at.astimezone(UTC).replace(microsecond=0), contacted_at=call)


def row_of(contact: Contact) -> dict[str, Any]:
    """The columns of ``tables.contacts`` but the number."""
    return {
        "idempotency_key": contact.key,
        "customer_id": contact.customer_id,
        "manager_id": contact.manager_id,
        "run_id": contact.run_id,
        "outcome": contact.outcome or None,
        "note": contact.note or None,
        "recorded_at": contact.recorded_at.replace(tzinfo=None),
        "channel": contact.channel,
        "contacted_at": contact.contacted_at and contact.contacted_at.replace(tzinfo=None),
        "follow_up_on": contact.follow_up_on,
        "corrects": contact.corrects,
    }


def contact_from(row: Row[Any]) -> Contact:
    return Contact(
        key=row.idempotency_key,
        customer_id=row.customer_id,
        manager_id=row.manager_id,
        run_id=row.run_id,
        outcome=row.outcome or "",
        note=row.note or "",
        recorded_at=row.recorded_at.replace(tzinfo=UTC),
        contact_id=row.contact_id,
        channel=row.channel,
        contacted_at=row.contacted_at and row.contacted_at.replace(tzinfo=UTC),
        follow_up_on=row.follow_up_on,
        corrects=row.corrects,
    )
