"""Coverage and load: the contacts that the service standards ask for, against what managers can do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Care:
    """One row per group of scored customers: whether the contact that each is due was made.

    ``asked`` are those to whom a contact is due at all, ``overdue`` those of them who wait for it, the one
    who waits longest for ``longest_days``. ``calls`` are the contacts that their standards ask for in a week.
    """

    name: str  # of the segment, tier, manager or branch; empty for nobody and for the total
    customers: int
    aum_minor: int
    money_at_risk_minor: int
    asked: int
    overdue: int
    longest_days: int
    calls: float


@dataclass(frozen=True)
class CallOutcomes:
    """What became of the customers on a manager's lists: ``left`` of ``known`` did, ``expected`` by risk.

    ``ratio`` is left by expected, drawn towards that of all managers as far as chance explains the
    difference; it lies between ``low`` and ``high`` with a probability of 95%.
    """

    known: int
    left: int
    expected: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class ManagerLoad:
    """One row per manager with customers of the branch, or with visits due as its head.

    ``calls`` are those asked of the manager in a week, in all branches; of ``capacity``, None where the bank
    gives none. ``over_capacity`` is by how much they exceed it. ``outcomes`` are None of
    fewer customers than figures.least_customers.
    """

    care: Care
    calls: float
    capacity: int | None
    over_capacity: float
    outcomes: CallOutcomes | None


@dataclass(frozen=True)
class CallsPerManager:
    """How unevenly calls are spread over ``managers``: the most that one has over the mean; the Gini
    coefficient, 0 where all have the same and towards 1 where one has all."""

    managers: int
    mean: float
    largest_over_mean: float
    gini: float


@dataclass(frozen=True)
class BranchLoad:
    """One row per branch of the bank."""

    care: Care
    unassigned: int
    overloaded: int
    spread: CallsPerManager | None


@dataclass(frozen=True)
class Leaver:
    """One row per manager who left in the 13 weeks before the Monday: scored customers left behind."""

    manager_id: str
    customers: int
    unassigned: int
    money_at_risk_minor: int


@dataclass(frozen=True)
class Load:
    """A branch with its managers, or the bank with its branches; the other of the two is empty.

    ``spread`` is None without managers.
    """

    total: Care
    unassigned: Care
    segments: tuple[Care, ...]
    tiers: tuple[Care, ...]
    managers: tuple[ManagerLoad, ...]
    branches: tuple[BranchLoad, ...]
    overloaded: int
    spread: CallsPerManager | None
    departures: tuple[Leaver, ...]
