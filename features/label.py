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

``time_to_attrition`` is when: the first of the horizons 30, 60, 90 (up to ``horizon_days``) at whose end the
definition holds and after which it holds at every later one. Here the windows end on 2024-04-10, 2024-05-10
and 2024-06-09; who took everything out in March, was back on 05-05 and left again on 05-20 is gone within 90
days by ``aum_drop``. A dormant customer is silent through the longest window, so there it says when the money
fell.

``outflow_share`` is the amount behind it, by any definition: 1 - (highest AUM of 05-26 … 06-08) / base, not
below 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from configs.settings import Settings
from features.catalogue.measures import OWN_BOOKING
from features.engine.activity import counted
from features.engine.balances import Balances
from features.engine.cut import any_between
from features.engine.entities import Entities, Ints
from features.engine.tiles import SnapshotArray
from features.families.tiers import lower_bound
from features.outcome_window import Flags, OutcomeWindow

DOWNGRADE_DAYS = 28  # so long below the bound: a month's salary or a maturing product has come by then


@dataclass(frozen=True)
class Outcome:
    """Per matured snapshot and customer: base (base currency), share of it that left by the end, and when.

    ``time_to_attrition`` is in days, 0 for those who stayed; so a customer attrited exactly if it is not 0.
    """

    base: SnapshotArray
    outflow_share: SnapshotArray
    time_to_attrition: Ints


@dataclass(frozen=True)
class Definition:
    """One definition of attrition: two rules, each (snapshot × customer) flags.

    ``holds`` at the end of an outcome window of so many days. ``already_left`` is the same measure on the
    snapshot itself, as far as it can be seen then: whoever is gone already is not in the cohort.
    """

    holds: Callable[[OutcomeWindow, Settings, int], Flags]
    already_left: Callable[[Entities, Balances, Settings], Flags]


def label_of(window: OutcomeWindow, settings: Settings) -> Outcome:
    """The outcome of everyone by the definition of ``settings``, which must share the window's base weeks."""
    label, definition = settings.label, DEFINITIONS[settings.label.definition]
    time_to_attrition, stands = np.zeros(window.base.shape, np.int64), np.ones(window.base.shape, bool)
    for days in reversed(label.horizons):
        stands &= definition.holds(window, settings, days)
        time_to_attrition[stands] = days
    share = window.share_left(end_of(window, settings, label.horizon_days), label.settle_days)
    return Outcome(window.base, share, time_to_attrition)


def end_of(window: OutcomeWindow, settings: Settings, days: int) -> Ints:
    """The day before which the outcome window of so many days ends, per snapshot."""
    return window.balances.calendar.snapshots + settings.label.lead_days + days


def _dropped(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    label = settings.label
    return window.share_left(end_of(window, settings, days), label.settle_days) >= label.min_drop


def _dropped_already(_: Entities, balances: Balances, settings: Settings) -> Flags:
    base = balances.constant_price_mean(settings.label.base_weeks)
    return balances.at_snapshot(balances.aum) <= (1 - settings.label.min_drop) * base


def _downgraded(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    highest = window.highest_aum(end_of(window, settings, days), DOWNGRADE_DAYS)
    return highest < lower_bound(window.base, settings.tiers)


def _downgraded_already(_: Entities, balances: Balances, settings: Settings) -> Flags:
    base = balances.constant_price_mean(settings.label.base_weeks)
    return balances.at_snapshot(balances.aum) < lower_bound(base, settings.tiers)


def _closed(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    end = end_of(window, settings, days)
    return window.closed(end) | ~window.held(end, settings.label.settle_days)


def _closed_already(_: Entities, balances: Balances, __: Settings) -> Flags:
    return balances.products[balances.calendar.at] == 0


def _dormant(window: OutcomeWindow, settings: Settings, days: int) -> Flags:
    label, end = settings.label, end_of(window, settings, days)
    silent = ~window.booked(end - days, end)
    return silent & (window.highest_aum(end, label.settle_days) < label.dormant_floor)


def _dormant_already(entities: Entities, balances: Balances, settings: Settings) -> Flags:
    """Silent for as many days before the snapshot as the outcome window has."""
    label, end = settings.label, balances.calendar.snapshots
    bookings = entities.tables["transactions"]
    customers_own = bookings.take(counted(bookings, OWN_BOOKING))
    silent = ~any_between(customers_own, len(entities), end - label.horizon_days, end)
    return silent & (balances.at_snapshot(balances.aum) < label.dormant_floor)


DEFINITIONS: Mapping[str, Definition] = {
    "aum_drop": Definition(_dropped, _dropped_already),
    "tier_downgrade": Definition(_downgraded, _downgraded_already),
    "closure": Definition(_closed, _closed_already),
    "dormancy": Definition(_dormant, _dormant_already),
}
