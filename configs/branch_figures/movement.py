"""Content ``movement``: what became of AUM and customers since earlier Mondays, to the minor unit.

opening + known later + new + arrived + inflow − outflow + bank + market + exchange + waiting + unexplained
− left − gone = closing, for every cell. What moved the money of customers who stayed, or changed their cell,
is in the cell where they are now.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from configs.branch_figures.expected import ComparedQuarter, Expected

# The parts of a bridge with their signs, in the order in which they are shown.
PARTS: Mapping[str, int] = {
    "new": 1, "inflow": 1, "outflow": -1, "left": -1, "arrived": 1, "gone": -1, "bank": 1, "market": 1,
    "exchange": 1, "known_later": 1, "waiting": 1, "unexplained": 1,
}  # fmt: skip


@dataclass(frozen=True)
class UnexplainedDay:
    """Money of one day that no booking explains."""

    day: str
    amount_minor: int
    customers: int


@dataclass(frozen=True)
class Bridge:
    """From the customers and the AUM of a cell then to those now."""

    dimension: str  # tier, stage, segment, branch or manager; empty for all customers
    cell: str
    opening_customers: int
    new_customers: int  # not with the bank then
    arrived_customers: int  # from another cell
    left_customers: int  # no longer with the bank
    gone_customers: int  # to another cell
    closing_customers: int
    opening_minor: int  # as seen then
    known_later_minor: int  # by which the AUM then is otherwise by what is known now
    new_minor: int  # what customers brought who are new, as of now
    arrived_minor: int  # what customers from other cells had then
    inflow_minor: int
    outflow_minor: int
    bank_minor: int  # interest, fees, loans paid out and back
    market_minor: int  # prices
    exchange_minor: int  # exchange rates
    waiting_minor: int  # bookings that are in no balance yet; earlier ones that are by now
    unexplained_minor: int  # what balances changed without a booking
    left_minor: int  # what customers who left had then
    gone_minor: int  # what customers who went to other cells had then
    closing_minor: int
    unexplained_days: tuple[UnexplainedDay, ...] = ()  # of one week alone, oldest first


@dataclass(frozen=True)
class MovementMatrix:
    """Rows are cells then, columns cells now; two more of each.

    The rows behind the cells are customers who arrived (from other branches) and new ones; the columns behind
    the cells are those who went (to other branches) and those who left. Rows add up to the structure then,
    columns to that now.
    """

    dimension: str  # tier or stage
    cells: tuple[str, ...]
    customers: tuple[tuple[int, ...], ...]
    opening_minor: tuple[tuple[int, ...], ...]  # AUM then
    closing_minor: tuple[tuple[int, ...], ...]  # AUM now


@dataclass(frozen=True)
class MovementPeriod:
    """From an earlier Monday to this one."""

    weeks: int
    since: str
    bridges: tuple[Bridge, ...]  # of all customers first
    movements: tuple[MovementMatrix, ...]  # of tiers and of stages; none of one week


@dataclass(frozen=True)
class Movement:
    """The movement of a branch, or of the bank, up to one Monday."""

    snapshot_date: str
    periods: tuple[MovementPeriod, ...]  # 1, 4, 13 and 52 weeks, as far as the history reaches
    expected: Expected | None = None  # of the quarter ahead; None without a quarter behind
    compared: ComparedQuarter | None = None  # the last quarter; None where a quarter ago nothing was expected
