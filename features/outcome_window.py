"""The outcome window after a snapshot: the money, products, bookings and record that definitions look at.

With features/label.py the only place that looks past a snapshot. Windows are half-open and end with the
outcome window; nothing from its end on is looked at.
"""

from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from configs.settings import Label
from configs.tables import STATUSES
from features.catalogue.measures import OWN_BOOKING
from features.engine.activity import counted
from features.engine.balances import MINOR, BalanceChanges, Balances, make_balances
from features.engine.cut import any_between, seen, value_as_of
from features.engine.entities import FOREVER, Entities, Ints, Rows
from features.engine.tiles import Calendar, SnapshotArray

Flags = NDArray[np.bool_]  # (snapshot, customer)


@dataclass(frozen=True)
class OutcomeWindow:
    """Per matured snapshot and customer, by what is known today; ``base`` is the average AUM before (base
    currency).

    ``bookings`` are those the customers made themselves. Ends of windows are day numbers, one per snapshot.
    """

    balances: Balances
    base: SnapshotArray
    bookings: Rows
    customers: Rows

    def highest_aum(self, end: Ints, days: int) -> SnapshotArray:
        """The highest end-of-day AUM of the last ``days`` before ``end``, at the prices of the snapshot."""
        moved = self.balances.changes.change - self.balances.changes.market
        after = highest(self.balances.changes, moved, self.base.shape[1], end - days, end)
        return (after + self.balances.market[self.balances.calendar.at]) / MINOR

    def share_left(self, end: Ints, days: int) -> SnapshotArray:
        """The share of ``base`` that was gone throughout the last ``days`` before ``end``, in [0, 1]."""
        after = self.highest_aum(end, days)
        share = 1 - np.divide(after, self.base, out=np.ones_like(self.base), where=self.base > 0)
        return np.clip(np.nan_to_num(share), 0.0, 1.0)

    def held(self, end: Ints, days: int) -> Flags:
        """(snapshot × customer) flags: any product but a loan had a balance at the end of one of the last
        ``days`` before ``end``."""
        return (
            highest(self.balances.changes, self.balances.changes.held, self.base.shape[1], end - days, end)
            > 0
        )

    def booked(self, start: Ints, end: Ints) -> Flags:
        """(snapshot × customer) flags: the customer made a booking in [start, end)."""
        return any_between(self.bookings, self.base.shape[1], start, end)

    def closed(self, end: Ints) -> Flags:
        """(snapshot × customer) flags: the bank's record said, before ``end``, that the customer's accounts
        are closed."""
        closed = self.customers.columns["status"] == STATUSES.index("closed")
        return value_as_of(self.customers, end, self.base.shape[1], closed, False)


def make_outcome_window(
    entities: Entities, calendar: Calendar, label: Label, data_through: int
) -> OutcomeWindow:
    """By everything known before ``data_through`` (a day number), late rows and corrections included."""
    holdings, transactions = (
        _settled(entities.tables[name], data_through) for name in ("holdings", "transactions")
    )
    balances = make_balances(holdings, calendar, len(entities))
    return OutcomeWindow(
        balances,
        balances.constant_price_mean(label.base_weeks),
        transactions.take(counted(transactions, OWN_BOOKING)),
        entities.tables["customers"],
    )


def _settled(rows: Rows, data_through: int) -> Rows:
    """The rows seen on that day, which stand for good: nothing that supersedes them is known yet."""
    visible = rows.take(seen(rows, data_through))
    return replace(visible, until=np.full(len(visible), FOREVER))


def highest(changes: BalanceChanges, change: Ints, customers: int, start: Ints, end: Ints) -> Ints:
    """The highest end-of-day sum of ``change`` in [start, end), per window and customer; loans do not count.

    ``change`` has one entry per step: of the balance without market moves (minor units), or of the number
    held.
    """
    rows, order = changes.rows, changes.by_day
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
