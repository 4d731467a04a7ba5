"""A manager's list of customers to call this week."""

from fastapi import HTTPException
from pydantic import Field

from configs.published import Decision, Score
from serve.api.customers import Risk, risk_fields
from serve.api.requests import (
    GONE_RUN,
    ManagerId,
    PageCursor,
    PageSize,
    TextLanguage,
    authorized_router,
    exemplified,
)
from serve.auth.access import Granted
from serve.http.problems import documented
from serve.http.responses import Money, ResponseContext, RunResponse

NO_MANAGER = "The run knows no such manager."
router = authorized_router("managers")


class ListedCustomer(Risk):
    """One row of a manager's list."""

    rank: int = Field(ge=1)
    money_to_keep: Money = Field(description="amount that a call is expected to keep; the list's order")
    next_step: str | None = Field(default=None, description="what to do first")


class ManagerList(RunResponse):
    """A manager's customers to call this week."""

    manager_id: str
    name: str
    branch_id: str
    weekly_capacity: int = Field(ge=0)
    currency: str
    listed: int = Field(ge=0, description="customers on the whole list")
    customers: tuple[ListedCustomer, ...]
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


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
) -> ManagerList:
    """A manager's customers to call this week, by the money that a call is expected to keep."""
    with access.paging(cursor) as (read_session, start):
        manager = read_session.manager(manager_id)
        if manager is None:
            raise HTTPException(404, NO_MANAGER)
        scores = read_session.manager_list(manager_id)
        decisions = read_session.decisions([score.customer_id for score in scores])
    context, page = access.context(read_session.run, language), scores[start : start + limit]
    return ManagerList(
        **context.source,
        manager_id=manager.manager_id,
        name=manager.name,
        branch_id=manager.branch_id,
        weekly_capacity=manager.weekly_capacity,
        currency=read_session.run.base_currency,
        listed=len(scores),
        customers=tuple(
            _listed(context, rank, score, decisions[score.customer_id])
            for rank, score in enumerate(page, start + 1)
        ),
        next_cursor=access.cursor(read_session, start + limit, len(scores)),
    )


def _listed(context: ResponseContext, rank: int, score: Score, decision: Decision) -> ListedCustomer:
    return ListedCustomer(
        rank=rank,
        money_to_keep=decision.expected_value_minor / 100,
        next_step=decision.next_step_zh if context.language == "zh" else decision.next_step_en,
        **risk_fields(context, score),
    )
