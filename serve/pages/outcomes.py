"""The form that records the outcome of a call."""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response

from configs.published import OUTCOMES, Manager, Score
from serve.api.requests import CustomerId
from serve.auth.access import Access, Granted
from serve.auth.policy import Role
from serve.pages.page import Page, asked_run, go, language_of, may, show
from serve.pages.session import Fields, Posted
from serve.store import contacts
from serve.store.contacts import LONGEST_NOTE, Author, ConflictError, Contact
from serve.store.database import BusyError
from serve.store.read_session import ReadSession
from serve.texts.wording import Wording

pages = APIRouter(include_in_schema=False, route_class=Page)
_KEY = re.compile(r"[\w-]{16,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # all but tabs and line ends


@dataclass(frozen=True)
class Form:
    """The fields of the form. Its key says that it is sent once, however often the button is pressed.

    ``callers`` are the managers to choose from; empty for a manager, who calls in person. ``faults`` has a
    sentence by field.
    """

    key: str
    callers: tuple[Manager, ...] = ()
    caller: str = ""
    outcome: str = ""
    note: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    outcomes = OUTCOMES
    longest_note = LONGEST_NOTE

    def fault(self, name: str) -> str:
        return self.faults.get(name, "")


def blank(read_session: ReadSession, access: Access, score: Score) -> Form | None:
    """The form to begin with; None for who may not record, or where nobody could have called."""
    if not may(access, "record_outcome"):
        return None
    caller = access.caller
    if caller.role is Role.MANAGER:
        return Form(_new_key(), caller=caller.manager_id)
    callers = read_session.managers_of(score.branch_id or "")
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
    if not form.faults:
        try:
            _record(request, access, customer_id, read_session.run.run_id, form)
            return go(f"{path_of(customer_id)}?run={quote(read_session.run.run_id)}&saved={form.outcome}")
        except ConflictError:
            form = replace(form, key=_new_key(), faults={"outcome": words("record.conflict")})
        except BusyError:
            status, form = 503, replace(form, faults={"outcome": words("record.busy")})
    frame = {"run": read_session.run, "newest": newest, "customer_id": customer_id, "form": form}
    return show(request, "outcome.html", status, **frame)


def path_of(customer_id: str) -> str:
    return f"/customers/{quote(customer_id, safe='')}"


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
    if len(form.note) > LONGEST_NOTE:
        yield "note", words("record.long", found=len(form.note), most=LONGEST_NOTE)
    elif _CONTROL.search(form.note):
        yield "note", words("record.odd")


def _record(request: Request, access: Access, customer_id: str, run_id: str, form: Form) -> None:
    """Raises ConflictError where the same form was sent before with something else in it."""
    state = request.app.state
    contact = Contact(
        key=form.key,
        customer_id=customer_id,
        manager_id=form.caller,
        run_id=run_id,
        outcome=form.outcome,
        note=form.note,
        recorded_at=datetime.now(UTC),
    )
    with state.store.append() as connection:
        contacts.record(connection, contact, Author(access.caller.subject, state.settings.audit_secret))
