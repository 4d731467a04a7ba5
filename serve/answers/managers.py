"""A manager's list of customers to call."""

from collections.abc import Sequence

from pydantic import Field

from configs.published import Decision, Manager, Score
from serve.answers.customers import Risk, risk
from serve.answers.source import Answer, Money, View


class ListedCustomer(Risk):
    """One row of a manager's list."""

    rank: int = Field(ge=1)
    money_to_keep: Money = Field(description="amount that a call is expected to keep; the list's order")
    next_step: str | None = Field(default=None, description="what to do first")


class ManagerList(Answer):
    """A manager's customers to call this week."""

    manager_id: str
    name: str
    branch_id: str
    weekly_capacity: int = Field(ge=0)
    currency: str
    listed: int = Field(ge=0, description="customers on the whole list")
    customers: tuple[ListedCustomer, ...]
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


def manager_list(
    view: View,
    manager: Manager,
    listed: Sequence[tuple[Score, Decision]],
    page: slice,
    next_cursor: str | None,
) -> ManagerList:
    """The part ``page`` of a whole list."""
    ranked = list(enumerate(listed, start=1))[page]
    customers = (_listed(view, rank, score, decision) for rank, (score, decision) in ranked)
    return ManagerList(
        **view.source,
        manager_id=manager.manager_id,
        name=manager.name,
        branch_id=manager.branch_id,
        weekly_capacity=manager.weekly_capacity,
        currency=view.run.base_currency,
        listed=len(listed),
        customers=tuple(customers),
        next_cursor=next_cursor,
    )


def _listed(view: View, rank: int, score: Score, decision: Decision) -> ListedCustomer:
    return ListedCustomer(
        rank=rank,
        money_to_keep=decision.expected_value_minor / 100,
        next_step=decision.next_step_zh if view.language == "zh" else decision.next_step_en,
        **risk(view, score),
    )
