"""Family: how many products, what falls due and when, what was redeemed early."""

import numba
import numpy as np
from numpy.typing import NDArray

from features.catalogue.grammar import Name, days, weeks
from features.engine.balances import CLASSES, LOAN, MINOR, BalanceChanges, Balances
from features.engine.entities import Ints
from features.engine.tiles import Calendar, Columns, SnapshotArray, ratio, trailing_sum
from features.families.shared import Bucket

AHEAD = (14, 30, 60, 90)  # days ahead in which money falls due
BEHIND = (28, 91)  # days back in which it fell due


def features(bucket: Bucket) -> Columns:
    """Product depth and the maturity wall; money in base currency, shares of AUM."""
    balances = bucket.balances
    aum = balances.at_snapshot(balances.aum)
    yield Name("product", "held"), balances.products[balances.calendar.at].astype(np.float64)
    classes = (balances.by_class[: len(CLASSES), balances.calendar.at] > 0).sum(axis=0)
    yield Name("product_class", "held"), classes.astype(np.float64)
    for window in (13, 26, 52):
        yield (
            Name("product", "added", weeks(window)),
            trailing_sum(balances.products, balances.calendar, window),
        )
    yield Name("loan", "last"), balances.at_snapshot(balances.by_class[LOAN])
    yield from _maturities(balances, aum)


def _maturities(balances: Balances, aum: SnapshotArray) -> Columns:
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
) -> tuple[Ints, SnapshotArray, Ints]:
    """Minor units falling due within AHEAD days, days to the nearest one, minor units that fell due BEHIND.

    A holding counts ahead while it stands; it counts behind once its due day has passed, with the balance
    it went into that day with, whether the money was rolled over or not.
    """
    n, rows = len(calendar.snapshots), changes.rows
    ahead = np.zeros((len(AHEAD), n, customers), np.int64)
    behind = np.zeros((len(BEHIND), n, customers), np.int64)
    nearest = np.full((n, customers), np.nan)
    if not len(rows):
        return ahead, nearest, behind
    balance, due = rows.columns["balance_base"], rows.columns["matures_on"]
    chosen = np.flatnonzero((due >= 0) & (balance > 0) & (rows.columns["product_class"] != LOAN))
    _wall(
        chosen, rows.customer, rows.day, changes.ends, due, balance, calendar.snapshots,
        np.array(AHEAD), np.array(BEHIND), ahead, nearest, behind,
    )  # fmt: skip
    return ahead, nearest, behind


@numba.njit(cache=True, nogil=True)
def _wall(
    chosen: Ints, customer: Ints, start: Ints, end: Ints, due: Ints, balance: Ints, snapshots: Ints,
    spans_ahead: Ints, spans_behind: Ints, ahead: Ints, nearest: NDArray[np.float64], behind: Ints,
) -> None:  # fmt: skip
    for i in chosen:
        c = customer[i]
        for s in range(len(snapshots)):
            day = snapshots[s]
            if start[i] < day <= end[i] and due[i] >= day:
                left = due[i] - day
                if np.isnan(nearest[s, c]) or left < nearest[s, c]:
                    nearest[s, c] = left
                for k in range(len(spans_ahead)):
                    if left < spans_ahead[k]:
                        ahead[k, s, c] += balance[i]
            # The row that stood the day before; one row only, for the next one starts at its end: what a row
            # of the due day itself says (paid out, rolled over, interest added) came of the maturing.
            if start[i] < due[i] < day and due[i] <= end[i]:
                for k in range(len(spans_behind)):
                    if day - due[i] <= spans_behind[k]:
                        behind[k, s, c] += balance[i]
