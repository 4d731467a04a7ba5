"""What a branch has at stake."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from serve.answers.source import Answer, Money, Shown, View
from serve.store.branches import Charge


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
    view: View, branch_id: str, charges: Sequence[Charge], page: Sequence[Charge], next_cursor: str | None
) -> BranchSummary:
    """``charges`` are all of the branch, ``page`` those that are shown one by one."""
    return BranchSummary(
        **view.source,
        **_stake(*charges),
        branch_id=branch_id,
        currency=view.run.base_currency,
        managers=tuple(ManagerStake(manager_id=one.manager_id, name=one.name, **_stake(one)) for one in page),
        next_cursor=next_cursor,
    )


def _stake(*charges: Charge) -> dict[str, Any]:
    """The fields of Stake over some charges together."""
    return {
        "customers": sum(one.customers for one in charges),
        "high_risk": sum(one.high_risk for one in charges),
        "listed": sum(one.listed for one in charges),
        "aum": sum(one.aum_minor for one in charges) / 100,
        "money_at_risk": sum(one.money_at_risk_minor for one in charges) / 100,
    }
