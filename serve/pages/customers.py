"""The page of one customer: score, holdings, risk over time, contacts, and the form of a call's outcome."""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response

from configs.published import OUTCOMES, Exclusion, Manager, PastContact, Score
from configs.tables import PRODUCT_CLASSES
from serve.api.requests import CustomerId
from serve.auth.access import Access, Granted
from serve.auth.policy import Role
from serve.http.paths import path_part
from serve.pages.charts import week_ends
from serve.pages.page import Page, RunId, asked_run, go, language_of, may, show, show_run
from serve.pages.session import Fields, Posted
from serve.store import contacts
from serve.store.database import BusyError
from serve.store.read_session import ReadSession
from serve.texts.wording import Wording

CONTACTS = 20  # shown, the newest of both sources
_KEY = re.compile(r"[\w-]{16,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # all but tabs and line ends

pages = APIRouter(include_in_schema=False, route_class=Page)


@dataclass(frozen=True)
class Form:
    """The fields of the form. Its key says that it is sent once, however often the button is pressed.

    ``callers`` are the managers to choose from; empty where who records has called in person. ``faults`` has
    a sentence by field.
    """

    key: str
    callers: tuple[Manager, ...] = ()
    caller: str = ""
    outcome: str = ""
    note: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    outcomes = OUTCOMES
    longest_note = contacts.LONGEST_NOTE


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
        profile = session.profiles([customer_id]).get(customer_id)
        held = profile.aum_by_class if profile else {}
        classes = {name: held[name] for name in PRODUCT_CLASSES if name in held and name != "loan"}
        recorded = contacts.latest_of(session.connection, customer_id, CONTACTS)
        past = profile.contacts if profile else ()
        return show_run(
            request,
            "customer.html",
            session,
            customer_id=customer_id,
            score=score,
            saved=saved if saved in OUTCOMES else "",
            form=blank(session, access, score),
            decision=session.decisions([customer_id]).get(customer_id),
            history=session.history(customer_id),
            opted_out=contacts.opted_out_since(session.connection, customer_id) is not None,
            profile=profile,
            own_classes=classes,
            week_ends=week_ends(session.run.snapshot_date, len(next(iter(classes.values()), ()))),
            contacts=_contact_rows(past, recorded, Wording(language_of(request))),
        )


def _contact_rows(
    past: Iterable[PastContact], recorded: Iterable[contacts.Contact], words: Wording
) -> list[dict[str, Any]]:
    """The newest contacts of the bank's own systems and of this service, newest first."""
    rows: list[dict[str, Any]] = [
        {
            "day": contact.contacted_on,
            "manager_id": contact.manager_id,
            "channel": words.term("channel", contact.channel),
            "purpose": words.term("purpose", contact.purpose),
            "outcome": words.term("contact", contact.outcome),
            "note": "",
        }
        for contact in past
    ]
    rows += [
        {
            "day": contact.happened_at.date(),
            "manager_id": contact.manager_id,
            "channel": words.term("channel", contact.channel) if contact.channel else "",
            "purpose": words("customer.recorded_here"),
            "outcome": words.term("outcome", contact.outcome),
            "note": contact.note,
        }
        for contact in recorded
    ]
    return sorted(rows, key=lambda row: row["day"], reverse=True)[:CONTACTS]


def blank(read_session: ReadSession, access: Access, score: Score) -> Form | None:
    """The form to begin with; None for who may not record, or where nobody could have called."""
    if not may(access, "record_outcome"):
        return None
    caller = access.caller
    if caller.role is Role.MANAGER:
        return Form(_new_key(), caller=caller.manager_id)
    callers = read_session.managers(score.branch_id or "")
    if not (callers or read_session.managers()):  # a bank without managers: who records has called
        return Form(_new_key(), caller=caller.subject)
    return Form(_new_key(), callers, score.manager_id or "") if callers else None


@pages.post("/customers/{customer_id}/outcome")
def record_outcome(request: Request, customer_id: CustomerId, access: Granted, fields: Posted) -> Response:
    """Keeps what came of a call, then shows the customer again; a form with faults is shown with them."""
    words = Wording(language_of(request))
    with asked_run(access, fields.get("run", "")) as read_session:
        score = read_session.customer(customer_id)
        form = blank(read_session, access, score) if isinstance(score, Score) else None
        newest = read_session.served_run()
    if form is None:
        raise HTTPException(404)
    status, form = 422, _filled(form, fields, words)
    run_id = read_session.run.run_id
    if not form.faults:
        try:
            with request.app.state.store.append() as connection:
                contacts.record(connection, _contact(customer_id, run_id, form), access.author)
            page = f"/customers/{path_part(customer_id)}"
            return go(f"{page}?run={quote(run_id)}&saved={form.outcome}")
        except contacts.ConflictError:
            form = replace(form, key=_new_key(), faults={"outcome": words("record.conflict")})
        except BusyError:
            status, form = 503, replace(form, faults={"outcome": words("record.busy")})
    frame = {"run": read_session.run, "newest": newest, "customer_id": customer_id, "form": form}
    return show(request, "outcome.html", status, **frame)


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def _filled(form: Form, fields: Fields, words: Wording) -> Form:
    """The form as it was sent, with its faults. A line end, which browsers send as two characters, is one."""
    sent = replace(
        form,
        key=fields.get("key", ""),
        caller=fields.get("caller", "") if form.callers else form.caller,
        outcome=fields.get("outcome", ""),
        note=fields.get("note", "").replace("\r\n", "\n").strip(),
    )
    return replace(sent, faults=dict(_faults(sent, words)))


def _faults(form: Form, words: Wording) -> Iterator[tuple[str, str]]:
    """One sentence per fault, with its field."""
    if form.outcome not in OUTCOMES or not _KEY.fullmatch(form.key):
        yield "outcome", words("record.missing")
    if form.callers and form.caller not in {manager.manager_id for manager in form.callers}:
        yield "caller", words("record.caller.missing")
    if len(form.note) > contacts.LONGEST_NOTE:
        yield "note", words("record.long", found=len(form.note), most=contacts.LONGEST_NOTE)
    elif _CONTROL.search(form.note):
        yield "note", words("record.odd")


def _contact(customer_id: str, run_id: str, form: Form) -> contacts.Contact:
    return contacts.Contact(
        key=form.key,
        customer_id=customer_id,
        manager_id=form.caller,
        run_id=run_id,
        outcome=form.outcome,
        note=form.note,
        recorded_at=datetime.now(UTC),
    )
