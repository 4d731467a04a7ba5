"""The label: one outcome per snapshot and customer, by the definition that the bank chose in ``[label]``.

Worked example of the dates (lead 7, horizon 90, settle 14 days): snapshot 2024-03-04; the outcome window
begins on 2024-03-11 and ends before 2024-06-09; ``base`` is the daily average AUM over 2023-12-04 …
2024-03-03. AUM is everything the customer has here, at the prices of 03-04: money moved between own products
or matured into the current account has not left, nor has a falling fund, and money that came back before the
window closed is here.

- ``aum_drop``: of ``base`` at least ``min_drop`` is gone throughout 05-26 … 06-08.
- ``tier_downgrade``: AUM is below the lower bound of the tier of ``base`` throughout 05-12 … 06-08, four
  weeks. Nobody falls from the lowest tier.
- ``closure``: by the bank's record the accounts are closed before 06-09, or no product but a loan had a
  balance throughout 05-26 … 06-08.
- ``dormancy``: no booking of the customer's own (fees, interest and loan payments are the bank's) from 03-11
  to 06-08, and AUM below ``dormant_floor`` throughout 05-26 … 06-08.
- ``silence``: no booking of the customer's own from 03-11 to 06-08; no balance is looked at. Whoever is
  silent throughout the window is so from its first day, so there is one horizon.
- ``delivered``: the bank's own table ``labels`` says so; features/delivered.py. Who has no row is unknown.

``time_to_attrition`` is when: the first of the horizons 30, 60, 90 (up to ``horizon_days``) at whose end the
definition holds and after which it holds at every later one. Here the windows end on 2024-04-10, 2024-05-10
and 2024-06-09; who took everything out in March, was back on 05-05 and left again on 05-20 is gone within 90
days by ``aum_drop``. A dormant customer is silent through the longest window, so there it says when the money
fell.

``outflow_share`` is the amount behind it, by any definition: 1 - (highest AUM of 05-26 … 06-08) / base, not
below 0. A delivered amount takes its place, as a share of ``base``, and no more than all of it. Where a bank
counts customers, whoever is gone is gone whole: 1, else 0.

The only place that looks past a snapshot. Windows are half-open and end with the outcome window; nothing from
its end on is looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from configs.settings import Label, Settings
from configs.tables import STATUSES
from features.catalogue.measures import OWN_BOOKING
from features.delivered import Delivered, delivered, known_too_early
from features.engine.activity import counted
from features.engine.balances import MINOR, Balances, make_balances
from features.engine.cut import any_between, seen, value_as_of
from features.engine.entities import FOREVER, Entities, Ints, Rows
from features.engine.tiles import Calendar, SnapshotArray
from features.tier_rule import lower_bound
from features.weight import base_aum

DOWNGRADE_DAYS = 28  # so long below the bound: a month's salary or a maturing product has come by then
Flags = NDArray[np.bool_]  # (snapshot × customer)


@dataclass(frozen=True)
class OutcomeWindow:
    """Per matured snapshot and customer, as known today; ``base`` is the average AUM before (base currency).

    ``bookings`` are those the customers made themselves.
    """

    balances: Balances
    base: SnapshotArray
    bookings: Rows
    customers: Rows
    delivered: Delivered


@dataclass(frozen=True)
class Definition:
    """One definition of attrition: two rules, each (snapshot × customer) flags.

    ``holds`` at the end of an outcome window of so many days. ``already_left`` is the same measure on the
    snapshot itself, as far as it can be seen then, with the average AUM before it: whoever is gone already is
    not in the cohort.
    """

    holds: Callable[[OutcomeWindow, Settings, int], Flags]
    already_left: Callable[[Entities, Balances, SnapshotArray, Settings], Flags]


def make_outcome_window(
    entities: Entities, calendar: Calendar, settings: Settings, data_through: int
) -> OutcomeWindow:
    """By everything known before ``data_through`` (a day number), late rows and corrections included."""
    holdings, transactions = (
        _settled(entities.tables[name], data_through) for name in ("holdings", "transactions")
    )
    balances = make_balances(holdings, calendar, len(entities))
    return OutcomeWindow(
        balances,
        base_aum(entities, balances, settings),
        transactions.take(counted(transactions, OWN_BOOKING)),
        entities.tables["customers"],
        delivered(entities, calendar.snapshots, settings.label, data_through),
    )


def is_known(window: OutcomeWindow, label: Label) -> Flags:
    """Where the outcome is known: everywhere but by delivered labels, which customers may lack."""
    if label.definition != "delivered":
        return np.ones(window.base.shape, bool)
    return window.delivered.gone >= 0


def _settled(rows: Rows, data_through: int) -> Rows:
    """The rows seen on that day, which stand for good: nothing that supersedes them is known yet."""
    visible = rows.take(seen(rows, data_through))
    return replace(visible, until=np.full(len(visible), FOREVER))


def label_of(window: OutcomeWindow, settings: Settings) -> tuple[SnapshotArray, Ints]:
    """Share of ``base`` that left by the end of the window, and days to attrition, 0 for those who stayed.

    By the definition of ``settings``, which must share the window's base weeks.
    """
    label, definition = settings.label, DEFINITIONS[settings.label.definition]
    time_to_attrition, stands = np.zeros(window.base.shape, np.int64), np.ones(window.base.shape, bool)
    for days in reversed(label.horizons):
        stands &= definition.holds(window, settings, days)
        time_to_attrition[stands] = days
    if settings.counts == "customers":
        return (time_to_attrition > 0).astype(np.float64), time_to_attrition
    end = end_of(window, settings, label.horizon_days)
    left = share_left(window.balances, window.base, end, label.settle_days)
    if label.definition == "delivered":
        lost = window.delivered.lost / MINOR
        share = np.divide(lost, window.base, out=np.ones_like(left), where=window.base > 0)
        left = np.where(lost < 0, left, np.minimum(share, 1.0))
    return left, time_to_attrition


def end_of(window: OutcomeWindow, settings: Settings, days: int) -> Ints:
    """The day before which the outcome window of so many days ends, per snapshot."""
    return window.balances.calendar.snapshots + settings.label.lead_days + days


def highest_aum(balances: Balances, end: Ints, days: int) -> SnapshotArray:
    """The highest end-of-day AUM of the last ``days`` before ``end``, at the prices of the snapshot."""
    after = highest(balances, balances.changes.change - balances.changes.market, end - days, end)
    return (after + balances.market[balances.calendar.at]) / MINOR


def share_left(balances: Balances, base: SnapshotArray, end: Ints, days: int) -> SnapshotArray:
    """The share of ``base`` that was gone throughout the last ``days`` before ``end``, in [0, 1]."""
    after = highest_aum(balances, end, days)
    share = 1 - np.divide(after, base, out=np.ones_like(base), where=base > 0)
    return np.clip(np.nan_to_num(share), 0.0, 1.0)


def highest(balances: Balances, change: Ints, start: Ints, end: Ints) -> Ints:
    """The highest end-of-day sum of ``change`` in [start, end), per window and customer; loans do not count.

    ``change`` has one entry per step: of the balance without market moves (minor units), or of the number
    held.
    """
    rows, order, customers = balances.changes.rows, balances.changes.by_day, balances.products.shape[1]
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


def _dropped(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    label, end = settings.label, end_of(window, settings, days)
    return share_left(window.balances, window.base, end, label.settle_days) >= label.min_drop


def _dropped_already(_: Entities, balances: Balances, base: SnapshotArray, settings: Settings) -> Flags:
    return balances.at_snapshot(balances.aum) <= (1 - settings.label.min_drop) * base


def _downgraded(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    after = highest_aum(window.balances, end_of(window, settings, days), DOWNGRADE_DAYS)
    return after < lower_bound(window.base, settings.tiers)


def _downgraded_already(_: Entities, balances: Balances, base: SnapshotArray, settings: Settings) -> Flags:
    return balances.at_snapshot(balances.aum) < lower_bound(base, settings.tiers)


def _closed(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    end, records = end_of(window, settings, days), window.customers
    closed = records.columns["status"] == STATUSES.index("closed")
    by_record = value_as_of(records, end, window.base.shape[1], closed, False)
    held = highest(window.balances, window.balances.changes.held, end - settings.label.settle_days, end)
    return by_record | (held <= 0)


def _closed_already(_: Entities, balances: Balances, *__: object) -> Flags:
    return balances.products[balances.calendar.at] == 0


def _dormant(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    label, end = settings.label, end_of(window, settings, days)
    return _silent(window, settings, days) & (
        highest_aum(window.balances, end, label.settle_days) < label.dormant_floor
    )


def _dormant_already(
    entities: Entities, balances: Balances, base: SnapshotArray, settings: Settings
) -> Flags:
    silent = _silent_already(entities, balances, base, settings)
    return silent & (balances.at_snapshot(balances.aum) < settings.label.dormant_floor)


def _silent(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    end = end_of(window, settings, days)
    return ~any_between(window.bookings, window.base.shape[1], end - days, end)


def _silent_already(entities: Entities, balances: Balances, _: SnapshotArray, settings: Settings) -> Flags:
    """Silent for as many days before the snapshot as the outcome window has."""
    end, bookings = balances.calendar.snapshots, entities.tables["transactions"]
    own_bookings = bookings.take(counted(bookings, OWN_BOOKING))
    return ~any_between(own_bookings, len(entities), end - settings.label.horizon_days, end)


def _delivered(window: OutcomeWindow, _: Settings, __: int) -> Flags:
    return window.delivered.gone == 1


def _delivered_already(entities: Entities, balances: Balances, _: SnapshotArray, settings: Settings) -> Flags:
    """By the newest label known before the snapshot; a later one may say that the customer is back."""
    rows = entities.tables["labels"]
    rows = rows.take(~known_too_early(rows, settings.label.horizon_days))
    gone = rows.columns["gone"]
    return value_as_of(rows, balances.calendar.snapshots, len(entities), gone, 0) == 1


DEFINITIONS: Mapping[str, Definition] = {
    "aum_drop": Definition(_dropped, _dropped_already),
    "tier_downgrade": Definition(_downgraded, _downgraded_already),
    "closure": Definition(_closed, _closed_already),
    "dormancy": Definition(_dormant, _dormant_already),
    "silence": Definition(_silent, _silent_already),
    "delivered": Definition(_delivered, _delivered_already),
}
