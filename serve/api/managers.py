"""The lists of customers to call this week: of managers, of branches, the common one; and portfolios."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import HTTPException, Query
from pydantic import Field

from configs.published import Score
from serve.api.branches import NO_BRANCH, Stake, stake
from serve.api.requests import (
    GONE_RUN,
    BranchId,
    DecisionCode,
    ManagerId,
    MoneyWritten,
    PageCursor,
    PageSize,
    TextLanguage,
    authorized_router,
    exemplified,
)
from serve.api.risk import Band, Risk, risk_fields
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.responses import ID, ResponseContext, RunResponse
from serve.store.branch_summary import rows_by_manager
from serve.store.portfolio_page import Asked, Sort, portfolio_page
from serve.store.read_session import ReadSession

NO_MANAGER = "The run knows no such manager."
COMMON = "common list"  # as the access log names it
router = authorized_router("managers")


class CommonList(RunResponse):
    """The customers without a manager to call this week, of a branch or of none."""

    currency: str
    listed: int = Field(ge=0, description="customers on the whole list")
    customers: tuple[Risk, ...] = Field(description="by rank")
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


class ManagerList(CommonList):
    """A manager's customers to call this week."""

    manager_id: str
    name: str
    branch_id: str = Field(description="empty in a bank without branches")
    weekly_capacity: int = Field(ge=0)


class ManagerCustomers(RunResponse):
    """The customers of a manager, listed or not."""

    manager_id: str
    currency: str
    matching: int = Field(ge=0, description="customers asked for, on all pages")
    customers: tuple[Risk, ...]
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


class ManagerEntry(Stake):
    """One manager, with all customers in charge."""

    manager_id: str
    name: str
    branch_id: str = Field(description="empty in a bank without branches")
    weekly_capacity: int = Field(ge=0)


class Managers(RunResponse):
    """The managers within reach, a page at a time."""

    currency: str
    managers: tuple[ManagerEntry, ...] = Field(description="by number")
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


@router.get("/managers", responses=exemplified("list_managers") | GONE_RUN)
def list_managers(
    access: Granted, limit: PageSize = 100, cursor: PageCursor = None, money: MoneyWritten = "number"
) -> Managers:
    """The managers within reach, with the number of customers and listed customers, and the money."""
    with access.paging(cursor) as (read_session, start):
        rows = rows_by_manager(read_session)
    context = access.context(read_session.run, money=money)
    return Managers(
        **context.source,
        currency=read_session.run.base_currency,
        managers=tuple(
            ManagerEntry(
                manager_id=manager.manager_id,
                name=manager.name,
                branch_id=manager.branch_id,
                weekly_capacity=manager.weekly_capacity,
                **stake(context, row),
            )
            for manager, row in rows[start : start + limit]
        ),
        next_cursor=access.cursor(read_session, start + limit, len(rows)),
    )


@router.get(
    "/managers/{manager_id}/list",
    responses=exemplified("manager_list") | GONE_RUN | documented(e404=NO_MANAGER),
)
def manager_list(
    manager_id: ManagerId,
    access: Granted,
    language: TextLanguage = "en",
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> ManagerList:
    """A manager's customers to call this week, by the money that a call is expected to keep, or by risk."""
    with access.paging(cursor) as (read_session, start):
        manager = read_session.manager(manager_id)
        if manager is None:
            raise HTTPException(404, NO_MANAGER)
        context = access.context(read_session.run, language, money)
        page = _page(access, read_session, context, read_session.manager_list(manager_id), (start, limit))
    return ManagerList(
        **page,
        manager_id=manager.manager_id,
        name=manager.name,
        branch_id=manager.branch_id,
        weekly_capacity=manager.weekly_capacity,
    )


@router.get(
    "/managers/{manager_id}/customers",
    responses=exemplified("manager_customers") | GONE_RUN | documented(e404=NO_MANAGER),
)
def manager_customers(
    manager_id: ManagerId,
    access: Granted,
    decision: Annotated[DecisionCode | None, Query(description="only with this decision")] = None,
    band: Annotated[Band | None, Query(description="only of this risk_band")] = None,
    segment: Annotated[str | None, Query(pattern=ID)] = None,
    sort: Annotated[Sort, Query(description="the largest first")] = "risk",
    language: TextLanguage = "en",
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> ManagerCustomers:
    """All customers of a manager, listed or not, each with this week's decision."""
    access.place += f" {decision} {band} {segment} {sort}"  # a cursor continues the same question alone
    with access.paging(cursor) as (read_session, start):
        if read_session.manager(manager_id) is None:
            raise HTTPException(404, NO_MANAGER)
        asked = Asked(decision, band, segment, sort)
        scores, matching = portfolio_page(read_session, manager_id, asked, start, limit)
        context = access.context(read_session.run, language, money)
        customers = _customers(read_session, context, scores)
    return ManagerCustomers(
        **context.source,
        manager_id=manager_id,
        currency=read_session.run.base_currency,
        matching=matching,
        customers=customers,
        next_cursor=access.cursor(read_session, start + limit, matching),
    )


@router.get(
    "/branches/{branch_id}/list",
    responses=exemplified("branch_list") | GONE_RUN | documented(e404=NO_BRANCH),
)
def branch_list(
    branch_id: BranchId,
    access: Granted,
    language: TextLanguage = "en",
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> CommonList:
    """The branch's own list: its customers without a manager to call this week."""
    with access.paging(cursor) as (read_session, start):
        if not read_session.branch_known(branch_id):
            raise HTTPException(404, NO_BRANCH)
        context = access.context(read_session.run, language, money)
        page = _page(access, read_session, context, read_session.branch_list(branch_id), (start, limit))
    return CommonList(**page)


@router.get("/list", responses=exemplified("common_list") | GONE_RUN)
def common_list(
    access: Granted,
    language: TextLanguage = "en",
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> CommonList:
    """The customers with neither manager nor branch to call this week: all of them in a bank without both."""
    access.about(COMMON)
    with access.paging(cursor) as (read_session, start):
        context = access.context(read_session.run, language, money)
        page = _page(access, read_session, context, read_session.common_list(), (start, limit))
    return CommonList(**page)


def _page(
    access: Access,
    read_session: ReadSession,
    context: ResponseContext,
    scores: Sequence[Score],
    rows: tuple[int, int],
) -> dict[str, Any]:
    """The fields that each list has; of its customers so many ``rows`` from one on."""
    start, limit = rows
    page = scores[start : start + limit]
    return {
        **context.source,
        "currency": read_session.run.base_currency,
        "listed": len(scores),
        "customers": _customers(read_session, context, page),
        "next_cursor": access.cursor(read_session, start + limit, len(scores)),
    }


def _customers(
    read_session: ReadSession, context: ResponseContext, scores: Sequence[Score]
) -> tuple[Risk, ...]:
    decisions = read_session.decisions([score.customer_id for score in scores])
    return tuple(Risk(**risk_fields(context, score, decisions[score.customer_id])) for score in scores)
