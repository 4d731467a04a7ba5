"""A manager's list of customers to call this week, and the common list."""

from collections.abc import Sequence
from typing import Any

from fastapi import HTTPException
from pydantic import Field

from configs.published import Score
from serve.api.requests import (
    GONE_RUN,
    ManagerId,
    MoneyWritten,
    PageCursor,
    PageSize,
    TextLanguage,
    authorized_router,
    exemplified,
)
from serve.api.risk import Risk, risk_fields
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.responses import ResponseContext, RunResponse
from serve.store.read_session import ReadSession

NO_MANAGER = "The run knows no such manager."
COMMON = "common list"  # as the access log names it
router = authorized_router("managers")


class CommonList(RunResponse):
    """The customers with neither manager nor branch to call this week."""

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
    decisions = read_session.decisions([score.customer_id for score in page])
    return {
        **context.source,
        "currency": read_session.run.base_currency,
        "listed": len(scores),
        "customers": tuple(
            Risk(**risk_fields(context, score, decisions[score.customer_id])) for score in page
        ),
        "next_cursor": access.cursor(read_session, start + limit, len(scores)),
    }
