"""Families of products: how many, what falls due and when, how much of it stayed invested here."""

import numpy as np
from numpy.typing import NDArray

from configs.tables import PRODUCT_CLASSES
from features.catalogue.grammar import Name, days, weeks
from features.engine.activity import Bucket
from features.engine.balances import CLASSES, LOAN, MINOR, BalanceChanges
from features.engine.entities import Ints
from features.engine.tiles import Calendar, Columns, SnapshotArray, ratio, trailing_sum

AHEAD = (14, 30, 60, 90)  # days ahead in which money falls due
BEHIND = (28, 91)  # days back in which it fell due


def holdings(bucket: Bucket) -> Columns:
    """Product depth and the maturity wall; money in base currency, shares of AUM."""
    balances = bucket.balances
    aum = balances.at_snapshot(balances.aum)
    yield Name("product", "held"), balances.products[balances.calendar.at].astype(np.float64)
    classes = (balances.by_class[: len(CLASSES), balances.calendar.at] > 0).sum(axis=0)
    yield Name("product_class", "held"), classes.astype(np.float64)
    for window in (13, 26, 52):
        added = trailing_sum(balances.products, balances.calendar, window)
        yield Name("product", "added", weeks(window)), added
    yield Name("loan", "last"), balances.at_snapshot(balances.by_class[LOAN])
    ahead, nearest, behind = maturity_wall(balances.changes, balances.calendar, len(aum[0]))
    for k, span in enumerate(AHEAD):
        yield Name("maturing", "sum", days(span)), ahead[k] / MINOR
        yield Name("maturing", "share", days(span)), ratio(ahead[k] / MINOR, aum)
    for k, span in enumerate(BEHIND):
        yield Name("matured", "sum", days(span)), behind[k] / MINOR
        yield Name("matured", "share", days(span)), ratio(behind[k] / MINOR, aum + behind[k] / MINOR)
    yield Name("next_maturity", "days_to"), nearest


def maturity_wall(
    changes: BalanceChanges, calendar: Calendar, customers: int
) -> tuple[SnapshotArray, SnapshotArray, SnapshotArray]:
    """Minor units falling due within AHEAD days, days to the nearest one, minor units that fell due BEHIND.

    A holding counts ahead while it stands; it counts behind once its due day has passed, with the balance
    it went into that day with, whether the money was rolled over or not.
    """
    balance, due = (changes.rows.columns[name] for name in ("balance_base", "matures_on"))
    chosen = (due >= 0) & (balance > 0) & (changes.rows.columns["product_class"] != LOAN)
    customer, start, end, due, balance = (
        values[chosen] for values in (changes.rows.customer, changes.rows.day, changes.ends, due, balance)
    )
    # The row that stood the day before; one row only, for the next one starts at its end: what a row of the
    # due day itself says (paid out, rolled over, interest added) came of the maturing.
    into_due_day = (start < due) & (due <= end)
    ahead, behind = (np.zeros((len(spans), len(calendar.at), customers)) for spans in (AHEAD, BEHIND))
    nearest = np.full((len(calendar.at), customers), np.inf)
    for s, day in enumerate(calendar.snapshots):
        left = due - day
        stands = (start < day) & (day <= end) & (left >= 0)
        np.minimum.at(nearest[s], customer[stands], left[stands])
        # Whole minor units below 2^53: exact in any order.
        for k, span in enumerate(AHEAD):
            inside = stands & (left < span)
            ahead[k, s] = np.bincount(customer[inside], balance[inside], customers)
        for k, span in enumerate(BEHIND):
            inside = into_due_day & (left < 0) & (left >= -span)
            behind[k, s] = np.bincount(customer[inside], balance[inside], customers)
    return ahead, np.where(np.isinf(nearest), np.nan, nearest), behind


LOCKED = tuple(PRODUCT_CLASSES.index(name) for name in ("term", "structured", "wealth"))
REINVEST_DAYS = 14  # days the customer has to invest the money again
WINDOW = 52
_DAYS = np.int64(2**20)  # more days than any history has


def rollover(bucket: Bucket) -> Columns:
    """Of the money that fell due in the last year, the share still invested REINVEST_DAYS days later.

    What term, structured and wealth products lost from the evening before the due day to REINVEST_DAYS days
    after it has not been rolled over; due days whose REINVEST_DAYS days are not over yet do not count.
    """
    balances = bucket.balances
    customer, due, money, kept = _matured(balances.changes)
    snapshots, customers = balances.calendar.snapshots, balances.aum.shape[1]
    total, stayed = np.zeros((2, len(snapshots), customers))
    for s, day in enumerate(snapshots):
        inside = np.flatnonzero((due >= day - 7 * WINDOW) & (due + REINVEST_DAYS < day))
        # Whole minor units below 2^53: exact in any order.
        total[s] = np.bincount(customer[inside], money[inside], customers)
        stayed[s] = np.bincount(customer[inside], kept[inside], customers)
    yield Name("matured", "kept", weeks(WINDOW)), ratio(stayed, total)


def _matured(changes: BalanceChanges) -> tuple[Ints, Ints, Ints, Ints]:
    """One row per customer and due day: money that fell due and how much of it stayed (minor units)."""
    rows = changes.rows
    due, balance = rows.columns["matures_on"], rows.columns["balance_base"]
    stood = (balance > 0) & np.isin(rows.columns["product_class"], LOCKED)
    fell = np.flatnonzero((rows.day < due) & (due <= changes.ends) & stood)
    key, place = np.unique(rows.customer[fell] * _DAYS + due[fell], return_inverse=True)
    money = np.bincount(place, balance[fell], len(key)).astype(np.int64)
    customer, day = key // _DAYS, key % _DAYS
    lost = _locked(changes, customer, day - 1) - _locked(changes, customer, day + REINVEST_DAYS)
    return customer, day, money, np.maximum(money - np.maximum(lost, 0), 0)


def _locked(changes: BalanceChanges, customer: Ints, day: Ints) -> Ints:
    """Money of each customer in products with a term at the end of the day, minor units."""
    rows = changes.rows
    chosen: NDArray[np.bool_] = np.isin(rows.columns["product_class"], LOCKED)
    key, change = rows.customer[chosen] * _DAYS + rows.day[chosen], changes.change[chosen]
    order = np.argsort(key, kind="stable")
    running = np.concatenate([[0], np.cumsum(change[order])])
    start = np.searchsorted(key[order], customer * _DAYS, side="left")
    return running[np.searchsorted(key[order], customer * _DAYS + day, side="right")] - running[start]
