"""The tier of every customer on every Monday: the one place that decides it.

``threshold``: the tier whose lower bound the average AUM before the Monday reaches.

``monthly_average``: by the daily average AUM of closed calendar months, at the prices of each day; days
before the first balance count as 0. Up at once when a month's average reaches a higher bound. After
``months_below`` months in a row below the tier's own bound the customer is watched; after
``months_watched`` more the tier falls to that of the best of all these months, and the count begins anew. A
month that reaches the bound ends the watch. A month is closed when the Monday lies after its last day.

Worked example (bounds 500,000 and 1,000,000; 3 + 3 months): averages of 1.2 million in January, then 0.9,
0.7, 0.4, 0.4, 0.4, 0.4 million. Below the bound of a million from February on; watched from April's end
(three months); down at July's end (six) to the tier from 500,000, for February was the best of them.

Nobody has to be followed from the first day: whatever tier and count a customer had, ``months_to_fall`` ×
(number of tiers − 1) months later both are the same. Of two customers with the same months the one in the
higher tier either sees a month that reaches it, which puts both into that tier with no month below, or falls
within ``months_to_fall`` months; and it cannot fall below the lowest. So every Monday is decided by as many
months before it, from the lowest tier on.
"""

from collections.abc import Sequence

import numpy as np

from configs.settings import Settings, Tier
from configs.tier_rule import TierRule
from features.engine.balances import LOAN, MINOR, Balances, month_number
from features.engine.entities import Ints
from features.engine.tiles import SnapshotArray, add, sum_up

NO_TIER = -1  # of customers whose AUM before the snapshot is not known


def tier_places(balances: Balances, base: SnapshotArray, settings: Settings) -> Ints:
    """(snapshot × customer): the place of each customer's tier in ``settings.tiers``, or NO_TIER.

    ``balances`` hold the rows seen at the snapshots of their calendar, ``base`` is the average AUM before
    each (features/weight.py).
    """
    return tier_columns(balances, base, settings)["tier"]


def tier_columns(balances: Balances, base: SnapshotArray, settings: Settings) -> dict[str, Ints]:
    """(snapshot × customer) each: ``tier`` as ``tier_places``, and by monthly averages how near the fall is.

    ``months_below`` are closed months in a row below the tier's bound, 0 in the lowest tier. ``falls_to`` is
    the place of the tier that follows if nothing comes or goes: the same one where this month's average or,
    while months are left, the AUM of the Monday reaches the bound. ``month_average_minor`` is what the
    average of the running month will be then, rounded down, and ``needed_minor`` what it lacks.
    ``saved_by_minor`` is the smallest sum that, come on the Monday and kept to the month's end, makes the
    average reach the bound.
    Both are 0 where nothing is missing.
    """
    if settings.tier_rule.kind == "threshold":
        return {"tier": np.where(np.isnan(base), NO_TIER, place(base, settings.tiers))}
    rule, snapshots = settings.tier_rule, balances.calendar.snapshots
    minor = np.array([round(bound * MINOR) for bound in bounds(settings.tiers)], np.int64)
    months = _months_before(snapshots, rule.months_looked_at(len(minor)))
    starts = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days = np.diff(starts)
    aum, aum_days = _aum_before(balances, np.concatenate([starts, snapshots]))
    levels = _level(np.diff(aum_days[: len(starts)], axis=0), days, minor)
    tiers, counts = follow(levels, rule)
    running = month_number(snapshots) - months[0]  # of each snapshot the place of its month
    tier, count = tiers[running], counts[running]
    aum, so_far = aum[len(starts) :], aum_days[len(starts) :] - aum_days[running]
    length = np.diff(starts)[running][:, None]
    left = (starts[running + 1] - snapshots)[:, None]
    expected = so_far + aum * left  # AUM × days of the whole month if nothing comes or goes
    lacking = np.where(tier > 0, np.maximum(minor[tier] * length - expected, 0), 0)
    best = np.minimum(_level(expected, length, minor), tier)
    later = np.minimum(_level(aum, np.ones_like(left), minor), tier)
    best = np.where(count + 1 < rule.months_to_fall, np.maximum(best, later), best)
    for back in range(1, rule.months_to_fall):
        best = np.where(back <= count, np.maximum(best, levels[running - back]), best)
    return {
        "tier": np.where(np.isnan(base), NO_TIER, tier),
        "months_below": np.where(np.isnan(base), 0, count),
        "falls_to": best,
        "month_average_minor": expected // length,
        "needed_minor": -(-lacking // length),
        "saved_by_minor": -(-lacking // left),
    }


def follow(levels: Ints, rule: TierRule) -> tuple[Ints, Ints]:
    """Tier and months below its bound before each month and after the last (months + 1 × customer).

    ``levels`` (month × customer) are the places of the tiers that the averages of closed months reach.
    """
    tiers, counts = (np.zeros((len(levels) + 1, levels.shape[1]), np.int64) for _ in range(2))
    for month, level in enumerate(levels):
        count = np.where(level < tiers[month], counts[month] + 1, 0)
        falls = count == rule.months_to_fall
        best = levels[max(month + 1 - rule.months_to_fall, 0) : month + 1].max(axis=0)
        tiers[month + 1] = np.where(falls, best, np.maximum(tiers[month], level))
        counts[month + 1] = np.where(falls, 0, count)
    return tiers, counts


def _months_before(snapshots: Ints, closed: int) -> Ints:
    """The numbers of so many months before the first snapshot's up to the one after the last's."""
    first, last = month_number(np.array([snapshots.min(), snapshots.max()])).tolist()
    return np.arange(first - closed, last + 2)


def _aum_before(balances: Balances, days: Ints) -> tuple[Ints, Ints]:
    """AUM on the eve of each day, and its sum over all days before that day (day × customer, minor units).

    The sums count from an arbitrary day on: only their differences mean something.
    """
    rows, edges = balances.changes.rows, np.unique(days)
    change = np.where(rows.columns["product_class"] == LOAN, 0, balances.changes.change)
    tiles = np.zeros((2, len(edges) + 1, balances.products.shape[1]), np.int64)
    value = np.stack([change, change * (rows.day - edges[0])], axis=1).reshape(-1)
    column, first = np.tile(np.arange(2), len(rows)), np.arange(len(rows) + 1) * 2
    add(np.searchsorted(edges, rows.day, side="right"), rows.customer, first, column, value, tiles)
    sum_up(tiles)
    at = np.searchsorted(edges, days)
    aum, moment = tiles[0, at], tiles[1, at]
    return aum, (days - edges[0])[:, None] * aum - moment


def _level(aum_days: Ints, days: Ints, minor: Ints) -> Ints:
    """The place of the highest tier that an average reaches, compared in whole numbers."""
    reached = np.zeros_like(aum_days)
    for bound in minor[1:]:
        reached += aum_days >= bound * days.reshape(-1, 1)
    return reached


def place(average: SnapshotArray, declared: Sequence[Tier]) -> Ints:
    """The place, from the lowest, of the highest tier whose lower bound the average reaches; 0 below all."""
    return np.maximum(np.searchsorted(bounds(declared), average, side="right") - 1, 0)


def lower_bound(average: SnapshotArray, declared: Sequence[Tier]) -> SnapshotArray:
    """The AUM below which a customer of this average falls out of his tier; NaN in the lowest one."""
    reached = place(average, declared)
    return np.where(reached > 0, bounds(declared)[reached], np.nan)


def bounds(declared: Sequence[Tier]) -> SnapshotArray:
    """The lower bounds of the tiers in base currency, ascending."""
    return np.array(sorted(tier.min_aum for tier in declared))
