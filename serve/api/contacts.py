"""Contacts with customers: the outcome of a call as it is sent, and as it is stored."""

from datetime import UTC, datetime

from fastapi import HTTPException
from pydantic import Field

from configs.published import Outcome
from serve.api.requests import (
    BODY,
    GONE_RUN,
    NO_CUSTOMER,
    IdempotencyKey,
    OpenedStore,
    authorized_router,
    exemplified,
)
from serve.auth.access import Granted
from serve.http.problems import CONFLICT, documented
from serve.http.responses import ID, RunResponse, Schema
from serve.store import contacts

NO_CUSTOMER_OR_MANAGER = "The run knows no such customer, or no such manager."
router = authorized_router("contacts")


class ContactSent(Schema):
    """The outcome of one contact."""

    customer_id: str = Field(pattern=ID)
    outcome: Outcome = Field(
        description="no_contact: the customer wants no more calls, and is opted out with it"
    )
    note: str = Field(default="", max_length=contacts.LONGEST_NOTE, pattern=r"^[^\x00]*$")
    manager_id: str | None = Field(default=None, pattern=ID, description="who called; by default who sends")
    run_id: str | None = Field(
        default=None, pattern=ID, description="the run whose list led to it; by default the one served"
    )


class ContactSchema(Schema):
    """One contact."""

    contact_id: int
    manager_id: str = Field(description="who called")
    run_id: str = Field(description="the run whose list led to the contact")
    outcome: Outcome
    note: str
    recorded_at: datetime


class ContactRecorded(RunResponse):
    """A contact as it stands in the store."""

    customer_id: str
    contact: ContactSchema


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
    manager_id = sent.manager_id or access.caller.manager_id
    with access.at_run(sent.run_id) as read_session:
        if not read_session.managers():  # a bank without managers: who sends has called, or who is named
            manager_id = manager_id or access.caller.subject
        elif not manager_id:
            raise HTTPException(422, "body.manager_id: say which manager called")
        elif read_session.manager(manager_id) is None:
            raise HTTPException(404, NO_CUSTOMER_OR_MANAGER)
        if read_session.customer(sent.customer_id) is None:
            raise HTTPException(404, NO_CUSTOMER_OR_MANAGER)
    contact = contacts.Contact(
        key=idempotency_key,
        customer_id=sent.customer_id,
        manager_id=manager_id,
        run_id=read_session.run.run_id,
        outcome=sent.outcome,
        note=sent.note,
        recorded_at=datetime.now(UTC),
    )
    with store.append() as connection:
        recorded = contacts.record(connection, contact, access.author, sent.run_id is not None)
    return ContactRecorded(
        **access.context(read_session.run).source,
        customer_id=recorded.customer_id,
        contact=ContactSchema.model_validate(recorded, from_attributes=True),
    )
