"""Portfolios and the weekly call lists made of them: what pipeline decides, what the store keeps, what serve shows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from configs.published import Decision, Helpfulness, Manager, Score


@dataclass(frozen=True)
class Portfolio:
    """One row per manager, or per branch for its customers without one (``manager`` is None): all of them."""

    branch_id: str | None
    manager: Manager | None
    customers: tuple[Score, ...]


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


@dataclass(frozen=True)
class Draw:
    """One customer's lot: drawn on a Monday, it holds until the Monday ``until``, when the outcome is known."""

    on: date
    until: date
    held_out: bool


@dataclass(frozen=True)
class Week:
    """What a Monday's lists rest on beside the scores.

    ``trial_weeks`` is how long a lot holds. ``reached``: the last day of a contact in which the customer was
    reached, before ``monday``; ``in_question``: who was listed or held out the week before; ``draws``: the lots
    drawn before ``monday`` that still hold.
    """

    monday: date
    trial_weeks: int
    helps: Helpfulness
    opted_out: frozenset[str] = frozenset()
    reached: Mapping[str, date] = field(default_factory=dict)
    in_question: frozenset[str] = frozenset()
    draws: Mapping[str, Draw] = field(default_factory=dict)


def portfolios(scores: Iterable[Score], managers: Iterable[Manager]) -> list[Portfolio]:
    """Every scored customer in exactly one portfolio; a manager without customers has an empty one."""
    in_charge: defaultdict[str | None, list[Score]] = defaultdict(list)
    orphans: defaultdict[str | None, list[Score]] = defaultdict(list)
    for score in scores:
        (in_charge[score.manager_id] if score.manager_id else orphans[score.branch_id or None]).append(score)
    parts = [Portfolio(one.branch_id or None, one, tuple(in_charge[one.manager_id])) for one in managers]
    parts += [Portfolio(branch_id, None, tuple(own)) for branch_id, own in orphans.items()]
    return sorted(parts, key=_place)


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


def _place(portfolio: Portfolio) -> tuple[bool, str, bool, str]:
    """By branch (none last), within it the managers by id, the branch's own list last."""
    branch, manager = portfolio.branch_id, portfolio.manager
    return branch is None, branch or "", manager is None, manager.manager_id if manager else ""
