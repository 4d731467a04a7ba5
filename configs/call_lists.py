"""Portfolios and the weekly call lists made of them: what pipeline decides, what the store keeps,
what serve shows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from configs.published import Decision, Language, Manager, Score
from configs.response import Cell, Response


@dataclass(frozen=True)
class Portfolio:
    """One row per manager, or per branch for its customers without one (``manager`` is None): all of them.

    Those with neither manager nor branch are one row too; their list is the common list.
    """

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
class ListTerms:
    """What a reader of lists must know of the bank's settings; published with each run, as serve has none.

    ``tiers`` has the Chinese name of each tier, ``segments`` both names of each segment, ``reasons`` how many
    a row shows at most. ``horizons`` to ``lead_days`` are of the definition of attrition; the last lie
    between the Monday and the first day that counts. ``standards`` are the fields of the service standards.
    ``made_by`` says of each channel of the lists who contacts through it, manager or branch_head.
    ``least_customers`` is the least group of whom readers without customers see a figure.
    """

    language: Language
    tiers: Mapping[str, str]
    reasons: int
    horizons: tuple[int, ...]
    definition: str
    min_drop: float
    dormant_floor: float
    lead_days: int
    segments: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    standards: tuple[Mapping[str, Any], ...] = ()
    made_by: Mapping[str, str] = field(default_factory=dict)
    least_customers: int = 10


@dataclass(frozen=True)
class Assignment:
    """One customer's assignment to the list or the control group.

    It holds from the Monday ``assigned_on`` until the Monday ``until``, when the outcome is known.
    """

    assigned_on: date
    until: date
    control_group: bool


@dataclass(frozen=True)
class HouseholdFacts:
    """By household what a Monday's lists must know of all its members, scored or not; empty without any.

    ``reached``: the last day on which any of them was, empty where that gives the others no quiet.
    ``selected``: households of who was listed or in the control group the week before. ``assignments``: the
    oldest of its members' that still holds; it is the household's. ``in_campaign``: the first Monday on which
    no campaign holds any of them.
    """

    reached: Mapping[str, date] = field(default_factory=dict)
    selected: frozenset[str] = frozenset()
    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    in_campaign: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class Week:
    """The facts that a Monday's lists rest on, besides the scores.

    ``experiment_weeks``: how long an assignment holds, at least. ``reached``: the last day of a contact in
    which the customer was reached, before the Monday. ``last_occasion``: the last day on which something
    came up that ends a cool-down. ``least_value_minor``: what any contact must be expected to keep, and
    ``costs_minor``, by channel, to pay for itself. ``outcomes``: known ones of listed customers, by cell.
    ``selected``: who was listed or in the control group the week before. ``assignments``: those made before
    the Monday that still hold. ``follow_up``: the day on which to call again, of customers with whom that was
    agreed. ``in_campaign``: the first Monday on which no campaign holds the customer. ``often``: who was
    contacted as often as lists may.
    """

    snapshot_date: date
    experiment_weeks: int
    response: Response
    opted_out: frozenset[str] = frozenset()
    reached: Mapping[str, date] = field(default_factory=dict)
    selected: frozenset[str] = frozenset()
    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    last_occasion: Mapping[str, date] = field(default_factory=dict)
    least_value_minor: int = 0
    costs_minor: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[Cell, int] = field(default_factory=dict)
    follow_up: Mapping[str, date] = field(default_factory=dict)
    households: HouseholdFacts = field(default_factory=HouseholdFacts)
    in_campaign: Mapping[str, date] = field(default_factory=dict)
    often: frozenset[str] = frozenset()


def portfolios(scores: Iterable[Score], managers: Iterable[Manager]) -> list[Portfolio]:
    """One per manager and per branch with customers without one; each scored customer is in exactly one.

    That of a manager without customers is empty.
    """
    managed: defaultdict[str | None, list[Score]] = defaultdict(list)
    orphans: defaultdict[str | None, list[Score]] = defaultdict(list)
    for score in scores:
        (managed[score.manager_id] if score.manager_id else orphans[score.branch_id or None]).append(score)
    with_manager = [
        Portfolio(manager.branch_id or None, manager, tuple(managed[manager.manager_id]))
        for manager in managers
    ]
    without_manager = [
        Portfolio(branch_id, None, tuple(customers)) for branch_id, customers in orphans.items()
    ]
    return sorted(with_manager + without_manager, key=_place)


def call_list_of(portfolio: Portfolio, decisions: Iterable[Decision]) -> CallList:
    """The portfolio's figures beside those of its customers that are listed, in the order of the list."""
    decided = tuple(decisions)
    ranks = {decision.customer_id: decision.rank for decision in decided if decision.rank is not None}
    listed = (score for score in portfolio.customers if score.customer_id in ranks)
    return CallList(
        portfolio.branch_id,
        portfolio.manager,
        tuple(sorted(listed, key=lambda score: ranks[score.customer_id])),
        customers=len(portfolio.customers),
        high_risk=sum(score.risk_band == "high" for score in portfolio.customers),
        money_at_risk_minor=sum(score.money_at_risk_minor for score in portfolio.customers),
        decisions=decided,
    )


def _place(portfolio: Portfolio) -> tuple[bool, str, bool, str]:
    """By branch (none last), within it the managers by id, the branch's own list last."""
    branch, manager = portfolio.branch_id, portfolio.manager
    return branch is None, branch or "", manager is None, manager.manager_id if manager else ""
