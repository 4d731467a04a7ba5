"""What comes back from those who call."""

from datetime import UTC, datetime

from fastapi import HTTPException

from serve.answers import contacts as shown
from serve.answers import examples
from serve.answers.contacts import ContactSent
from serve.auth.access import Access, Granted
from serve.http.problems import CONFLICT, documented
from serve.http.requests import (
    BODY,
    GONE_RUN,
    NO_CUSTOMER,
    IdempotencyKey,
    OpenedStore,
    authorized_router,
    found,
)
from serve.store import contacts
from serve.store.contacts import Contact

NOBODY_KNOWN = "The run knows no such customer, or no such manager."
router = authorized_router("contacts")


@router.post(
    "/contacts",
    status_code=201,
    responses=found(examples.CONTACT, 201) | BODY | GONE_RUN | documented(e404=NO_CUSTOMER, e409=CONFLICT),
)
def record_contact(
    sent: ContactSent, idempotency_key: IdempotencyKey, access: Granted, store: OpenedStore
) -> shown.ContactRecorded:
    """Records what came of a contact. Sent again under its key it is answered as the first time, and not added."""
    access.about(sent.customer_id)
    manager_id = _caller_of(sent, access)
    with access.at_run(sent.run_id) as read_session:
        if read_session.customer(sent.customer_id) is None or read_session.manager(manager_id) is None:
            raise HTTPException(404, NOBODY_KNOWN)
    contact = Contact(
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
    return shown.contact_recorded(access.view(read_session.run), recorded)


def _caller_of(sent: ContactSent, access: Access) -> str:
    """Who called the customer. Raises HTTPException 422 where nobody is named."""
    manager_id = sent.manager_id or access.caller.manager_id
    if not manager_id:
        raise HTTPException(422, "body.manager_id: say which manager called")
    return manager_id
