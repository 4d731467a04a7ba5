"""Content ``structure``: how many customers there are, what they hold, and where they stand.

Of all customers present, that is known, not closed and not deceased; the cohort beside them has scores.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class StructureCell:
    """One cell of a dimension: a tier, a lifecycle stage, a segment, a branch or a manager."""

    cell: str  # empty where none is known
    customers: int
    cohort: int
    aum_minor: int
    share: float  # of the AUM of all cells; of the customers where the bank counts customers


@dataclass(frozen=True)
class StructureDimension:
    """All cells of a dimension, in its own order."""

    dimension: str  # tier, stage, segment, branch (of the bank alone), manager (of a branch alone)
    cells: tuple[StructureCell, ...]


@dataclass(frozen=True)
class StructurePoint:
    """One Monday of the year behind."""

    snapshot_date: str
    customers: int
    cohort: int
    aum_minor: int


@dataclass(frozen=True)
class HouseholdTier:
    """The households whose members' AUM together is of one tier."""

    tier: str  # by the threshold of each tier alone
    households: int
    customers: int
    aum_minor: int


@dataclass(frozen=True)
class Households:
    """The households with a member here: of a branch those members alone count."""

    households: int
    customers: int  # in them
    between_managers: int  # households whose members have different managers
    tiers: tuple[HouseholdTier, ...]  # in the order of the bank's, by the threshold of each


@dataclass(frozen=True)
class Structure:
    """The customers of a branch, or of the bank, on one Monday."""

    snapshot_date: str
    customers: int
    cohort: int
    aum_minor: int
    top_customers: int  # the fifth with the largest AUM, rounded up
    top_share: float | None  # of the AUM that those hold; none of a small group, or without money
    dimensions: tuple[StructureDimension, ...]
    trend: tuple[StructurePoint, ...]  # 53 Mondays at most, the oldest first
    households: Households | None = None  # none where the bank does not deliver them
