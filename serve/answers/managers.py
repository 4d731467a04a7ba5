"""A manager's list of customers to call."""

from pydantic import Field

from configs.published import Manager, Score
from serve.answers.customers import Risk, risk
from serve.answers.source import Answer, View


class ListedCustomer(Risk):
    """One row of a manager's list."""

    rank: int = Field(ge=1)


class ManagerList(Answer):
    """A manager's customers to call this week, the most money at risk first."""

    manager_id: str
    name: str
    branch_id: str
    weekly_capacity: int = Field(ge=0)
    currency: str
    customers: tuple[ListedCustomer, ...]


def manager_list(view: View, manager: Manager, listed: tuple[Score, ...]) -> ManagerList:
    customers = (ListedCustomer(rank=rank, **risk(view, score)) for rank, score in enumerate(listed, start=1))
    return ManagerList(
        **view.source,
        manager_id=manager.manager_id,
        name=manager.name,
        branch_id=manager.branch_id,
        weekly_capacity=manager.weekly_capacity,
        currency=view.run.base_currency,
        customers=tuple(customers),
    )
