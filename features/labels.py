"""What became of a customer: the only place that looks past a snapshot.

``aum_drop``: of the average AUM in the weeks before the snapshot, at least ``min_drop`` has left the bank by
the end of the outcome window and has not come back. Worked example (lead 7, horizon 90, settle 14 days):

    snapshot 2024-03-04     base = daily average AUM over 2023-12-04 … 2024-03-03, at the prices of 03-04
    outcome_end 2024-06-09  after = the highest AUM, at the same prices, from 2024-05-26 to 2024-06-08
    outflow_share = 1 - after / base, never below 0;  attrited = outflow_share >= min_drop

AUM is everything the customer has here, so money moved between own products or matured into the current
account has not left; market moves are taken out, so a falling fund has not left either; and money that
came back before the window closed lifts ``after``.

``gone_within`` is when: the first of the horizons 30, 60, 90 (up to ``horizon_days``) at whose end the drop
stands by the same rule and after which it stands at every later one. Here the windows end on 2024-04-10,
2024-05-10 and 2024-06-09; who left in March, was back on 05-05 and left again on 05-20 is gone within 90 days.
"""

from dataclasses import dataclass

import numba
import numpy as np

from configs.settings import Label
from features.cut import seen
from features.tiles import Calendar, Grid
from features.wealth import LOAN, MINOR, Steps, Wealth, make_steps, make_wealth
from features.world import FOREVER, Ints, Rows, World


@dataclass(frozen=True)
class Outcome:
    """Per matured snapshot and customer: base (base currency), share of it that left by the end, and when.

    ``gone_within`` is in days, 0 for those who stayed; so a customer attrited exactly if it is not 0.
    """

    base: Grid
    outflow_share: Grid
    gone_within: Ints


def aum_drop(world: World, calendar: Calendar, label: Label, data_through: int) -> Outcome:
    """The outcome of every snapshot of the calendar, all of which must have matured by ``data_through``.

    Judged with everything known before ``data_through`` (a day number), late rows and corrections included.
    """
    rows = world.tables["holdings"]
    steps = make_steps(settled(rows.take(seen(rows, data_through))))
    wealth = make_wealth(steps, calendar, len(world))
    base = wealth.constant_price_mean(label.base_weeks)
    shares = {days: _share_gone(steps, wealth, base, label, days) for days in label.horizons}
    gone_within, stands = np.zeros(base.shape, np.int64), np.ones(base.shape, bool)
    for days in reversed(label.horizons):
        stands &= shares[days] >= label.min_drop
        gone_within[stands] = days
    return Outcome(base, shares[label.horizon_days], gone_within)


def _share_gone(steps: Steps, wealth: Wealth, base: Grid, label: Label, days: int) -> Grid:
    """The share of ``base`` gone by the end of an outcome window of so many days, in [0, 1]."""
    calendar = wealth.calendar
    end = calendar.snapshots + label.lead_days + days
    after = highest(steps, base.shape[1], end - label.settle_days, end) + wealth.market[calendar.at]
    share = 1 - np.divide(after / MINOR, base, out=np.ones_like(base), where=base > 0)
    return np.clip(np.nan_to_num(share), 0.0, 1.0)


def settled(rows: Rows) -> Rows:
    """Cut rows stand for good: nothing that supersedes them is known yet."""
    return Rows(rows.customer, rows.day, rows.known, np.full(len(rows), FOREVER), rows.columns, rows.labels)


def highest(steps: Steps, customers: int, start: Ints, end: Ints) -> Ints:
    """Highest end-of-day AUM without market moves in [start, end), per window and customer, minor units."""
    rows = steps.rows
    moved = steps.change - steps.market
    aum = rows.columns["product_class"] != LOAN if len(rows) else np.zeros(0, bool)
    order = np.lexsort((rows.day, rows.customer))
    order = order[aum[order]]
    first = np.searchsorted(rows.customer[order], np.arange(customers + 1))
    out = np.zeros((len(start), customers), np.int64)
    _sweep(first, rows.day[order], moved[order], start, end, out)
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
