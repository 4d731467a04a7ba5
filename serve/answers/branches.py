"""What a branch has at stake."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from serve.answers.source import Answer, Money, Shown, View
from serve.store.branch_summary import BranchRow, total


class Stake(Shown):
    """Customers scored and what may leave with them."""

    customers: int = Field(ge=0, description="customers scored")
    high_risk: int = Field(ge=0, description="of these in the band high")
    listed: int = Field(ge=0, description="of these on this week's list")
    aum: Money
    money_at_risk: Money = Field(description="amount expected to leave, in `currency`")


class ManagerStake(Stake):
    """One manager's share of a branch."""

    manager_id: str | None = Field(default=None, description="null: customers whom nobody is in charge of")
    name: str


class BranchSummary(Stake, Answer):
    """A branch, and its managers a page at a time."""

    branch_id: str
    currency: str
    managers: tuple[ManagerStake, ...] = Field(
        description="by number, those whom nobody is in charge of last"
    )
    next_cursor: str | None = Field(
        default=None, description="of the next page of managers; null on the last"
    )


def branch_summary(
    view: View, branch_id: str, rows: Sequence[BranchRow], page: Sequence[BranchRow], next_cursor: str | None
) -> BranchSummary:
    """``rows`` are all of the branch, ``page`` those that are shown one by one."""
    return BranchSummary(
        **view.source,
        **_stake(total(rows)),
        branch_id=branch_id,
        currency=view.run.base_currency,
        managers=tuple(ManagerStake(manager_id=row.manager_id, name=row.name, **_stake(row)) for row in page),
        next_cursor=next_cursor,
    )


def _stake(row: BranchRow) -> dict[str, Any]:
    """The fields of Stake."""
    return {
        "customers": row.customers,
        "high_risk": row.high_risk,
        "listed": row.listed,
        "aum": row.aum_minor / 100,
        "money_at_risk": row.money_at_risk_minor / 100,
    }
