"""The former customers who may be asked to come back, of a manager, a branch or neither."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from configs.branch_rows import FormerCustomer
from serve.api.requests import BranchId, ManagerId
from serve.auth.access import Access, Granted
from serve.pages.lists import COMMON_OWNER, After, asked_list, list_path, owner_in_words
from serve.pages.page import Page, RunId, language_of, may, show_run
from serve.store import contacts
from serve.store.former import former_customers
from serve.store.portfolio import ListOwner
from serve.store.read_session import ReadSession
from serve.texts.wording import Wording

ROWS = 200  # on one page

pages = APIRouter(include_in_schema=False, route_class=Page)


@pages.get("/lists/{manager_id}/former")
def manager_former_page(
    request: Request, manager_id: ManagerId, access: Granted, run: RunId = "", after: After = 0
) -> Response:
    """The customers whom a manager lost."""
    return _former_page(request, access, run, ListOwner(manager_id), after)


@pages.get("/branches/{branch_id}/former")
def branch_former_page(
    request: Request, branch_id: BranchId, access: Granted, run: RunId = "", after: After = 0
) -> Response:
    """Those of a branch, with or without a manager."""
    return _former_page(request, access, run, ListOwner(None, branch_id, everybody=True), after)


@pages.get("/list/former")
def common_former_page(request: Request, access: Granted, run: RunId = "", after: After = 0) -> Response:
    """Those with neither manager nor branch."""
    return _former_page(request, access, run, COMMON_OWNER, after)


def former_in_words(former: FormerCustomer, session: ReadSession, words: Wording) -> str:
    """A sentence: when the customer left with how much, where to and why, and how likely a return is."""
    weeks = (session.run_figures("win_back") or {}).get("horizon_weeks", "")
    left = words(
        "former.left",
        day=words.day(former.left_on),
        amount=words.amount(former.lost_minor, session.run.base_currency),
        destination=words.term("counterparty", former.destination),
    )
    why = (
        words("former.why", reason=words.group(former.reason)) if former.reason else words("former.why.none")
    )
    chance = words("former.chance", chance=words.percent(former.chance), weeks=weeks)
    until = words("former.waits", day=words.day(former.waits_until)) if former.waits_until else ""
    return " ".join(text for text in (left, why, chance, until) if text)


def _former_page(request: Request, access: Access, run: str, owner: ListOwner, after: int) -> Response:
    with asked_list(access, run, owner) as session:
        everybody = former_customers(session, owner)
        page = everybody[after : after + ROWS]
        numbers = [former.customer_id for former in page]
        return show_run(
            request,
            "former.html",
            session,
            who=owner_in_words(session, owner, Wording(language_of(request))),
            rows=page,
            recorded=contacts.of_run(session.connection, session.run.run_id, numbers),
            lost=sum(former.lost_minor for former in everybody),
            value=sum(former.value_minor for former in everybody),
            **_of_bank(session),
            total=len(everybody),
            after=after,
            page_size=ROWS,
            query=lambda **changes: urlencode({"run": session.run.run_id} | changes),
            list_path=list_path(owner),
            has_managers=bool(session.managers()),
            may_record=may(access, "record_outcome"),
        )


def _of_bank(session: ReadSession) -> dict[str, Any]:
    """The line about all former customers of the bank: how many of earlier ones returned."""
    figures = session.run_figures("win_back") or {}
    outcome = figures.get("outcome")
    return {
        "weeks": figures.get("horizon_weeks"),
        "all_alike": figures.get("rests_on") == "rate",
        "outcome_day": date.fromisoformat(outcome["snapshot_date"]) if outcome else None,
        "groups": outcome["groups"] if outcome else {},
    }
