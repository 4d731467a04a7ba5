"""Who calls whom this week: each manager's list, and each branch's own for customers without a manager."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from configs.published import Decision, Manager, Score
from configs.settings import Lists
from serve.lists.decisions import Week, decide
from serve.lists.portfolios import Portfolio, portfolios, with_stand_ins


@dataclass(frozen=True)
class CallList:
    """A portfolio's customers to call this week, best use of time first, beside what the portfolio holds.

    ``decisions`` has one per customer of the portfolio, by customer_id.
    """

    branch_id: str | None
    manager: Manager | None
    listed: tuple[Score, ...]
    customers: int
    high_risk: int
    money_at_risk_minor: int
    decisions: tuple[Decision, ...]


def choose(
    scores: Sequence[Score], managers: Iterable[Manager], lists: Lists, week: Week
) -> tuple[CallList, ...]:
    """One list per manager and per branch with customers in nobody's charge, sorted by branch, then manager.

    A list is filled up to the weekly capacity by the money that a call is expected to keep, whatever the band: an
    hour left over is better spent on the next customer than on none. A branch's own list, and that of a manager
    the bank did not deliver, holds ``default_capacity``.
    """
    everyone = with_stand_ins(scores, managers, lists.default_capacity)
    return tuple(summarize(one, decide(one, lists, week)) for one in portfolios(scores, everyone))


def summarize(portfolio: Portfolio, decisions: Iterable[Decision]) -> CallList:
    """The portfolio's figures beside those of its customers that are listed, in the order of the list."""
    own = tuple(decisions)
    ranks = {one.customer_id: one.rank for one in own if one.rank is not None}
    listed = (score for score in portfolio.customers if score.customer_id in ranks)
    return CallList(
        portfolio.branch_id,
        portfolio.manager,
        tuple(sorted(listed, key=lambda score: ranks[score.customer_id])),
        customers=len(portfolio.customers),
        high_risk=sum(score.risk_band == "high" for score in portfolio.customers),
        money_at_risk_minor=sum(score.money_at_risk_minor for score in portfolio.customers),
        decisions=own,
    )


def restore(parts: Iterable[Portfolio], decisions: Mapping[str, Decision]) -> tuple[CallList, ...]:
    """The lists as they were published, from the decision about each customer_id."""
    return tuple(summarize(part, (decisions[one.customer_id] for one in part.customers)) for part in parts)
