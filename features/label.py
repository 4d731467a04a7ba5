"""What became of a customer: what counts as gone, by the definition that the bank chose in ``[label]``.

Worked example of the dates (lead 7, horizon 90, settle 14 days): snapshot 2024-03-04; the outcome window begins
on 2024-03-11 and ends before 2024-06-09; ``base`` is the daily average AUM over 2023-12-04 … 2024-03-03. AUM is
everything the customer has here, at the prices of 03-04: money moved between own products or matured into the
current account has not left, nor has a falling fund, and money that came back before the window closed is here.

- ``aum_drop``: of ``base`` at least ``min_drop`` is gone throughout 05-26 … 06-08.
- ``tier_downgrade``: AUM is below the lower bound of the tier of ``base`` throughout 05-12 … 06-08, four weeks.
  Nobody falls from the lowest tier.
- ``closure``: by the bank's record the accounts are closed before 06-09, or no product but a loan had a balance
  throughout 05-26 … 06-08.
- ``dormancy``: no booking of the customer's own (fees, interest and loan payments are the bank's) from 03-11 to
  06-08, and AUM below ``dormant_floor`` throughout 05-26 … 06-08.

``gone_within`` is when: the first of the horizons 30, 60, 90 (up to ``horizon_days``) at whose end the
definition holds and after which it holds at every later one. Here the windows end on 2024-04-10, 2024-05-10 and
2024-06-09; who took everything out in March, was back on 05-05 and left again on 05-20 is gone within 90 days by
``aum_drop``. A dormant customer is silent through the longest window, so there it says when the money fell.

``outflow_share`` is the amount behind it, by any definition: 1 - (highest AUM of 05-26 … 06-08) / base, not below 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from configs.settings import Settings
from features.engine.entities import Ints, World
from features.engine.tiles import Calendar, Grid
from features.families.tiers import lower_bound
from features.outcome_window import Aftermath, Flags, make_aftermath

DOWNGRADE_DAYS = 28  # so long below the bound: a month's salary or a maturing product has come by then


@dataclass(frozen=True)
class Outcome:
    """Per matured snapshot and customer: base (base currency), share of it that left by the end, and when.

    ``gone_within`` is in days, 0 for those who stayed; so a customer attrited exactly if it is not 0.
    """

    base: Grid
    outflow_share: Grid
    gone_within: Ints


def attrition(world: World, calendar: Calendar, settings: Settings, data_through: int) -> Outcome:
    """The outcome of every snapshot of the calendar, all of which must have matured by ``data_through``.

    Judged with everything known before ``data_through`` (a day number), late rows and corrections included.
    """
    return outcome(make_aftermath(world, calendar, settings.label, data_through), settings)


def outcome(after: Aftermath, settings: Settings) -> Outcome:
    """What became of everyone by the definition of ``settings``, which must share the aftermath's base weeks."""
    label, holds = settings.label, DEFINITIONS[settings.label.definition]
    gone_within, stands = np.zeros(after.base.shape, np.int64), np.ones(after.base.shape, bool)
    for days in reversed(label.horizons):
        stands &= holds(after, settings, days)
        gone_within[stands] = days
    share = after.share_left(end_of(after, settings, label.horizon_days), label.settle_days)
    return Outcome(after.base, share, gone_within)


def end_of(after: Aftermath, settings: Settings, days: int) -> Ints:
    """The day before which the outcome window of so many days ends, per snapshot."""
    return after.wealth.calendar.snapshots + settings.label.lead_days + days


def _aum_drop(after: Aftermath, settings: Settings, days: int) -> Flags:
    label = settings.label
    return after.share_left(end_of(after, settings, days), label.settle_days) >= label.min_drop


def _tier_downgrade(after: Aftermath, settings: Settings, days: int) -> Flags:
    highest = after.highest_aum(end_of(after, settings, days), DOWNGRADE_DAYS)
    return highest < lower_bound(after.base, settings.tiers)


def _closure(after: Aftermath, settings: Settings, days: int) -> Flags:
    end = end_of(after, settings, days)
    return after.closed(end) | ~after.held(end, settings.label.settle_days)


def _dormancy(after: Aftermath, settings: Settings, days: int) -> Flags:
    label, end = settings.label, end_of(after, settings, days)
    silent = ~after.booked(end - days, end)
    return silent & (after.highest_aum(end, label.settle_days) < label.dormant_floor)


# Whether the definition holds at the end of an outcome window of so many days.
DEFINITIONS: Mapping[str, Callable[[Aftermath, Settings, int], Flags]] = {
    "aum_drop": _aum_drop,
    "tier_downgrade": _tier_downgrade,
    "closure": _closure,
    "dormancy": _dormancy,
}
