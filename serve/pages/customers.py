"""The page of one customer: score, holdings, risk over time, contacts and the form of outcomes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, HTTPException, Request, Response

from configs.published import OUTCOMES, Exclusion, PastContact
from configs.tables import PRODUCT_CLASSES
from serve.api.requests import CustomerId
from serve.auth.access import Granted
from serve.pages import outcomes
from serve.pages.charts import week_ends
from serve.pages.page import Page, RunId, asked_run, language_of, show_run
from serve.store import contacts
from serve.store.contacts import Contact
from serve.texts.wording import Wording

CONTACTS = 20  # shown, the newest of both sources

pages = APIRouter(include_in_schema=False, route_class=Page)


@dataclass(frozen=True)
class ContactRow:
    """One contact as the page shows it, whether it comes from the bank's systems or was recorded here."""

    day: date
    manager_id: str
    channel: str
    purpose: str
    outcome: str
    note: str = ""


@pages.get("/customers/{customer_id}")
def customer_page(
    request: Request, customer_id: CustomerId, access: Granted, run: RunId = "", saved: str = ""
) -> Response:
    """Everything the run says about one customer."""
    with asked_run(access, run) as session:
        score = session.customer(customer_id)
        if score is None:
            raise HTTPException(404)
        if isinstance(score, Exclusion):
            return show_run(request, "excluded.html", session, customer_id=customer_id, code=score.code)
        profile = session.profile(customer_id)
        held = profile.aum_by_class if profile else {}
        own = {name: held[name] for name in PRODUCT_CLASSES if name in held and name != "loan"}
        recorded = contacts.latest_of(session.connection, customer_id, CONTACTS)
        past = profile.contacts if profile else ()
        return show_run(
            request,
            "customer.html",
            session,
            customer_id=customer_id,
            score=score,
            saved=saved if saved in OUTCOMES else "",
            form=outcomes.blank(session, access, score),
            decision=session.decisions([customer_id]).get(customer_id),
            history=session.history(customer_id),
            opted_out=contacts.opted_out_since(session.connection, customer_id) is not None,
            profile=profile,
            own_classes=own,
            week_ends=week_ends(session.run.snapshot_date, len(next(iter(own.values()), ()))),
            contacts=_contact_rows(past, recorded, Wording(language_of(request))),
        )


def _contact_rows(
    past: Iterable[PastContact], recorded: Iterable[Contact], words: Wording
) -> list[ContactRow]:
    """The newest contacts of the bank's own systems and of this service, newest first."""
    rows = [
        ContactRow(
            contact.contacted_on,
            contact.manager_id,
            words.term("channel", contact.channel),
            words.term("purpose", contact.purpose),
            words.term("contact", contact.outcome),
        )
        for contact in past
    ]
    here = words("customer.recorded_here")
    for contact in recorded:
        outcome, day = words.term("outcome", contact.outcome), contact.recorded_at.date()
        rows.append(ContactRow(day, contact.manager_id, "", here, outcome, contact.note))
    return sorted(rows, key=lambda row: row.day, reverse=True)[:CONTACTS]
