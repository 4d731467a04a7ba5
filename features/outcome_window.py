"""What came after a snapshot: the money, the products, the bookings and the record that definitions look at.

With features/label.py the only place that looks past a snapshot. Windows are half-open and end with the
outcome window; nothing from its end on is looked at.
"""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from configs.settings import Label
from configs.tables import STATUSES
from features.catalogue.measures import OWN_BOOKING, counted
from features.engine.balances import MINOR, Steps, Wealth, make_steps, make_wealth
from features.engine.cut import any_between, seen
from features.engine.entities import FOREVER, Ints, Rows, World
from features.engine.tiles import Calendar, Grid

Flags = NDArray[np.bool_]  # (snapshot, customer)


@dataclass(frozen=True)
class Aftermath:
    """Per matured snapshot and customer, by what is known today; ``base`` is the average AUM before (base currency).

    ``bookings`` are those the customers made themselves. Ends of windows are day numbers, one per snapshot.
    """

    steps: Steps
    wealth: Wealth
    base: Grid
    bookings: Rows
    customers: Rows

    def highest_aum(self, end: Ints, days: int) -> Grid:
        """The highest end-of-day AUM of the last ``days`` before ``end``, at the prices of the snapshot."""
        moved = self.steps.change - self.steps.market
        after = highest(self.steps, moved, self.base.shape[1], end - days, end)
        return (after + self.wealth.market[self.wealth.calendar.at]) / MINOR

    def share_left(self, end: Ints, days: int) -> Grid:
        """The share of ``base`` that was gone throughout the last ``days`` before ``end``, in [0, 1]."""
        after = self.highest_aum(end, days)
        share = 1 - np.divide(after, self.base, out=np.ones_like(self.base), where=self.base > 0)
        return np.clip(np.nan_to_num(share), 0.0, 1.0)

    def held(self, end: Ints, days: int) -> Flags:
        """Whether any product but a loan had a balance at the end of one of the last ``days`` before ``end``."""
        return highest(self.steps, self.steps.held, self.base.shape[1], end - days, end) > 0

    def booked(self, start: Ints, end: Ints) -> Flags:
        """Whether the customer made a booking in [start, end)."""
        return any_between(self.bookings, self.base.shape[1], start, end)

    def closed(self, end: Ints) -> Flags:
        """Whether the bank's record said, before ``end``, that the customer's accounts are closed."""
        closed = np.zeros(self.base.shape, bool)
        for s, day in enumerate(end):
            now = np.flatnonzero(seen(self.customers, int(day)))
            closed[s, self.customers.customer[now]] = self.customers.columns["status"][now] == STATUSES.index(
                "closed"
            )
        return closed


def make_aftermath(world: World, calendar: Calendar, label: Label, data_through: int) -> Aftermath:
    """By everything known before ``data_through`` (a day number), late rows and corrections included."""
    holdings, transactions = (
        _settled(world.tables[name], data_through) for name in ("holdings", "transactions")
    )
    steps = make_steps(holdings)
    wealth = make_wealth(steps, calendar, len(world))
    return Aftermath(
        steps,
        wealth,
        wealth.constant_price_mean(label.base_weeks),
        transactions.take(counted(transactions, OWN_BOOKING)),
        world.tables["customers"],
    )


def _settled(rows: Rows, data_through: int) -> Rows:
    """The rows seen on that day, which stand for good: nothing that supersedes them is known yet."""
    known = rows.take(seen(rows, data_through))
    return Rows(
        known.customer, known.day, known.known, np.full(len(known), FOREVER), known.columns, known.labels
    )


def highest(steps: Steps, change: Ints, customers: int, start: Ints, end: Ints) -> Ints:
    """The highest end-of-day sum of ``change`` in [start, end), per window and customer; loans do not count.

    ``change`` has one entry per step: of the balance without market moves (minor units), or of the number held.
    """
    rows, order = steps.rows, steps.by_day
    first = np.searchsorted(rows.customer[order], np.arange(customers + 1))
    out = np.zeros((len(start), customers), np.int64)
    _sweep(first, rows.day[order], change[order], start, end, out)
    return out


@numba.njit(cache=True, nogil=True)
def _sweep(first: Ints, day: Ints, moved: Ints, start: Ints, end: Ints, out: Ints) -> None:
    for c in range(len(first) - 1):
        for s in range(len(start)):
            total, highest, inside = 0, 0, False
            for i in range(first[c], first[c + 1]):
                if day[i] >= end[s]:
                    break
                if day[i] >= start[s] and not inside:
                    # What stood when the window opened counts on its first day, unless that day changed it.
                    highest, inside = (total, True) if day[i] > start[s] else (-(2**62), True)
                total += moved[i]
                last_of_day = i + 1 == first[c + 1] or day[i + 1] != day[i]
                if inside and last_of_day and total > highest:
                    highest = total
            out[s, c] = highest if inside else total
