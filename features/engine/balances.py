"""AUM as running sums of changes: each customer's holdings by class at every Monday, and their daily average.

A holding's balance stands from its valuation day until its next row, so the rows of one holding are turned
into changes; changes add up over products and weeks like bookings do. AUM is every class but loan, in
base currency. What new prices and exchange rates make of a holding is a market move, kept apart from money
that moved.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from configs.tables import PRODUCT_CLASSES
from features.engine.entities import Ints, Rows
from features.engine.tiles import Calendar, SnapshotArray, add, trailing, trailing_sum

CLASSES = tuple(name for name in PRODUCT_CLASSES if name != "loan")
MINOR = 100.0  # minor units in one unit of base currency
LOAN = PRODUCT_CLASSES.index("loan")


@dataclass(frozen=True)
class BalanceChanges:
    """One row per holdings row, sorted by customer, product, day: what it changed.

    ``change`` of the balance, the part of it that is ``market`` move (both minor units), ``held`` +1 when
    the holding begins and -1 when it is gone; ``ends`` is the day of the holding's next row.
    """

    rows: Rows
    change: Ints
    market: Ints
    held: Ints
    ends: Ints

    @cached_property
    def by_day(self) -> Ints:
        """The places of the steps that are no loan's, by customer and day."""
        rows = self.rows
        aum = rows.columns["product_class"] != LOAN if len(rows) else np.zeros(0, bool)
        order = np.lexsort((rows.day, rows.customer))
        return order[aum[order]]


def make_balance_changes(holdings: Rows) -> BalanceChanges:
    """Turn balances into changes. Rows must be cut already: one version of each, in any order."""
    product = holdings.columns["product_id"]
    rows = holdings.take(np.lexsort((holdings.day, product, holdings.customer)))
    balance = rows.columns["balance_base"] if len(rows) else rows.day
    again = _same_as_before(rows)
    before = _shift(balance, again)
    after = np.append(again[1:], False) if len(rows) else again
    ends = np.where(after, np.append(rows.day[1:], 0) if len(rows) else rows.day, np.int64(10**6))
    held = (balance > 0).astype(np.int64) - (before > 0).astype(np.int64)
    return BalanceChanges(rows, balance - before, _market_move(rows, before, again), held, ends)


def _same_as_before(rows: Rows) -> NDArray[np.bool_]:
    """Whether a row continues the holding of the row before it."""
    customer, product = rows.customer, rows.columns["product_id"]
    same = np.zeros(len(rows), bool)
    same[1:] = (customer[1:] == customer[:-1]) & (product[1:] == product[:-1])
    return same


def _shift(values: Ints, again: NDArray[np.bool_]) -> Ints:
    shifted = np.zeros_like(values)
    shifted[1:] = values[:-1]
    return np.where(again, shifted, 0)


def _market_move(rows: Rows, before: Ints, again: NDArray[np.bool_]) -> Ints:
    """What the new price, then the new exchange rate made of the balance before, minor units of base currency.

    Without units or a price on both days there is no move by price; in base currency none by exchange rate.
    """
    units, price, rate = (rows.columns[name] for name in ("units", "unit_price", "to_base"))
    price_before = np.where(_shift(units, again) > 0, _shift(price, again), 0)
    by_price = _gain(before, price_before, price)
    return by_price + _gain(before + by_price, _shift(rate, again), rate)


def _gain(value: Ints, before: Ints, after: Ints) -> Ints:
    """value × (after / before - 1) in whole numbers, a half rounded up; 0 where one of them is not known.

    Prices and rates count with their leading 30 bits, so that nothing overflows.
    """
    known = (before > 0) & (after > 0)
    larger = np.maximum(np.where(known, np.maximum(before, after), 1), 1)
    spare = np.maximum(np.log2(larger).astype(np.int64) - 29, 0)
    base = np.maximum(before >> spare, 1)
    rise = (after >> spare) - base
    whole, rest = np.divmod(value, base)
    return np.where(known, whole * rise + (2 * rest * rise + base) // (2 * base), 0)


@dataclass(frozen=True)
class Balances:
    """Running sums at every position (position × customer, minor units); see features.engine.tiles."""

    calendar: Calendar
    by_class: Ints  # class × position × customer
    products: Ints
    market: Ints
    aum_days: Ints  # AUM × days, so that differences of two positions give exact daily averages
    market_days: Ints
    quarter_ends: Ints  # quarter × customer: AUM at the end of each calendar quarter
    quarters: Ints  # per snapshot: index of the last quarter that ended before it

    @cached_property
    def aum(self) -> Ints:
        """AUM at every position (position × customer, minor units)."""
        return self.by_class[: len(CLASSES)].sum(axis=0)

    def now(self, running: Ints) -> SnapshotArray:
        """A running sum as of each snapshot, in units of base currency."""
        return running[self.calendar.at] / MINOR

    def ago(self, running: Ints, weeks: int) -> SnapshotArray:
        """The same so many weeks earlier; NaN where the history does not reach back."""
        at = self.calendar.at
        value = running[np.maximum(at - weeks, 0)] / MINOR
        value[at < weeks] = np.nan
        return value

    def mean(self, weeks: int) -> SnapshotArray:
        """Daily average AUM over the trailing window (units of base currency)."""
        return trailing_sum(self.aum_days, self.calendar, weeks) / (7 * weeks * MINOR)

    def constant_price_mean(self, weeks: int) -> SnapshotArray:
        """Daily average AUM at the prices of the snapshot: market moves up to it are added back."""
        days = 7 * weeks
        unmoved = trailing_sum(self.aum_days - self.market_days, self.calendar, weeks)
        # Whole numbers up to the one division: an average of exactly min_aum is not a hair below it.
        return (unmoved + days * self.market[self.calendar.at]) / (days * MINOR)

    def ago_at_prices_now(self, weeks: int) -> SnapshotArray:
        """AUM so many weeks earlier, at the prices of the snapshot (units of base currency)."""
        flowed = trailing_sum(self.aum - self.market, self.calendar, weeks)
        return (self.aum[self.calendar.at] - flowed) / MINOR

    def last_quarter_end(self) -> SnapshotArray:
        """AUM at the end of the last calendar quarter (units of base currency); NaN before the history."""
        value = self.quarter_ends[np.maximum(self.quarters, 0)] / MINOR
        value[self.quarters < 0] = np.nan
        return value

    def extreme(self, weeks: int, reduce: np.ufunc) -> SnapshotArray:
        """Lowest or highest Monday AUM over the trailing window (units of base currency)."""
        return trailing(self.aum, self.calendar, weeks, reduce) / MINOR


def make_balances(changes: BalanceChanges, calendar: Calendar, customers: int) -> Balances:
    """Add all steps into weekly tiles and let them run."""
    classes = len(PRODUCT_CLASSES)
    rows, n = changes.rows, len(changes.rows)
    product_class = rows.columns["product_class"] if n else rows.day
    loan = product_class == LOAN
    change, market = np.where(loan, 0, changes.change), np.where(loan, 0, changes.market)
    day = rows.day - calendar.history_from
    tiles = np.zeros((classes + 4, calendar.positions, customers), np.int64)
    value = np.stack(
        [changes.change, np.where(loan, 0, changes.held), market, change * day, market * day], axis=1
    ).reshape(-1)
    column = np.stack(
        [product_class, *(np.full(n, classes + k, np.int64) for k in range(4))], axis=1
    ).reshape(-1)
    add(calendar.position(rows.day), rows.customer, np.arange(n + 1) * 5, column, value, tiles)
    np.cumsum(tiles, axis=1, out=tiles)
    by_class, (products, moved, change_days, market_days) = tiles[:classes], tiles[classes:]
    weeks = (7 * np.arange(calendar.positions))[:, None]
    quarters, last = _quarters(calendar)
    return Balances(
        calendar,
        by_class,
        products,
        moved,
        weeks * by_class[:-1].sum(axis=0) - change_days,
        weeks * moved - market_days,
        _by_quarter(rows, change, quarters, customers),
        last,
    )


def _quarters(calendar: Calendar) -> tuple[Ints, Ints]:
    """First days of the quarters in the history; per snapshot the index of the one it lies in (-1: none)."""
    first, last = (np.datetime64(int(day), "D") for day in (calendar.history_from, calendar.snapshots.max()))
    months = np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + 1)
    starts = months[months.astype(int) % 3 == 0].astype("datetime64[D]").astype(np.int64)
    starts = starts[starts >= calendar.history_from]
    return starts, np.searchsorted(starts, calendar.snapshots, side="right") - 1


def _by_quarter(rows: Rows, change: Ints, starts: Ints, customers: int) -> Ints:
    """AUM at the end of the day before each quarter's first day (quarter × customer)."""
    tiles = np.zeros((1, len(starts) + 1, customers), np.int64)
    quarter = np.searchsorted(starts, rows.day, side="right")
    n = len(rows)
    add(quarter, rows.customer, np.arange(n + 1), np.zeros(n, np.int64), change, tiles)
    return np.cumsum(tiles[0], axis=0)[: max(len(starts), 1)]
