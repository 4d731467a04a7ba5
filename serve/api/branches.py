"""The customers, risks and money of a branch, by manager."""

from typing import Any

from fastapi import HTTPException
from pydantic import Field

from serve.api.requests import (
    GONE_RUN,
    BranchId,
    MoneyWritten,
    PageCursor,
    PageSize,
    authorized_router,
    exemplified,
)
from serve.auth.access import Granted
from serve.http.problems import documented
from serve.http.responses import OptionalMoney, ResponseContext, RunResponse, Schema
from serve.store.branch_summary import BranchRow, as_seen, branch_rows, rows_by_branch, total

NO_BRANCH = "The run knows no such branch."
router = authorized_router("branches")


class Stake(Schema):
    """Scored customers, and the money that may leave with them."""

    customers: int = Field(ge=0, description="customers scored")
    high_risk: int = Field(ge=0, description="of these in the band high")
    listed: int = Field(ge=0, description="of these on this week's list")
    aum: OptionalMoney
    money_at_risk: OptionalMoney = Field(description="amount expected to leave")


class ManagerStake(Stake):
    """One manager's share of a branch."""

    manager_id: str | None = Field(default=None, description="null: unassigned customers")
    name: str


class BranchSummary(Stake, RunResponse):
    """A branch, and its managers a page at a time."""

    branch_id: str
    currency: str
    managers: tuple[ManagerStake, ...] = Field(description="by number, unassigned customers last")
    next_cursor: str | None = Field(
        default=None, description="of the next page of managers; null on the last"
    )


class BranchStake(Stake):
    """One branch, with the customers of all its managers."""

    branch_id: str
    own_list: int = Field(ge=0, description="of the listed, those without a manager: the branch's own list")


class Branches(RunResponse):
    """The branches within reach, a page at a time."""

    currency: str
    branches: tuple[BranchStake, ...] = Field(description="by number")
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


@router.get("/branches", responses=exemplified("list_branches") | GONE_RUN)
def list_branches(
    access: Granted, limit: PageSize = 100, cursor: PageCursor = None, money: MoneyWritten = "number"
) -> Branches:
    """The branches within reach, with the number of customers and listed customers, and the money."""
    with access.paging(cursor) as (read_session, start):
        rows = rows_by_branch(read_session)
        page = [
            (name, read_session.rounding.count(own_list), as_seen(read_session, row))
            for name, own_list, row in rows[start : start + limit]
        ]
    context = access.context(read_session.run, money=money)
    return Branches(
        **context.source,
        currency=read_session.run.base_currency,
        branches=tuple(
            BranchStake(branch_id=branch_id, own_list=own_list, **stake(context, row))
            for branch_id, own_list, row in page
        ),
        next_cursor=access.cursor(read_session, start + limit, len(rows)),
    )


@router.get(
    "/branches/{branch_id}/summary",
    responses=exemplified("branch_summary") | GONE_RUN | documented(e404=NO_BRANCH),
)
def branch_summary(
    branch_id: BranchId,
    access: Granted,
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> BranchSummary:
    """The customers and the money at risk of a branch, in total and by manager."""
    with access.paging(cursor) as (read_session, start):
        rows = branch_rows(read_session, branch_id)
        page = [as_seen(read_session, row) for row in rows[start : start + limit]]
        whole = as_seen(read_session, total(rows))
    if not rows:
        raise HTTPException(404, NO_BRANCH)
    context = access.context(read_session.run, money=money)
    return BranchSummary(
        **context.source,
        **stake(context, whole),
        branch_id=branch_id,
        currency=read_session.run.base_currency,
        managers=tuple(
            ManagerStake(manager_id=row.manager_id, name=row.name, **stake(context, row)) for row in page
        ),
        next_cursor=access.cursor(read_session, start + limit, len(rows)),
    )


def stake(context: ResponseContext, row: BranchRow) -> dict[str, Any]:
    """The fields of Stake."""
    return {
        "customers": row.customers,
        "high_risk": row.high_risk,
        "listed": row.listed,
        "aum": context.amount(row.aum_minor),
        "money_at_risk": context.amount(row.money_at_risk_minor),
    }
