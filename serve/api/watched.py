"""The customers whose tier falls on a known day, with the sum that saves it."""

from datetime import date
from typing import Any

from pydantic import Field

from configs.branch_rows import TierWatch
from serve.api.branches import NO_BRANCH
from serve.api.customer_pages import owner_of_branch, owner_of_manager, page_of_customers
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
        owner = owner_of_manager(read_session, manager_id)
        page = _page(access, read_session, owner, (start, limit), money)
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
        owner = owner_of_branch(read_session, branch_id)
        page = _page(access, read_session, owner, (start, limit), money)
    return WatchedCustomers(**page)


def _page(
    access: Access, read_session: ReadSession, owner: ListOwner, rows: tuple[int, int], money: Any
) -> dict[str, Any]:
    """The fields of WatchedCustomers; so many ``rows`` from one on."""

    def shown(watch: TierWatch) -> WatchedCustomer:
        return WatchedCustomer(
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

    return page_of_customers(access, read_session, places_of_watched(read_session, owner), rows, shown)
