"""Who calls whom this week: each manager's list, and each branch's own for customers without a manager."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from configs.published import Manager, Score
from configs.settings import Lists


@dataclass(frozen=True)
class Portfolio:
    """One row per manager, or per branch for its customers without one (``manager`` is None): all of them."""

    branch_id: str | None
    manager: Manager | None
    customers: tuple[Score, ...]


@dataclass(frozen=True)
class CallList:
    """A portfolio's customers to call this week, best use of time first, beside what the portfolio holds."""

    branch_id: str | None
    manager: Manager | None
    listed: tuple[Score, ...]
    customers: int
    high_risk: int
    money_at_risk_minor: int


def choose(scores: Sequence[Score], managers: Iterable[Manager], lists: Lists) -> tuple[CallList, ...]:
    """One list per manager and per branch with customers in nobody's charge, sorted by branch, then manager.

    A list is filled up to the weekly capacity by money at risk, whatever the band: an hour left over is
    better spent on the next customer than on none. Opted-out customers count in the portfolio but are
    never listed. A branch's own list, and that of a manager the bank did not deliver, holds
    ``default_capacity``.
    """
    everyone = _with_stand_ins(scores, managers, lists.default_capacity)
    return tuple(_choose_from(one, lists.default_capacity) for one in portfolios(scores, everyone))


def portfolios(scores: Iterable[Score], managers: Iterable[Manager]) -> list[Portfolio]:
    """Every scored customer in exactly one portfolio; a manager without customers has an empty one."""
    in_charge: defaultdict[str | None, list[Score]] = defaultdict(list)
    orphans: defaultdict[str | None, list[Score]] = defaultdict(list)
    for score in scores:
        (in_charge[score.manager_id] if score.manager_id else orphans[score.branch_id or None]).append(score)
    parts = [Portfolio(one.branch_id or None, one, tuple(in_charge[one.manager_id])) for one in managers]
    parts += [Portfolio(branch_id, None, tuple(own)) for branch_id, own in orphans.items()]
    return sorted(parts, key=_place)


def summarize(portfolio: Portfolio, listed: Sequence[Score]) -> CallList:
    """The portfolio's figures beside those of its customers that are listed, in the order given."""
    return CallList(
        portfolio.branch_id,
        portfolio.manager,
        tuple(listed),
        customers=len(portfolio.customers),
        high_risk=sum(score.risk_band == "high" for score in portfolio.customers),
        money_at_risk_minor=sum(score.money_at_risk_minor for score in portfolio.customers),
    )


def restore(parts: Iterable[Portfolio], ranks: Mapping[str, int]) -> tuple[CallList, ...]:
    """The lists as they were published: ``ranks`` holds the rank of each listed customer_id."""
    return tuple(
        summarize(
            part,
            sorted(
                (score for score in part.customers if score.customer_id in ranks),
                key=lambda score: ranks[score.customer_id],
            ),
        )
        for part in parts
    )


def _choose_from(portfolio: Portfolio, default_capacity: int) -> CallList:
    capacity = portfolio.manager.weekly_capacity if portfolio.manager else default_capacity
    eligible = (score for score in portfolio.customers if not score.marketing_opt_out)
    return summarize(portfolio, sorted(eligible, key=_worth)[:capacity])


def _worth(score: Score) -> tuple[int, float, str]:
    """Most money first, then the higher risk; the id decides what is left, so that two runs agree."""
    return -score.money_at_risk_minor, -score.risk, score.customer_id


def _with_stand_ins(scores: Iterable[Score], managers: Iterable[Manager], capacity: int) -> list[Manager]:
    """The managers delivered, and one without a name for each other that customers are assigned to.

    A stand-in belongs to the branch that keeps most of its customers.
    """
    known = {manager.manager_id: manager for manager in managers}
    branches: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for score in scores:
        if score.manager_id and score.manager_id not in known:
            branches[score.manager_id][score.branch_id or ""] += 1
    return [*known.values(), *(Manager(key, "", _largest(own), capacity) for key, own in branches.items())]


def _largest(counts: Counter[str]) -> str:
    return min(counts, key=lambda branch: (-counts[branch], branch))


def _place(portfolio: Portfolio) -> tuple[bool, str, bool, str]:
    """By branch (none last), within it the managers by id, the branch's own list last."""
    branch, manager = portfolio.branch_id, portfolio.manager
    return branch is None, branch or "", manager is None, manager.manager_id if manager else ""
