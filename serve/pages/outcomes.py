"""The form of a customer's page: the outcome of a call, the verdict on the alert, and corrections of both."""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Request, Response
from sqlalchemy import Connection

from configs.branch_rows import FormerCustomer, TierWatch
from configs.published import ALERT_FEEDBACK, OUTCOMES, Manager, Score
from configs.tables import CONTACT_CHANNELS
from serve.api.requests import CustomerId
from serve.auth.access import Access, Granted
from serve.auth.policy import Role
from serve.http.paths import path_part
from serve.pages.page import Page, RunId, asked_run, go, language_of, may, show, show_run
from serve.pages.session import Fields, Posted
from serve.store import alert_feedback, contacts, portfolio, tables
from serve.store.database import BusyError
from serve.store.former import former_of
from serve.store.read_session import ReadSession
from serve.store.tier_watches import watch_of
from serve.texts.wording import Wording

# The field of the form, and the sentence, by what the store refuses.
_OF_CONTACT = {
    "contacted_at": ("day", "record.day.ahead"),
    "follow_up_on": ("follow_up", "record.follow_up.past"),
}
YEAR = timedelta(days=366)  # at most since a call, and until a follow-up
DEFAULT_TIME = time(12)  # of a call whose day alone is known
_KEY = re.compile(r"[\w-]{16,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # all but tabs and line ends
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")

pages = APIRouter(include_in_schema=False, route_class=Page)

Called = Score | TierWatch | FormerCustomer  # whom somebody may have called
EntryNumber = Annotated[str, Query(max_length=18)]


@dataclass(frozen=True)
class Form:
    """The fields of the form, as typed. Its key says that it is sent once, however often the button is
    pressed.

    ``callers`` are the managers to choose from; empty where who records has called in person. ``corrects`` is
    the entry in whose place this one stands. ``zone`` is that of ``day`` and ``clock``, the time of the call;
    both empty mean now. ``faults`` has a sentence by field.
    """

    key: str
    zone: str = "UTC"
    callers: tuple[Manager, ...] = ()
    caller: str = ""
    outcome: str = ""
    channel: str = ""
    day: str = ""
    clock: str = ""
    follow_up: str = ""
    note: str = ""
    feedback: str = ""
    corrects: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    outcomes = OUTCOMES
    channels = CONTACT_CHANNELS
    verdicts = ALERT_FEEDBACK
    longest_note = contacts.LONGEST_NOTE

    @property
    def current_day(self) -> date:
        return datetime.now(ZoneInfo(self.zone)).date()

    @property
    def contacted_at(self) -> datetime | None:
        """None where the call was just now. Raises ValueError for what is no day or no time."""
        if not self.day and not self.clock:
            return None
        day = date.fromisoformat(self.day) if self.day else self.current_day
        if day == self.current_day and not self.clock:
            return None
        clock = time.fromisoformat(self.clock) if self.clock else DEFAULT_TIME
        return datetime.combine(day, clock.replace(tzinfo=ZoneInfo(self.zone))).astimezone(UTC)

    @property
    def follow_up_on(self) -> date | None:
        """Raises ValueError for what is no day."""
        return date.fromisoformat(self.follow_up) if self.follow_up else None


def blank(session: ReadSession, access: Access, score: Called, zone: str) -> Form | None:
    """The form to begin with; None for who may not record, or where nobody could have called."""
    if not may(access, "record_outcome"):
        return None
    caller = access.caller
    if caller.role is Role.MANAGER:
        return Form(_new_key(), zone, caller=caller.manager_id)
    callers = session.managers(score.branch_id or "")
    if not (callers or session.managers()):  # a bank without managers: who records has called
        return Form(_new_key(), zone, caller=caller.subject)
    return Form(_new_key(), zone, callers, score.manager_id or "") if callers else None


def may_correct(access: Access, contact: contacts.Contact) -> bool:
    """A manager's own entries; every entry about customers within reach for who leads or serves managers."""
    reached = access.caller.role is not Role.MANAGER or contact.manager_id == access.caller.manager_id
    return reached and may(access, "record_outcome")


def _called(session: ReadSession, customer_id: str) -> Called | None:
    """A customer whom somebody may have called: scored, watched outside the cohort, or gone."""
    score = session.customer(customer_id)
    if isinstance(score, Score):
        return score
    return watch_of(session, customer_id) or former_of(session, customer_id)


@pages.get("/customers/{customer_id}/correction")
def correction_page(
    request: Request, customer_id: CustomerId, access: Granted, contact: EntryNumber = "", run: RunId = ""
) -> Response:
    """An entry as it stands, to be corrected or withdrawn."""
    with asked_run(access, run) as session:
        form, entry = _correction(session, access, customer_id, contact, request)
        at = entry.happened_at.astimezone(ZoneInfo(form.zone))
        form = replace(
            form,
            outcome=entry.outcome,
            channel=entry.channel or "",
            day=f"{at.date()}",
            clock=f"{at:%H:%M}",
            follow_up=f"{entry.follow_up_on or ''}",
            note=entry.note,
        )
        return show_run(request, "outcome.html", session, customer_id=customer_id, form=form)


def _correction(
    session: ReadSession, access: Access, customer_id: str, number: str, request: Request
) -> tuple[Form, contacts.Contact]:
    """The form and the entry that it corrects. HTTPException 404 where the caller has none such."""
    entry = entry_of(session, customer_id, number)
    if _called(session, customer_id) is None or entry is None or not may_correct(access, entry):
        raise HTTPException(404)
    zone = request.app.state.settings.time_zone
    return Form(_new_key(), zone, caller=entry.manager_id, corrects=number), entry


def entry_of(session: ReadSession, customer_id: str, number: str) -> contacts.Contact | None:
    """One entry about a customer; None for a number that is none of theirs."""
    if not _NUMBER.fullmatch(number):
        return None
    recorded = tables.contacts.c
    entries = contacts.oldest_first(
        session.connection, recorded.contact_id == int(number), recorded.customer_id == customer_id
    )
    return next(iter(entries), None)


@pages.post("/customers/{customer_id}/outcome")
def record_outcome(request: Request, customer_id: CustomerId, access: Granted, fields: Posted) -> Response:
    """Keeps the outcome of a call and what the manager thinks of the alert, then goes on to the next
    customer.

    A form with faults is shown with them, and with everything that was typed.
    """
    words = Wording(language_of(request))
    with asked_run(access, fields.get("run", "")) as session:
        score = _called(session, customer_id)
        if score is None:
            raise HTTPException(404)
        run_id = session.run.run_id
        if fields.get("corrects"):
            form, entry = _correction(session, access, customer_id, fields["corrects"], request)
            run_id = entry.run_id
        else:
            empty = blank(session, access, score, request.app.state.settings.time_zone)
            if empty is None:
                raise HTTPException(404)
            form = empty
        newest = session.served_run()
    status, form = 422, _filled(form, fields, words)
    if not form.faults:
        try:
            with request.app.state.store.append() as connection:
                _keep(connection, form, score, run_id, access)
            return go(_after(access, session.run.run_id, customer_id, form))
        except contacts.ContactError as error:
            place, text = _OF_CONTACT.get(error.field, ("outcome", "record.corrected"))
            form = replace(form, faults={place: words(text)})
        except contacts.ConflictError:
            form = replace(form, key=_new_key(), faults={"outcome": words("record.conflict")})
        except BusyError:
            status, form = 503, replace(form, faults={"outcome": words("record.busy")})
    frame = {"run": session.run, "newest": newest, "customer_id": customer_id, "form": form}
    return show(request, "outcome.html", status, **frame)


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def _filled(form: Form, fields: Fields, words: Wording) -> Form:
    """The form as it was sent, with its faults. A line end, which browsers send as two characters, is one."""
    names = ("key", "outcome", "channel", "day", "clock", "follow_up", "feedback")
    typed: dict[str, Any] = {name: fields.get(name, "").strip() for name in names}
    note = fields.get("note", "").replace("\r\n", "\n").strip()
    caller = fields.get("caller", "") if form.callers else form.caller
    sent = replace(form, **typed, note=note, caller=caller)
    if form.corrects and fields.get("withdraw") and _KEY.fullmatch(sent.key):
        return replace(form, key=sent.key)
    return replace(sent, faults=dict(_faults(sent, words)))


def _faults(form: Form, words: Wording) -> Iterator[tuple[str, str]]:
    """One sentence per fault, with its field."""
    known = form.outcome in OUTCOMES or not form.outcome
    only_feedback = form.feedback and not form.outcome and not form.corrects
    if not known or not (form.outcome or only_feedback) or not _KEY.fullmatch(form.key):
        yield "outcome", words("record.missing")
    elif only_feedback and (form.channel or form.day or form.clock or form.follow_up or form.note):
        yield "outcome", words("record.half")
    if form.channel and form.channel not in CONTACT_CHANNELS:
        yield "channel", words("record.channel.odd")
    yield from _faults_of_days(form, words)
    if form.feedback and form.feedback not in ALERT_FEEDBACK:
        yield "feedback", words("record.feedback.odd")
    if form.callers and form.caller not in {manager.manager_id for manager in form.callers}:
        yield "caller", words("record.caller.missing")
    if len(form.note) > contacts.LONGEST_NOTE:
        yield "note", words("record.long", found=len(form.note), most=contacts.LONGEST_NOTE)
    elif _CONTROL.search(form.note):
        yield "note", words("record.odd")


def _faults_of_days(form: Form, words: Wording) -> Iterator[tuple[str, str]]:
    try:
        at = form.contacted_at
    except ValueError:
        yield "day", words("record.day.odd")
    else:
        if at and at > datetime.now(UTC):
            yield "day", words("record.day.ahead")
        elif at and at < datetime.now(UTC) - YEAR:
            yield "day", words("record.day.old")
    try:
        follow_up = form.follow_up_on
    except ValueError:
        yield "follow_up", words("record.follow_up.odd")
    else:
        if follow_up and not form.corrects and follow_up <= form.current_day:
            yield "follow_up", words("record.follow_up.past")
        elif follow_up and follow_up > form.current_day + YEAR:
            yield "follow_up", words("record.follow_up.far")
        elif follow_up and form.outcome == "no_contact":
            yield "follow_up", words("record.follow_up.no_contact")


def _keep(connection: Connection, form: Form, score: Called, run_id: str, access: Access) -> None:
    """The contact and the verdict, both or neither."""
    recorded_at = datetime.now(UTC)
    who: dict[str, Any] = {
        "key": form.key,
        "customer_id": score.customer_id,
        "manager_id": form.caller,
        "run_id": run_id,
    }
    if form.outcome or form.corrects:
        withdrawn = not form.outcome
        contact = contacts.Contact(
            **who,
            outcome=form.outcome,
            note=form.note,
            recorded_at=recorded_at,
            channel=form.channel or None,
            contacted_at=None if withdrawn else form.contacted_at,
            follow_up_on=form.follow_up_on,
            corrects=int(form.corrects) if form.corrects else None,
        )
        contacts.record(connection, contact, access.author)
    if form.feedback:
        group = score.reasons[0].group if isinstance(score, Score) and score.reasons else ""
        verdict = alert_feedback.AlertFeedback(
            **who, reason_group=group, feedback=form.feedback, recorded_at=recorded_at
        )
        alert_feedback.record(connection, verdict, access.author)


def _after(access: Access, run_id: str, customer_id: str, form: Form) -> str:
    """The address to go on to: the next customer of the same list, or the one just saved where none is
    left."""
    saved = {"saved": form.outcome or ("withdrawn" if form.corrects else "feedback")}
    following = None
    if form.outcome and not form.corrects:
        with access.at_run(run_id) as session:
            following = portfolio.next_to_do(session, customer_id)
    if following is not None:
        saved["of"] = customer_id
    query = urlencode({"run": run_id} | saved, quote_via=quote)
    return f"/customers/{path_part(following or customer_id)}?{query}"
