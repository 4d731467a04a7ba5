"""The compact history: of years gone by a tenth or so of the rows gives the same features.

Every trailing window and every look back at weeks or months lies within ``kept_days`` of its snapshot.
Of what happened before, only this counts, and it is kept:

- the last booking and event of each sort (all coded columns and the sign) of a customer: days since the last;
- the first of each sort: days since the first;
- of each customer the last own booking of the newest ``COUNTED`` days with one: how often they book;
- the last row of a holding, whose balance stands; and its first with money in it: days since the first.

A sort is finer than any measure, so this holds for the measures that a bank declares as well. A row that was
not settled by then, known later or superseded later, is kept: a snapshot may have to do without it.
"""

from math import prod

import numpy as np

from configs.settings import Settings
from features.catalogue.measures import OWN_BOOKING
from features.engine.activity import counted, group_keys
from features.engine.booking_days import COUNTED
from features.engine.entities import FOREVER, Ints, Rows

YEAR = 52  # weeks; what families look back on besides the windows of the settings
COMPACTED = ("transactions", "events", "holdings")


def lookback_days(settings: Settings) -> int:
    """Days before a snapshot within which a row counts by its own day or week."""
    closed = settings.label.base_weeks + settings.label.weeks_to_close
    return 7 * (max(YEAR, closed, *settings.features.windows) + 1)


def kept_days(settings: Settings) -> int:
    """Days before a snapshot within which a row is kept: the months that decide a tier may reach further."""
    by_month = settings.tier_rule.kind == "monthly_average"
    months = settings.tier_rule.months_looked_at(len(settings.tiers)) + 1 if by_month else 0
    return max(lookback_days(settings), 31 * months)


def compact_rows(rows: Rows, before: int) -> Rows:
    """Fewer rows of one table, with the same features for every snapshot from ``before + kept_days`` on.

    ``before`` is a day number; rows that happened from then on are all kept.
    """
    old = rows.day < before
    settled = np.flatnonzero(old & (rows.known_on < before) & (rows.until == FOREVER))
    keep = ~old | ((rows.known_on >= before) | (rows.until < FOREVER)) & (rows.until >= before)
    sort = _sorts(rows)[settled]
    held = rows.columns["balance_base"][settled] > 0 if "balance_base" in rows.columns else sort >= 0
    keep[settled[held][_firsts(sort[held])]] = True
    keep[settled[::-1][_firsts(sort[::-1])]] = True
    keep[settled[_booking_days(rows.take(settled))]] = True
    return rows.take(keep)


def _booking_days(rows: Rows) -> Ints:
    """The places of one own booking of each of a customer's newest ``COUNTED`` days with one."""
    if "counterparty" not in rows.labels:  # no bookings
        return np.zeros(0, np.int64)
    booking = np.flatnonzero(counted(rows, OWN_BOOKING))
    moments, place = np.unique(rows.customer[booking] * FOREVER + rows.day[booking], return_index=True)
    customer = moments // FOREVER
    newer = np.searchsorted(customer, customer, side="right") - np.arange(len(customer))
    return booking[place[newer <= COUNTED]]


def _sorts(rows: Rows) -> Ints:
    """A number per row, the same for rows of one customer with equal labels and sign."""
    group_key, sizes = group_keys(rows, [*rows.labels])
    return rows.customer * (2 * prod(sizes.values())) + group_key


def _firsts(sort: Ints) -> Ints:
    return np.unique(sort, return_index=True)[1]
