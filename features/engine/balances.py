"""AUM as running sums of changes: each customer's holdings by class at every Monday, and their daily average.

A balance stands from its valuation day until the next row of its account, so the rows of one account are
turned into changes; changes add up over accounts, products and weeks like bookings do. AUM is every class but
loan, in base currency. What new prices and exchange rates make of a balance is a market move, kept apart from
money that moved.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from configs.tables import PRODUCT_CLASSES
from features.engine.entities import FOREVER, Ints, Rows, order_of
from features.engine.tiles import Calendar, SnapshotArray, add, sum_up, trailing_sum

CLASSES = tuple(name for name in PRODUCT_CLASSES if name != "loan")
MINOR = 100.0  # minor units in one unit of base currency
LOAN = PRODUCT_CLASSES.index("loan")
# A class may belong to several groups: liquid is what can be had within days, at a price.
CLASS_GROUPS = {
    "deposits": ("demand", "term", "structured"),
    "liquid": ("demand", "fund", "metal"),
    "investment": ("wealth", "fund", "insurance", "metal", "trust"),
}


@dataclass(frozen=True)
class BalanceChanges:
    """One row per holdings row, sorted by customer, product, account, day: what it changed.

    ``change`` of the balance, the part of it that is ``market`` move, of which ``exchange`` is the part by
    exchange rate (all in minor units); ``held`` +1 when the accounts of a product begin to sum to more than 0
    and -1 when they no longer do; ``ends`` is the day of the account's next row.
    """

    rows: Rows
    change: Ints
    market: Ints
    exchange: Ints
    held: Ints
    ends: Ints

    @cached_property
    def by_day(self) -> Ints:
        """The places of the changes that are no loan's, by customer and day."""
        rows = self.rows
        order = order_of(rows.customer, rows.day)
        return order[rows.columns["product_class"][order] != LOAN]


def make_balance_changes(holdings: Rows) -> BalanceChanges:
    """Turn balances into changes. Rows must be cut already: one version of each, in any order."""
    product = holdings.columns["product_id"]
    account = product * len(holdings.labels["account_id"]) + holdings.columns["account_id"]
    order = order_of(holdings.customer, account, holdings.day)
    rows, account = holdings.take(order), account[order]
    balance, again = rows.columns["balance_base"], _again(rows.customer, account)
    before = _shift(balance, again)
    continued, next_day = (np.append(values[1:], 0)[: len(rows)] for values in (again, rows.day))
    ends = np.where(continued, next_day, FOREVER)
    change, (by_price, by_rate) = balance - before, _market_moves(rows, before, again)
    return BalanceChanges(rows, change, by_price + by_rate, by_rate, _held(rows, change), ends)


def _again(*columns: Ints) -> NDArray[np.bool_]:
    """One flag per row: in all columns it equals the row before it."""
    again = np.zeros(len(columns[0]), bool)
    again[1:] = np.all([column[1:] == column[:-1] for column in columns], axis=0)
    return again


def _held(rows: Rows, change: Ints) -> Ints:
    """+1 and -1 on the last row of a day on which a product, all accounts together, rises above 0 or falls
    back."""
    columns = (rows.customer, rows.columns["product_id"], rows.day)
    order = order_of(*columns)
    customer, product, day = (column[order] for column in columns)
    running = np.cumsum(change[order])
    first = np.flatnonzero(~_again(customer, product))
    before = np.append(0, running)[first]
    balance = running - np.repeat(before, np.diff(np.append(first, len(order))))
    last = np.flatnonzero(~np.append(_again(customer, product, day), False)[1:])
    positive = (balance[last] > 0).astype(np.int64)
    held = np.zeros_like(change)
    held[order[last]] = positive - _shift(positive, _again(customer[last], product[last]))
    return held


def _shift(values: Ints, again: NDArray[np.bool_]) -> Ints:
    shifted = np.zeros_like(values)
    shifted[1:] = values[:-1]
    return np.where(again, shifted, 0)


def _market_moves(rows: Rows, before: Ints, again: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Per row the market move by the price, then that by the exchange rate (minor units, base currency).

    Without units or a price on both days there is no move by price; in base currency none by exchange rate.
    """
    units, price, rate = (rows.columns[name] for name in ("units", "unit_price", "to_base"))
    price_before = np.where(_shift(units, again) > 0, _shift(price, again), 0)
    by_price = _gain(before, price_before, price)
    return by_price, _gain(before + by_price, _shift(rate, again), rate)


def _gain(value: Ints, before: Ints, after: Ints) -> Ints:
    """value × (after / before - 1) in whole numbers, a half rounded up; 0 where one of them is not known.

    Prices and rates count with their leading 30 bits, so that nothing overflows.
    """
    both_known = (before > 0) & (after > 0)
    larger = np.maximum(np.where(both_known, np.maximum(before, after), 1), 1)
    spare = np.maximum(np.log2(larger).astype(np.int64) - 29, 0)
    base = np.maximum(before >> spare, 1)
    rise = (after >> spare) - base
    whole, rest = np.divmod(value, base)
    return np.where(both_known, whole * rise + (2 * rest * rise + base) // (2 * base), 0)


@dataclass(frozen=True)
class Balances:
    """Running sums at every position (position × customer, minor units); see features.engine.tiles."""

    changes: BalanceChanges
    calendar: Calendar
    by_class: Ints  # class × position × customer
    products: Ints
    market: Ints
    aum_days: Ints  # AUM × days, so that differences of two positions give exact daily averages
    market_days: Ints

    @cached_property
    def by_name(self) -> dict[str, Ints]:
        """Balances by class and group, and AUM, at every position (position × customer, minor units)."""
        return _by_name(self.by_class)

    @cached_property
    def aum(self) -> Ints:
        """AUM at every position (position × customer, minor units)."""
        return self.by_class[: len(CLASSES)].sum(axis=0)

    def at_snapshot(self, running: Ints) -> SnapshotArray:
        """A running sum as of each snapshot, in units of base currency."""
        return running[self.calendar.at] / MINOR

    def ago(self, running: Ints, weeks: int) -> SnapshotArray:
        """A running sum so many weeks before each snapshot; NaN where the history does not reach back."""
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

    @cached_property
    def _month_starts(self) -> Ints:
        calendar = self.calendar
        first, last = month_number(np.array([calendar.history_from, calendar.snapshots.max()]))
        starts = np.arange(first, last + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return starts[starts >= calendar.history_from]

    @cached_property
    def _month_ends(self) -> dict[str, Ints]:
        """By name the balance the evening before each month's first day (month × customer, minor units)."""
        rows, starts = self.changes.rows, self._month_starts
        tiles = np.zeros((len(PRODUCT_CLASSES), len(starts) + 1, self.products.shape[1]), np.int64)
        month, first = np.searchsorted(starts, rows.day, side="right"), np.arange(len(rows) + 1)
        add(month, rows.customer, first, rows.columns["product_class"], self.changes.change, tiles)
        sum_up(tiles)
        return _by_name(tiles)

    def month_end(self, name: str, back: int | Ints) -> SnapshotArray:
        """The balance ``back`` month-ends ago, 1 being the last (base currency); NaN before the history."""
        month = np.searchsorted(self._month_starts, self.calendar.snapshots, side="right") - back
        value = self._month_ends[name][np.maximum(month, 0)] / MINOR
        value[month < 0] = np.nan
        return value

    def last_quarter_end(self, name: str) -> SnapshotArray:
        """The balance at the end of the last calendar quarter (base currency); NaN before the history."""
        return self.month_end(name, month_number(self.calendar.snapshots) % 3 + 1)


def make_balances(holdings: Rows, calendar: Calendar, customers: int) -> Balances:
    """Running sums of all changes in weekly tiles. Rows must be cut already, see make_balance_changes."""
    changes = make_balance_changes(holdings)
    classes, rows, n = len(PRODUCT_CLASSES), changes.rows, len(changes.rows)
    product_class = rows.columns["product_class"]
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
    sum_up(tiles)
    by_class, (products, moved, change_days, market_days) = tiles[:classes], tiles[classes:]
    weeks = (7 * np.arange(calendar.positions))[:, None]
    return Balances(
        changes,
        calendar,
        by_class,
        products,
        moved,
        weeks * by_class[:-1].sum(axis=0) - change_days,
        weeks * moved - market_days,
    )


def _by_name(by_class: Ints) -> dict[str, Ints]:
    single = {name: by_class[k] for k, name in enumerate(CLASSES)}
    groups = {**CLASS_GROUPS, "aum": CLASSES}
    return single | {
        group: np.sum([single[name] for name in members], axis=0) for group, members in groups.items()
    }


def month_number(days: Ints) -> Ints:
    """Months since January 1970 of day numbers."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
