"""Coverage and load of branches and of the bank: one pass over the scores of a run."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np

from configs.branch_figures.contents import WHOLE_BANK
from configs.branch_figures.load import (
    BranchLoad,
    CallOutcomes,
    CallsPerManager,
    Care,
    Leaver,
    Load,
    ManagerLoad,
)
from configs.branch_rows import BranchFigures, Departure
from configs.published import Score
from configs.segments import ServiceStandard, standard_of
from configs.settings import Settings
from models.shrinkage import ratios_by_group
from pipeline.lists.service import Heads

NOBODY = ""  # in charge
LEAST_EXPECTED = 1e-6  # leavers of a manager: more than none
Intervals = Counter[int]  # customers by the interval in days that each is due


@dataclass(frozen=True)
class Staff:
    """The managers' weekly capacities, the branch heads, who left lately, and what became of their calls."""

    capacities: Mapping[str, int]
    heads: Heads
    departures: Sequence[Departure] = ()
    outcomes: Mapping[str, CallOutcomes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Cell:
    """Whose customers: those of one branch, one manager or nobody, one segment and one tier."""

    branch_id: str
    manager_id: str
    segment: str
    tier: str


@dataclass
class _Tally:
    """Sums over scores."""

    customers: int = 0
    aum_minor: int = 0
    money_at_risk_minor: int = 0
    overdue: int = 0
    longest_days: int = 0
    intervals: Intervals = field(default_factory=Counter)

    def add(self, score: Score, days: int, as_of: date) -> None:
        self.customers += 1
        self.aum_minor += score.aum_minor
        self.money_at_risk_minor += score.money_at_risk_minor
        if score.contact_due_on is not None:
            waits = (as_of - score.contact_due_on).days
            self.intervals[days] += 1
            self.overdue += waits > 0
            self.longest_days = max(self.longest_days, waits)

    def merge(self, other: "_Tally") -> None:
        for name in ("customers", "aum_minor", "money_at_risk_minor", "overdue"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_days = max(self.longest_days, other.longest_days)
        self.intervals.update(other.intervals)

    def care(self, name: str) -> Care:
        sums = self.customers, self.aum_minor, self.money_at_risk_minor, self.intervals.total(), self.overdue
        return Care(name, *sums, self.longest_days, _rounded(calls_a_week(self.intervals)))


Cells = Mapping[_Cell, _Tally]


def load_figures(
    settings: Settings, scores: Iterable[Score], staff: Staff, as_of: date
) -> Iterator[BranchFigures]:
    """Coverage and load of each branch, by number, and of the whole bank last.

    A customer without a branch counts in the bank alone.
    """
    standards = settings.service_standards
    cells: defaultdict[_Cell, _Tally] = defaultdict(_Tally)
    for score in scores:
        cell = _Cell(score.branch_id or "", score.manager_id or NOBODY, score.segment, score.tier)
        cells[cell].add(score, standards[standard_of(standards, score.segment, score.tier)].days, as_of)
    intervals = _intervals(standards, cells, staff.heads)
    by_branch: defaultdict[str, dict[_Cell, _Tally]] = defaultdict(dict)
    for cell, tally in cells.items():
        by_branch[cell.branch_id][cell] = tally
    branches = []
    for branch_id, within in sorted(by_branch.items()):
        persons = {*_intervals(standards, within, staff.heads)} | {cell.manager_id for cell in within}
        managers = tuple(
            _manager(person, within, intervals[person], staff) for person in sorted(persons - {NOBODY})
        )
        load = _load(settings, within, staff, branch_id)
        spread = _spread([calls_a_week(intervals[person]) for person in persons - {NOBODY}])
        overloaded = sum(manager.over_capacity > 0 for manager in managers)
        branches.append(
            BranchLoad(_total(within).care(branch_id), load.unassigned.customers, overloaded, spread)
        )
        if branch_id != WHOLE_BANK:
            load = replace(load, managers=managers, overloaded=overloaded, spread=spread)
            yield BranchFigures(branch_id, "load", load)
    persons = {*intervals, *(cell.manager_id for cell in cells)} - {NOBODY}
    whole = replace(
        _load(settings, cells, staff),
        branches=tuple(branches),
        overloaded=sum(
            _over_capacity(intervals[person], staff.capacities.get(person)) > 0 for person in persons
        ),
        spread=_spread([calls_a_week(intervals[person]) for person in persons]),
    )
    yield BranchFigures(WHOLE_BANK, "load", whole)


def call_outcomes(assigned: Iterable[Any], least: int) -> dict[str, CallOutcomes]:
    """By manager what became of the customers on the lists, of ``least`` with a known outcome or more.

    ``assigned`` are assignments to lists or control group, with ``attrited`` None where it is not known yet.
    A customer who was listed again counts again.
    """
    known = [row for row in assigned if row.manager_id and row.attrited is not None and not row.control_group]
    managers = sorted({row.manager_id for row in known})
    if not managers:
        return {}
    place = np.searchsorted(managers, [row.manager_id for row in known])
    count = np.bincount(place)
    left = np.bincount(place, [row.attrited for row in known]).astype(np.int64)
    expected = np.bincount(place, [row.risk for row in known])
    ratios = ratios_by_group(left, np.maximum(expected, LEAST_EXPECTED))
    shown = zip(managers, count, left, expected, ratios.ratio, ratios.low, ratios.high, strict=True)
    return {
        manager: CallOutcomes(int(customers), int(gone), *(round(float(each), 3) for each in rest))
        for manager, customers, gone, *rest in shown
        if customers >= least
    }


def calls_a_week(intervals: Intervals) -> Fraction:
    """The contacts a week of customers by the interval of each: 30 customers every 60 days make 3.5."""
    return sum((Fraction(7 * count, days) for days, count in intervals.items()), Fraction(0))


def _intervals(
    standards: Sequence[ServiceStandard], cells: Cells, heads: Heads
) -> defaultdict[str, Intervals]:
    """What is asked of each person: of the first head on record a head's visit, else of who is in charge."""
    intervals: defaultdict[str, Intervals] = defaultdict(Counter)
    for cell, tally in cells.items():
        standard = standards[standard_of(standards, cell.segment, cell.tier)]
        in_branch = heads.get(cell.branch_id) if standard.who == "branch_head" else None
        intervals[min(in_branch) if in_branch else cell.manager_id].update(tally.intervals)
    return intervals


def _manager(person: str, cells: Cells, intervals: Intervals, staff: Staff) -> ManagerLoad:
    capacity = staff.capacities.get(person)
    return ManagerLoad(
        _total({cell: tally for cell, tally in cells.items() if cell.manager_id == person}).care(person),
        _rounded(calls_a_week(intervals)),
        capacity,
        _over_capacity(intervals, capacity),
        staff.outcomes.get(person),
    )


def _over_capacity(intervals: Intervals, capacity: int | None) -> float:
    return 0.0 if capacity is None else max(0.0, _rounded(calls_a_week(intervals) - capacity))


def _load(settings: Settings, cells: Cells, staff: Staff, branch_id: str | None = None) -> Load:
    """The figures that a branch and the bank (None) have alike."""
    tiers = [tier.name for tier in settings.tiers]
    left = [
        Leaver(each.manager_id, each.customers, each.unassigned, each.money_at_risk_minor)
        for each in staff.departures
        if branch_id in (None, each.branch_id)
    ]
    return Load(
        total=_total(cells).care(""),
        unassigned=_total({cell: tally for cell, tally in cells.items() if not cell.manager_id}).care(""),
        segments=_cares(cells, lambda cell: cell.segment, settings.segments.names),
        tiers=_cares(cells, lambda cell: cell.tier, tiers) if settings.counts == "money" else (),
        managers=(),
        branches=(),
        overloaded=0,
        spread=None,
        departures=tuple(left),
    )


def _cares(cells: Cells, name_of: Callable[[_Cell], str], names: Iterable[str]) -> tuple[Care, ...]:
    """One row per name, in their order; none of what nobody is of."""
    groups = ((name, {cell: cells[cell] for cell in cells if name_of(cell) == name}) for name in names)
    return tuple(_total(group).care(name) for name, group in groups if group)


def _total(cells: Cells) -> _Tally:
    total = _Tally()
    for tally in cells.values():
        total.merge(tally)
    return total


def _spread(calls: Sequence[Fraction]) -> CallsPerManager | None:
    """Over managers; None where nothing is asked of anybody. The Gini coefficient is the mean difference of
    any two by twice the mean (Gini, 1912), here from the calls in ascending order.
    """
    total, count = sum(calls, Fraction(0)), len(calls)
    if not total:
        return None
    ordered = sorted(calls)
    weighted = sum(((2 * place + 1 - count) * each for place, each in enumerate(ordered)), Fraction(0))
    largest = ordered[-1] * count / total
    return CallsPerManager(
        count, _rounded(total / count), _rounded(largest), _rounded(weighted / (count * total))
    )


def _rounded(number: Fraction) -> float:
    return round(float(number), 2)
