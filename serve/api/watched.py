"""The customers whose tier falls on a known day, with the sum that saves it."""

from datetime import date
from typing import Any

from fastapi import HTTPException
from pydantic import Field

from serve.api.branches import NO_BRANCH
from serve.api.managers import NO_MANAGER
from serve.api.requests import (
    GONE_RUN,
    BranchId,
    ManagerId,
    MoneyWritten,
    PageCursor,
    PageSize,
    authorized_router,
    exemplified,
)
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.responses import Money, RunResponse, Schema, written_amount
from serve.store.portfolio import ListOwner
from serve.store.read_session import ReadSession
from serve.store.tier_watches import places_of_watched

router = authorized_router("managers")


class WatchedCustomer(Schema):
    """A customer who is watched, or will be from `watched_since` on."""

    customer_id: str
    manager_id: str | None
    tier: str
    falls_to: str
    watched_since: date
    falls_on: date
    days: int = Field(ge=1, description="left of the month")
    average: Money = Field(description="of the month")
    needed: Money
    saved_by: Money = Field(description="what saves the tier if it comes now and stays these days")


class WatchedCustomers(RunResponse):
    """The customers about to fall a tier, the soonest first."""

    currency: str
    customers: tuple[WatchedCustomer, ...]
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


@router.get(
    "/managers/{manager_id}/watched",
    responses=exemplified("manager_watched") | GONE_RUN | documented(e404=NO_MANAGER),
)
def manager_watched(
    manager_id: ManagerId,
    access: Granted,
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> WatchedCustomers:
    """A manager's customers about to fall a tier."""
    with access.paging(cursor) as (read_session, start):
        if read_session.manager(manager_id) is None:
            raise HTTPException(404, NO_MANAGER)
        page = _page(access, read_session, ListOwner(manager_id), (start, limit), money)
    return WatchedCustomers(**page)


@router.get(
    "/branches/{branch_id}/watched",
    responses=exemplified("branch_watched") | GONE_RUN | documented(e404=NO_BRANCH),
)
def branch_watched(
    branch_id: BranchId,
    access: Granted,
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> WatchedCustomers:
    """A branch's customers about to fall a tier."""
    with access.paging(cursor) as (read_session, start):
        if not read_session.branch_known(branch_id):
            raise HTTPException(404, NO_BRANCH)
        page = _page(access, read_session, ListOwner(None, branch_id, everybody=True), (start, limit), money)
    return WatchedCustomers(**page)


def _page(
    access: Access, read_session: ReadSession, owner: ListOwner, rows: tuple[int, int], money: Any
) -> dict[str, Any]:
    """The fields of WatchedCustomers; so many ``rows`` from one on."""
    start, limit = rows
    places = places_of_watched(read_session, owner)
    return {
        **access.context(read_session.run).source,
        "currency": read_session.run.base_currency,
        "customers": tuple(
            WatchedCustomer(
                customer_id=watch.customer_id,
                manager_id=watch.manager_id,
                tier=watch.tier,
                falls_to=watch.falls_to,
                watched_since=watch.watched_since,
                falls_on=watch.falls_on,
                days=watch.days,
                average=written_amount(watch.average_minor, money),
                needed=written_amount(watch.needed_minor, money),
                saved_by=written_amount(watch.saved_by_minor, money),
            )
            for watch in places[start : start + limit]
            if watch
        ),
        "next_cursor": access.cursor(read_session, start + limit, len(places)),
    }
