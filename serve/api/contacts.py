"""Contacts with customers: the outcome of a call as it is sent, alone or in batches, and as it is stored."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import HTTPException
from pydantic import AliasChoices, AwareDatetime, BeforeValidator, Field, JsonValue, ValidationError
from sqlalchemy import Connection

from configs.errors import DataError
from configs.published import Outcome, Run
from configs.tables import ContactChannel
from serve.api.requests import (
    BODY,
    GONE_RUN,
    NO_CUSTOMER,
    UNCHANGED,
    IdempotencyKey,
    OpenedStore,
    PageCursor,
    PageSize,
    authorized_router,
    exemplified,
)
from serve.auth.access import Access, Granted
from serve.http.problem_kinds import KINDS
from serve.http.problems import CONFLICT, GONE, Problem, documented, problem, problem_of, problem_of_entry
from serve.http.responses import ID, RunResponse, Schema
from serve.store import contacts
from serve.store.former import former_of
from serve.store.read_session import GoneError
from serve.store.tier_watches import watch_of

NO_CUSTOMER_OR_MANAGER = "The run knows no such customer, or no such manager."
MOST = 500  # entries of a batch
router = authorized_router("contacts")


class ContactSent(Schema):
    """The outcome of one contact."""

    customer_id: str = Field(pattern=ID)
    outcome: Outcome | None = Field(
        default=None,
        description="no_contact: the customer wants no more calls, and is opted out with it; null only with "
        "`corrects`: that entry is withdrawn",
    )
    note: str = Field(default="", max_length=contacts.LONGEST_NOTE, pattern=r"^[^\x00]*$")
    manager_id: str | None = Field(default=None, pattern=ID, description="who called; by default who sends")
    run_id: str | None = Field(
        default=None, pattern=ID, description="the run whose list led to it; by default the one served"
    )
    channel: ContactChannel | None = None
    contacted_at: AwareDatetime | None = Field(
        default=None, description="when the call took place, with its zone; by default now"
    )
    follow_up_on: date | None = Field(
        default=None, description="a day on which to call again: that week's list holds the customer"
    )
    corrects: int | None = Field(
        default=None,
        ge=1,
        lt=2**31,
        description="contact_id of the entry of this customer and manager in whose place this one stands",
    )


class BatchEntry(ContactSent):
    """One contact of a batch, with its key."""

    key: str = Field(pattern=r"^[\x21-\x7e]{1,128}$", description="the sender's own, as Idempotency-Key")


class ContactBatch(Schema):
    """Contacts that are recorded one by one: a fault of one does not hold up the others."""

    contacts: tuple[Annotated[BatchEntry | JsonValue, Field(union_mode="left_to_right")], ...] = Field(
        min_length=1, max_length=MOST
    )


class ContactSchema(Schema):
    """One contact."""

    contact_id: int
    manager_id: str = Field(description="who called")
    run_id: str = Field(description="the run whose list led to the contact")
    outcome: Annotated[Outcome | None, BeforeValidator(lambda outcome: outcome or None)] = Field(
        description="null: the entry that this one corrects is withdrawn"
    )
    note: str
    channel: ContactChannel | None = None
    contacted_at: datetime = Field(
        validation_alias=AliasChoices("happened_at", "contacted_at"), description="when the call took place"
    )
    follow_up_on: date | None = None
    corrects: int | None = Field(default=None, description="contact_id of the entry that counts no more")
    recorded_at: datetime


class ContactEntry(ContactSchema):
    """One contact and whom it was with."""

    customer_id: str


class ContactRecorded(RunResponse):
    """A contact as it stands in the store."""

    customer_id: str
    contact: ContactSchema


class BatchAnswer(Schema):
    """The outcome of one entry of a batch: the contact as it stands in the store, or the problem with it."""

    status: Literal["recorded", "refused"]
    contact: ContactEntry | None = None
    problem: Problem | None = None


class ContactsRecorded(RunResponse):
    """The answers to the entries of a batch, in their order."""

    recorded: int = Field(ge=0, description="entries that stand in the store now")
    answers: tuple[BatchAnswer, ...]


class RecordedContacts(RunResponse):
    """Entries in the order in which they were recorded, those corrected or withdrawn since too."""

    contacts: tuple[ContactEntry, ...]
    next_cursor: str | None = Field(
        description="for what follows, also after the last; keep it and ask again. null: nothing yet"
    )


@dataclass(frozen=True)
class Known:
    """A run, and the managers and those of some customers whom the caller reaches in it."""

    run: Run
    managers: Collection[str]
    customers: Collection[str]


@router.post(
    "/contacts",
    status_code=201,
    responses=exemplified("record_contact", 201)
    | BODY
    | GONE_RUN
    | documented(e404=NO_CUSTOMER, e409=CONFLICT),
)
def record_contact(
    sent: ContactSent, idempotency_key: IdempotencyKey, access: Granted, store: OpenedStore
) -> ContactRecorded:
    """Records the outcome of a contact once: sent again under its key, it gets the first answer."""
    access.about(sent.customer_id)
    known = reached(access, sent.run_id, [sent.customer_id])
    contact = _contact(access, known, sent, idempotency_key)
    try:
        with store.append() as connection:
            recorded = contacts.record(connection, contact, access.author, sent.run_id is not None)
    except contacts.ContactError as error:
        raise HTTPException(422, f"body.{error.field}: {error}") from None
    return ContactRecorded(
        **access.context(known.run).source,
        customer_id=recorded.customer_id,
        contact=ContactSchema.model_validate(recorded, from_attributes=True),
    )


@router.post("/contacts/batch", responses=UNCHANGED | BODY | documented(e404=NO_CUSTOMER))
def record_contacts(sent: ContactBatch, access: Granted, store: OpenedStore) -> ContactsRecorded:
    """Records up to 500 contacts, each once under its own key, and answers each in its place."""
    entries = [entry if isinstance(entry, BatchEntry) else _faults(entry) for entry in sent.contacts]
    of_run: defaultdict[str | None, set[str]] = defaultdict(set)
    for entry in entries:
        if isinstance(entry, BatchEntry):
            of_run[entry.run_id].add(entry.customer_id)
    access.about(*sorted(set().union(*of_run.values())))
    known = {run_id: _reached_or_gone(access, run_id, of_run[run_id]) for run_id in of_run}
    served = reached(access, None, ())
    with store.append() as connection:
        answers = [
            entry
            if isinstance(entry, BatchAnswer)
            else _recorded(connection, access, known[entry.run_id], entry)
            for entry in entries
        ]
    return ContactsRecorded(
        **access.context(served.run).source,
        recorded=sum(answer.status == "recorded" for answer in answers),
        answers=tuple(answers),
    )


@router.get("/contacts", responses=exemplified("recorded_contacts") | GONE_RUN)
def recorded_contacts(access: Granted, limit: PageSize = 100, cursor: PageCursor = None) -> RecordedContacts:
    """Contacts recorded since a cursor, or ever, of customers within reach: by pages, API and workbooks."""
    with access.since(cursor, contacts.holds) as (read_session, contact_id):
        scope = read_session.run_version, access.scope
        entries = contacts.recorded_after(read_session.connection, contact_id, limit, *scope)
    access.about(*sorted({entry.customer_id for entry in entries}))
    last = entries[-1] if entries else None
    return RecordedContacts(
        **access.context(read_session.run).source,
        contacts=tuple(ContactEntry.model_validate(entry, from_attributes=True) for entry in entries),
        next_cursor=access.after(last.contact_id, last.key) if last else cursor,
    )


def reached(access: Access, run_id: str | None, customers: Collection[str]) -> Known:
    """A run, by default the served one, with its managers and those of some customers within reach."""
    with access.at_run(run_id) as read_session:
        managers = {manager.manager_id for manager in read_session.managers()}
        scored = read_session.customers(customers).keys()
        others = set(customers) - scored
        unscored = {name for name in others if watch_of(read_session, name) or former_of(read_session, name)}
        return Known(read_session.run, managers, scored | unscored)


def caller_of(access: Access, known: Known, customer_id: str, named: str | None) -> str:
    """The manager who called or judged. Raises HTTPException 404 and 422."""
    manager_id = named or access.caller.manager_id
    if not known.managers:  # a bank without managers: who sends has called, or who is named
        manager_id = manager_id or access.caller.subject
    elif not manager_id:
        raise HTTPException(422, "body.manager_id: say which manager it was")
    elif manager_id not in known.managers:
        raise HTTPException(404, NO_CUSTOMER_OR_MANAGER)
    if customer_id not in known.customers:
        raise HTTPException(404, NO_CUSTOMER_OR_MANAGER)
    return manager_id


def _contact(access: Access, known: Known, sent: ContactSent, key: str) -> contacts.Contact:
    return contacts.Contact(
        key=key,
        customer_id=sent.customer_id,
        manager_id=caller_of(access, known, sent.customer_id, sent.manager_id),
        run_id=known.run.run_id,
        outcome=sent.outcome or "",
        note=sent.note,
        recorded_at=datetime.now(UTC),
        channel=sent.channel,
        contacted_at=sent.contacted_at,
        follow_up_on=sent.follow_up_on,
        corrects=sent.corrects,
    )


def _reached_or_gone(access: Access, run_id: str | None, customers: Collection[str]) -> Known | None:
    try:
        return reached(access, run_id, customers)
    except GoneError:
        return None


def _recorded(connection: Connection, access: Access, known: Known | None, sent: BatchEntry) -> BatchAnswer:
    """Whatever is refused is so before anything was written."""
    if known is None:
        return _refused(problem(KINDS["run-gone"], GONE))
    try:
        contact = _contact(access, known, sent, sent.key)
        recorded = contacts.record(connection, contact, access.author, sent.run_id is not None)
    except HTTPException as error:
        return _refused(problem_of(error.status_code, error.detail))
    except contacts.ConflictError:
        return _refused(problem(KINDS["key-reused"], CONFLICT))
    except contacts.ContactError as error:
        return _refused(problem_of(422, f"body.{error.field}: {error}"))
    return BatchAnswer(status="recorded", contact=ContactEntry.model_validate(recorded, from_attributes=True))


def _faults(entry: Any) -> BatchAnswer:
    try:
        BatchEntry.model_validate(entry)
    except ValidationError as error:
        return _refused(problem_of_entry(error.errors(include_input=False, include_url=False)))
    raise DataError("an entry was refused and is valid. Tell who runs the service.")


def _refused(refusal: Problem) -> BatchAnswer:
    return BatchAnswer(status="refused", problem=refusal)
