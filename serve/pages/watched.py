"""The customers whose tier falls on a known day, of a manager, a branch or neither."""

from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from configs.branch_rows import TierWatch
from configs.published import Run
from serve.api.requests import BranchId, ManagerId
from serve.auth.access import Access, Granted
from serve.pages.lists import COMMON_OWNER, After, asked_list, list_path, owner_in_words
from serve.pages.page import Page, RunId, language_of, may, show_run
from serve.store import contacts
from serve.store.portfolio import ListOwner
from serve.store.tier_watches import watched
from serve.texts.wording import Wording

ROWS = 200  # on one page

pages = APIRouter(include_in_schema=False, route_class=Page)


@pages.get("/lists/{manager_id}/watched")
def manager_watched_page(
    request: Request, manager_id: ManagerId, access: Granted, run: RunId = "", after: After = 0
) -> Response:
    """A manager's customers whose tier falls on a known day."""
    return _watched_page(request, access, run, ListOwner(manager_id), after)


@pages.get("/branches/{branch_id}/watched")
def branch_watched_page(
    request: Request, branch_id: BranchId, access: Granted, run: RunId = "", after: After = 0
) -> Response:
    """Those of a branch, with or without a manager."""
    return _watched_page(request, access, run, ListOwner(None, branch_id, everybody=True), after)


@pages.get("/list/watched")
def common_watched_page(request: Request, access: Granted, run: RunId = "", after: After = 0) -> Response:
    """Those with neither manager nor branch."""
    return _watched_page(request, access, run, COMMON_OWNER, after)


def watch_in_words(watch: TierWatch, run: Run, words: Wording) -> str:
    """Since when, when and where to the tier falls, and what saves it."""
    kept = watch.falls_to == watch.tier
    if watch.watched_since < run.snapshot_date:
        since = "watched.since.kept" if kept else "watched.since"
    else:
        since = "watched.soon.kept" if kept else "watched.soon"
    tiers = {"tier": words.term("tier", watch.tier), "falls_to": words.term("tier", watch.falls_to)}
    days = {"since": words.day(watch.watched_since), "falls_on": words.day(watch.falls_on)}
    left = {"end": words.day(run.snapshot_date + timedelta(days=watch.days - 1)), "days": watch.days}
    amount = words.amount(watch.saved_by_minor, run.base_currency, words.at_least)
    saved = ("watched.later" if kept else "watched.saved_by") if watch.saved_by_minor else "watched.kept"
    monday = words.day(run.snapshot_date)
    return f"{words(since, **tiers, **days)} {words(saved, amount=amount, monday=monday, **left)}"


def _watched_page(request: Request, access: Access, run: str, owner: ListOwner, after: int) -> Response:
    with asked_list(access, run, owner) as session:
        watches = watched(session, owner)
        page = watches[after : after + ROWS]
        numbers = [watch.customer_id for watch in page]
        return show_run(
            request,
            "watched.html",
            session,
            who=owner_in_words(session, owner, Wording(language_of(request))),
            rows=page,
            profiles=session.profiles(numbers),
            recorded=contacts.of_run(session.connection, session.run.run_id, numbers),
            missing=sum(watch.needed_minor for watch in watches if watch.falls_to != watch.tier),
            kept=sum(watch.falls_to == watch.tier for watch in watches),
            month_end=session.run.snapshot_date + timedelta(days=watches[0].days - 1) if watches else None,
            total=len(watches),
            after=after,
            page_size=ROWS,
            query=lambda **changes: urlencode({"run": session.run.run_id} | changes),
            list_path=list_path(owner),
            may_record=may(access, "record_outcome"),
        )
