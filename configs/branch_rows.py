"""Rows of a published run about branches: figures, coverage, departures, tiers, former customers."""

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
    """One row per customer who is watched on the Monday, or from the end of its month on if nothing comes.

    ``watched_since`` and ``falls_on`` are last days of months, ``days`` those left of the running one, the
    Monday included. ``average_minor`` is its average AUM if nothing comes or goes, ``needed_minor`` what that
    lacks. ``saved_by_minor`` is the sum that saves the tier if it comes on the Monday and stays for these
    days. Both are 0 where nothing is missing. ``falls_to`` is the tier that follows otherwise: the
    same one where the money that is there is enough, this month or the next.
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
    saved_by_minor: int


@dataclass(frozen=True)
class FormerCustomer:
    """One row per customer who left with most of the money and may be asked to come back; docs/win-back.md.

    ``lost_minor`` left and ``aum_minor`` is still here. ``reason`` is a group of reasons or empty,
    ``destination`` a counterparty. ``chance`` is that of coming back within the horizon, ``value_minor`` the
    money then expected. Until ``waits_until`` nobody asks: None from that day on.
    """

    customer_id: str
    branch_id: str | None
    manager_id: str | None
    left_on: date
    lost_minor: int
    aum_minor: int
    reason: str
    destination: str
    chance: float
    value_minor: int
    waits_until: date | None


@dataclass(frozen=True)
class Handover:
    """One row per customer of a manager who leaves: who should take over; None where nobody has room."""

    customer_id: str
    branch_id: str
    from_manager_id: str
    to_manager_id: str | None
