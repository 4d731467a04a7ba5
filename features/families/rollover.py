"""Family: how much of what fell due stayed invested here."""

import numpy as np
from numpy.typing import NDArray

from configs.tables import PRODUCT_CLASSES
from features.catalogue.grammar import Name, weeks
from features.engine.balances import BalanceChanges
from features.engine.entities import Ints
from features.engine.tiles import Columns, ratio
from features.families.shared import Bucket

LOCKED = tuple(PRODUCT_CLASSES.index(name) for name in ("term", "structured", "wealth"))
REINVEST_DAYS = 14  # days the customer has to invest the money again
WINDOW = 52
_DAYS = np.int64(2**20)  # more days than any history has


def features(bucket: Bucket) -> Columns:
    """Of the money that fell due in the last year, the share that was still invested REINVEST_DAYS days
    later.

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
    if not len(rows):
        return (np.zeros(0, np.int64),) * 4
    due, balance = rows.columns["matures_on"], rows.columns["balance_base"]
    stood = (balance > 0) & np.isin(rows.columns["product_class"], LOCKED)
    fell = np.flatnonzero((rows.day < due) & (due <= changes.ends) & stood)
    key, place = np.unique(rows.customer[fell] * _DAYS + due[fell], return_inverse=True)
    money = np.bincount(place, balance[fell], len(key)).astype(np.int64)
    customer, day = key // _DAYS, key % _DAYS
    lost = np.maximum(
        _locked(changes, customer, day - 1) - _locked(changes, customer, day + REINVEST_DAYS), 0
    )
    return customer, day, money, np.maximum(money - lost, 0)


def _locked(changes: BalanceChanges, customer: Ints, day: Ints) -> Ints:
    """Money of each customer in products with a term at the end of the day, minor units."""
    rows = changes.rows
    chosen: NDArray[np.bool_] = np.isin(rows.columns["product_class"], LOCKED)
    key, change = rows.customer[chosen] * _DAYS + rows.day[chosen], changes.change[chosen]
    order = np.argsort(key, kind="stable")
    running = np.concatenate([[0], np.cumsum(change[order])])
    start = np.searchsorted(key[order], customer * _DAYS, side="left")
    return running[np.searchsorted(key[order], customer * _DAYS + day, side="right")] - running[start]
