"""Who is in whose charge: each manager's customers, and each branch's own without a manager."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from configs.published import Manager, Score


@dataclass(frozen=True)
class Portfolio:
    """One row per manager, or per branch for its customers without one (``manager`` is None): all of them."""

    branch_id: str | None
    manager: Manager | None
    customers: tuple[Score, ...]


def portfolios(scores: Iterable[Score], managers: Iterable[Manager]) -> list[Portfolio]:
    """Every scored customer in exactly one portfolio; a manager without customers has an empty one."""
    in_charge: defaultdict[str | None, list[Score]] = defaultdict(list)
    orphans: defaultdict[str | None, list[Score]] = defaultdict(list)
    for score in scores:
        (in_charge[score.manager_id] if score.manager_id else orphans[score.branch_id or None]).append(score)
    parts = [Portfolio(one.branch_id or None, one, tuple(in_charge[one.manager_id])) for one in managers]
    parts += [Portfolio(branch_id, None, tuple(own)) for branch_id, own in orphans.items()]
    return sorted(parts, key=_place)


def with_stand_ins(scores: Iterable[Score], managers: Iterable[Manager], capacity: int) -> list[Manager]:
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
