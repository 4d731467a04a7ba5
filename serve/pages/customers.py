"""The page of one customer: the decision, score, holdings, risk over time and contacts, beside the form."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Request, Response

from configs.branch_rows import FormerCustomer, TierWatch
from configs.published import OUTCOMES, Decision, Exclusion, PastContact, Profile, Score
from configs.tables import PRODUCT_CLASSES
from serve.api.requests import CustomerId
from serve.auth.access import Access, Granted
from serve.http.paths import path_part
from serve.pages.charts import week_ends
from serve.pages.former import former_in_words
from serve.pages.lists import page_of
from serve.pages.outcomes import blank, may_correct
from serve.pages.page import Page, RunId, asked_run, show_run, words_of
from serve.pages.watched import watch_in_words
from serve.store import alert_feedback, contacts, portfolio, tables
from serve.store.former import former_of
from serve.store.households import other_members
from serve.store.read_session import ReadSession
from serve.store.tier_watches import watch_of
from serve.texts.service import contact_due
from serve.texts.wording import Wording

CONTACTS = 20  # shown, the newest of both sources
SAVED = (*OUTCOMES, "feedback", "withdrawn")

pages = APIRouter(include_in_schema=False, route_class=Page)


@dataclass(frozen=True)
class ContactRow:
    """One contact as it is shown. ``state`` is empty, or says that an entry counts no more; ``correct`` is
    the number of an entry that the reader may correct.
    """

    day: date
    manager_id: str
    channel: str
    purpose: str
    outcome: str
    note: str = ""
    follow_up_on: date | None = None
    state: str = ""
    correct: int | None = None


@pages.get("/customers/{customer_id}")
def customer_page(
    request: Request, customer_id: CustomerId, access: Granted, run: RunId = "", saved: str = "", of: str = ""
) -> Response:
    """Everything the run says about one customer."""
    with asked_run(access, run) as session:
        score, watch = session.customer(customer_id), watch_of(session, customer_id)
        if not isinstance(score, Score) and (row := former_of(session, customer_id) or watch):
            return _unscored_page(request, access, session, row, saved)
        if score is None:
            raise HTTPException(404)
        if isinstance(score, Exclusion):
            return show_run(request, "excluded.html", session, customer_id=customer_id, code=score.code)
        profile = session.profiles([customer_id]).get(customer_id)
        held = profile.aum_by_class if profile else {}
        classes = {name: held[name] for name in PRODUCT_CLASSES if name in held and name != "loan"}
        decision = session.decisions([customer_id]).get(customer_id)
        household = other_members(session, [score]).get(customer_id, ())
        access.about(customer_id, *(member.customer_id for member in household))
        of_run = session.run.run_id
        verdict = alert_feedback.newest_of(session.connection, of_run, [customer_id]).get(customer_id)
        listed = decision is not None and decision.rank is not None
        zone = request.app.state.settings.time_zone
        words = words_of(request, session)
        rows = _contact_rows(session, access, customer_id, profile, words, zone)
        return show_run(
            request,
            "customer.html",
            session,
            customer_id=customer_id,
            score=score,
            saved=saved if saved in SAVED else "",
            # A link may name anybody; only who is the reader's to see is named on the page.
            saved_of=of if of != customer_id and len(of) <= 64 and session.customers([of]) else "",
            all_done=bool(
                saved in OUTCOMES and listed and portfolio.next_to_do(session, customer_id) is None
            ),
            form=blank(session, access, score, zone),
            watch_in_words=watch_in_words(watch, session.run, words) if watch else "",
            decision=decision,
            household=household,
            list_path=_list_path(decision) if listed and decision else "",
            feedback=verdict.feedback if verdict else "",
            history=session.history(customer_id),
            opted_out=contacts.opted_out_since(session.connection, customer_id) is not None,
            profile=profile,
            own_classes=classes,
            week_ends=week_ends(session.run.snapshot_date, len(next(iter(classes.values()), ()))),
            contacts=rows[:CONTACTS],
            happened=_happened(profile, rows),
            due=contact_due(words, session.list_terms(), score, session.run.snapshot_date),
        )


def _unscored_page(
    request: Request, access: Access, session: ReadSession, row: FormerCustomer | TierWatch, saved: str
) -> Response:
    """A customer outside the cohort who left, or whose tier falls: the form and the contacts beside it."""
    zone, words = request.app.state.settings.time_zone, words_of(request, session)
    watch = watch_of(session, row.customer_id)
    tier_falls = watch_in_words(watch, session.run, words) if watch else ""
    if isinstance(row, FormerCustomer):
        heading, path, note = words("former.heading"), page_of(row, "former"), words("former.unscored")
        sections = [(words("nav.former"), former_in_words(row, session, words))]
    else:
        heading, path, note = words("watched.heading"), page_of(row, "watched"), words("watched.unscored")
        sections = []
    contacted = _contact_rows(session, access, row.customer_id, None, words, zone)
    return show_run(
        request,
        "unscored_customer.html",
        session,
        customer_id=row.customer_id,
        manager_id=row.manager_id,
        tier=watch.tier if watch else "",
        heading=heading,
        sections=[*sections, *([(words("nav.watched"), tier_falls)] if watch else [])],
        note=note,
        saved=saved if saved in SAVED else "",
        form=blank(session, access, row, zone),
        opted_out=contacts.opted_out_since(session.connection, row.customer_id) is not None,
        list_path=path,
        contacts=contacted[:CONTACTS],
    )


def _list_path(decision: Decision) -> str:
    """The list on which a listed customer stands."""
    if decision.manager_id:
        return f"/lists/{path_part(decision.manager_id)}"
    return f"/branches/{path_part(decision.branch_id)}/list" if decision.branch_id else "/list"


def _happened(profile: Profile | None, rows: Sequence[ContactRow]) -> list[tuple[str, date]]:
    """Kind and day of what charts mark: contacts that count, and complaints."""
    calls = [("call", row.day) for row in rows if not row.state]
    return calls + [("complaint", day) for day in (profile.complaints if profile else ())]


def _contact_rows(
    session: ReadSession,
    access: Access,
    customer_id: str,
    profile: Profile | None,
    words: Wording,
    zone: str,
) -> list[ContactRow]:
    """The contacts of the bank's own systems and of this service, newest first."""
    recorded = contacts.oldest_first(session.connection, tables.contacts.c.customer_id == customer_id)
    rows = [*_of_the_bank(profile.contacts if profile else (), words)]
    rows += _recorded_here(recorded, access, words, zone)
    return sorted(rows, key=lambda row: row.day, reverse=True)


def _of_the_bank(past: Iterable[PastContact], words: Wording) -> Iterable[ContactRow]:
    for contact in past:
        yield ContactRow(
            contact.contacted_on,
            contact.manager_id,
            words.term("channel", contact.channel),
            words.term("purpose", contact.purpose),
            words.term("contact", contact.outcome),
        )


def _recorded_here(
    recorded: Sequence[contacts.Contact], access: Access, words: Wording, zone: str
) -> Iterable[ContactRow]:
    """Every entry with an outcome, the newest first; those corrected or withdrawn say so."""
    states = {
        contact.corrects: "corrected" if contact.outcome else "withdrawn"
        for contact in recorded
        if contact.corrects is not None
    }
    for contact in reversed(recorded):
        if not contact.outcome:
            continue
        state = states.get(contact.contact_id or 0, "")
        yield ContactRow(
            contact.happened_at.astimezone(ZoneInfo(zone)).date(),
            contact.manager_id,
            words.term("channel", contact.channel) if contact.channel else "",
            words("customer.recorded_here"),
            words.term("outcome", contact.outcome),
            contact.note,
            contact.follow_up_on,
            state,
            contact.contact_id if not state and may_correct(access, contact) else None,
        )
