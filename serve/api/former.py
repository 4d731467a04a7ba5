"""The former customers who may be asked to come back, with chance and money."""

from datetime import date
from typing import Any

from pydantic import Field

from configs.branch_rows import FormerCustomer
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
from serve.store.former import places_of_former
from serve.store.portfolio import ListOwner
from serve.store.read_session import ReadSession

router = authorized_router("managers")


class FormerCustomerSchema(Schema):
    """A customer who left with most of the money."""

    customer_id: str
    manager_id: str | None
    left_on: date
    lost: Money
    aum: Money = Field(description="still here")
    reason: str = Field(description="group of reasons; empty: no sign of one")
    destination: str = Field(description="counterparty to which most went")
    chance: float = Field(description="of coming back")
    expected: Money = Field(description="chance × lost")
    waits_until: date | None = Field(description="nobody calls before; null: now")


class FormerCustomers(RunResponse):
    """The former customers, most money expected first."""

    currency: str
    customers: tuple[FormerCustomerSchema, ...]
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


@router.get(
    "/managers/{manager_id}/former",
    responses=exemplified("manager_former") | GONE_RUN | documented(e404=NO_MANAGER),
)
def manager_former(
    manager_id: ManagerId,
    access: Granted,
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> FormerCustomers:
    """The customers whom a manager may win back."""
    with access.paging(cursor) as (read_session, start):
        owner = owner_of_manager(read_session, manager_id)
        page = _page(access, read_session, owner, (start, limit), money)
    return FormerCustomers(**page)


@router.get(
    "/branches/{branch_id}/former",
    responses=exemplified("branch_former") | GONE_RUN | documented(e404=NO_BRANCH),
)
def branch_former(
    branch_id: BranchId,
    access: Granted,
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> FormerCustomers:
    """The customers whom a branch may win back."""
    with access.paging(cursor) as (read_session, start):
        owner = owner_of_branch(read_session, branch_id)
        page = _page(access, read_session, owner, (start, limit), money)
    return FormerCustomers(**page)


def _page(
    access: Access, read_session: ReadSession, owner: ListOwner, rows: tuple[int, int], money: Any
) -> dict[str, Any]:
    """The fields of FormerCustomers; so many ``rows`` from one on."""

    def shown(row: FormerCustomer) -> FormerCustomerSchema:
        return FormerCustomerSchema(
            customer_id=row.customer_id,
            manager_id=row.manager_id,
            left_on=row.left_on,
            lost=written_amount(row.lost_minor, money),
            aum=written_amount(row.aum_minor, money),
            reason=row.reason,
            destination=row.destination,
            chance=row.chance,
            expected=written_amount(row.value_minor, money),
            waits_until=row.waits_until,
        )

    return page_of_customers(access, read_session, places_of_former(read_session, owner), rows, shown)
