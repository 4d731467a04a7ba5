"""Content ``products``: what customers hold, what they gave up, what customers alike hold, who left by depth.

Of all customers present. Classes are those of AUM, loans apart.
"""

from dataclasses import dataclass

DEEPEST = 5  # classes that count together: so many or more


@dataclass(frozen=True)
class ProductGap:
    """A class that a customer lacks and may be proposed: so many of ``others``, the customers alike, hold it.

    ``low`` and ``high`` bound their share at 95%, by Wilson (1927).
    """

    product_class: str
    holders: int
    others: int
    low: float
    high: float


@dataclass(frozen=True)
class ClassHeld:
    """One product class among the customers of a cell."""

    product_class: str
    customers: int  # who hold it
    amount_minor: int
    gap: int | None  # who lack it, while customers alike hold it; None: not offerable, or a small group
    above_grade: int | None  # who lack it too, and whose risk grade does not allow it, or is not known


@dataclass(frozen=True)
class ProductCell:
    """The customers of a tier, a branch or a manager, or all."""

    cell: str  # empty where none is known
    customers: int
    cohort: int
    aum_minor: int
    products: int  # held by all of them together
    classes: int
    by_class: tuple[ClassHeld, ...]


@dataclass(frozen=True)
class ProductDimension:
    """All cells of a dimension, in its own order."""

    dimension: str  # all, tier, branch (of the bank alone), manager (of a branch alone)
    cells: tuple[ProductCell, ...]


@dataclass(frozen=True)
class ClassDropped:
    """Customers present then and now who held a class so many weeks ago, and those who no longer do."""

    weeks: int
    product_class: str
    held: int
    dropped: int
    amount_minor: int  # that those held then


@dataclass(frozen=True)
class ClassGap:
    """Customers who lack a class while customers alike hold it, now and so many weeks ago."""

    product_class: str
    customers: int
    before: int | None  # by the same rule; None where no structure of that Monday stands
    weeks: int


@dataclass(frozen=True)
class DepthOutcome:
    """Of the cohort of a matured Monday, those with so many classes, and who left within the horizon.

    No cause: whoever holds more differs in other ways too.
    """

    classes: int  # the largest number stands for itself and more
    customers: int
    attrited: int
    share: float
    low: float  # 95%, by Wilson (1927)
    high: float


@dataclass(frozen=True)
class Products:
    """The products of a branch's customers, or of the bank's, on one Monday."""

    snapshot_date: str
    least_customers: int  # of a group below which no gap and no outcome is shown
    dimensions: tuple[ProductDimension, ...]
    dropped: tuple[ClassDropped, ...]
    gaps: tuple[ClassGap, ...]
    depth: tuple[DepthOutcome, ...]  # fewest classes first, without small groups
    depth_on: str | None  # the matured Monday; None where none is known
