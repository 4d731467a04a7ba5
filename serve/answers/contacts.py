"""What came of calling a customer: as it is sent, and as it is shown."""

from datetime import date, datetime

from pydantic import Field

from configs.published import Outcome
from serve.answers.source import ID, Answer, Shown, View
from serve.store.contacts import LONGEST_NOTE, Contact


class ContactSent(Shown):
    """The outcome of one contact."""

    customer_id: str = Field(pattern=ID)
    outcome: Outcome = Field(
        description="no_contact: the customer wants no more calls, and is opted out with it"
    )
    note: str = Field(default="", max_length=LONGEST_NOTE, pattern=r"^[^\x00]*$")
    manager_id: str | None = Field(default=None, pattern=ID, description="who called; by default who sends")
    run_id: str | None = Field(
        default=None, pattern=ID, description="the run whose list led to it; by default the one served"
    )


class ContactShown(Shown):
    """One contact."""

    contact_id: int
    manager_id: str = Field(description="who called")
    run_id: str = Field(description="the run whose list led to the contact")
    outcome: Outcome
    note: str
    recorded_at: datetime


class ContactRecorded(Answer):
    """A contact as it stands in the store."""

    customer_id: str
    contact: ContactShown


class OptOut(Answer):
    """Whether a customer may be called."""

    customer_id: str
    opted_out_since: date | None = Field(default=None, description="null: the customer may be called")


def contact_shown(contact: Contact) -> ContactShown:
    shown = {name: getattr(contact, name) for name in ContactShown.model_fields}
    return ContactShown(**shown)


def contact_recorded(view: View, contact: Contact) -> ContactRecorded:
    return ContactRecorded(**view.source, customer_id=contact.customer_id, contact=contact_shown(contact))


def opt_out(view: View, customer_id: str, since: date | None) -> OptOut:
    return OptOut(**view.source, customer_id=customer_id, opted_out_since=since)
