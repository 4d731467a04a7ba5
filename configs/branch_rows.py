"""Rows of a published run about branches: figures, coverage, departures, tiers about to fall, handovers."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from configs.branch_figures.contents import ContentName

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class BranchFigures:
    """One row per branch and content, the whole bank as branch "" (``configs.branch_figures.contents``).

    ``content`` is a dataclass of configs/branch_figures.
    """

    branch_id: str
    name: ContentName
    content: "DataclassInstance"


@dataclass(frozen=True)
class Coverage:
    """One row per branch and manager in charge, or nobody (empty): how the scored customers are looked after.

    ``asked`` counts those to whom a contact is due by a service standard; ``contacted`` those of them for
    whom it is not overdue on the Monday.
    """

    branch_id: str
    manager_id: str
    customers: int
    high_risk: int
    money_at_risk_minor: int
    contacted: int
    asked: int


@dataclass(frozen=True)
class Departure:
    """One row per branch and manager who left in the 13 weeks before the Monday: customers left behind.

    ``unassigned`` counts those in nobody's charge now. The name is not stored with it.
    """

    branch_id: str
    manager_id: str
    customers: int
    unassigned: int
    money_at_risk_minor: int
    name: str = ""


@dataclass(frozen=True)
class TierWatch:
    """One row per customer who is below the own tier, watched, and falls on a known day.

    ``average_minor`` is the monthly average AUM so far, ``needed_minor`` what it lacks. ``saved_by_minor`` is
    the sum that saves the tier if it comes on the Monday and stays for the ``days`` left until ``falls_on``;
    None where no sum does.
    """

    customer_id: str
    branch_id: str | None
    manager_id: str | None
    tier: str
    falls_to: str
    watched_since: date
    falls_on: date
    days: int
    average_minor: int
    needed_minor: int
    saved_by_minor: int | None = None


@dataclass(frozen=True)
class Handover:
    """One row per customer of a manager who leaves: who should take over; None where nobody has room."""

    customer_id: str
    branch_id: str
    from_manager_id: str
    to_manager_id: str | None
