"""Managers of a run: those that the bank delivered, and stand-ins for others that customers are assigned to."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from configs.published import Manager, Score


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
