"""One customer: what is known, how the risk went, and what came of a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from configs.published import OUTCOMES, Exclusion, PastContact, Profile, Run, Score
from configs.tables import PRODUCT_CLASSES
from serve.auth.access import Granted
from serve.http.requests import CustomerId
from serve.pages import outcomes
from serve.pages.charts import week_ends
from serve.pages.lists import next_step, risks, way
from serve.pages.page import Page, RunId, asked_run, language_of, show
from serve.store import contacts
from serve.store.contacts import Contact
from serve.store.read_session import ReadSession
from serve.texts.score_change import change_in_words
from serve.texts.wording import Wording

CONTACTS = 20  # shown, the newest of both sources

pages = APIRouter(include_in_schema=False, route_class=Page)


@dataclass(frozen=True)
class Told:
    """One contact as the page shows it, whether the bank's systems told of it or somebody recorded it here."""

    day: date
    manager_id: str
    channel: str
    purpose: str
    outcome: str
    note: str


@pages.get("/customers/{customer_id}")
def customer_page(
    request: Request, customer_id: CustomerId, access: Granted, run: RunId = "", saved: str = ""
) -> Response:
    """Everything the run says about one customer."""
    with asked_run(access, run) as read_session:
        found = read_session.customer(customer_id)
        if found is None:
            raise HTTPException(404)
        frame: dict[str, Any] = {
            "run": read_session.run,
            "newest": read_session.served_run(),
            "customer_id": customer_id,
        }
        if isinstance(found, Exclusion):
            return show(request, "excluded.html", code=found.code, **frame)
        told = _told(read_session, found, Wording(language_of(request)))
        form = outcomes.blank(read_session, access, found)
    saved = saved if saved in OUTCOMES else ""
    return show(request, "customer.html", score=found, saved=saved, form=form, **frame, **told)


def _told(read_session: ReadSession, score: Score, words: Wording) -> dict[str, Any]:
    number = score.customer_id
    recorded = contacts.latest_of(read_session.connection, number, CONTACTS)
    decision = read_session.decisions([number]).get(number)
    return {
        "risks": risks(score),
        "change": change_in_words(read_session.run, score, words.language),
        "way": way(score),
        "next_step": next_step(decision, words.language),
        "history": read_session.history(number),
        "opted_out": contacts.opted_out_since(read_session.connection, number) is not None,
        **_beside(read_session.run, read_session.profile(number), recorded, words),
    }


def _beside(run: Run, profile: Profile | None, recorded: Sequence[Contact], words: Wording) -> dict[str, Any]:
    """What is told beside the score: holdings week by week, and the contacts of both sources, newest first."""
    past = [_past(one, words) for one in profile.contacts] if profile else []
    told = sorted(
        [*past, *(_recorded(one, words) for one in recorded)], key=lambda one: one.day, reverse=True
    )
    held = profile.aum_by_class if profile else {}
    own = {name: held[name] for name in PRODUCT_CLASSES if name in held and name != "loan"}
    weeks = len(next(iter(own.values()), ()))
    return {
        "profile": profile,
        "own_classes": own,
        "week_ends": week_ends(run.snapshot_date, weeks),
        "contacts": told[:CONTACTS],
    }


def _past(one: PastContact, words: Wording) -> Told:
    return Told(
        one.contacted_on,
        one.manager_id,
        words.term("channel", one.channel),
        words.term("purpose", one.purpose),
        words.term("contact", one.outcome),
        "",
    )


def _recorded(one: Contact, words: Wording) -> Told:
    outcome = words.term("outcome", one.outcome)
    return Told(
        one.recorded_at.date(), one.manager_id, "", words("customer.recorded_here"), outcome, one.note
    )
