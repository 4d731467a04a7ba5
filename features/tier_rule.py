"""The tier of every customer on every Monday: the one place that decides it."""

from collections.abc import Sequence

import numpy as np

from configs.settings import Settings, Tier
from features.engine.balances import Balances
from features.engine.entities import Ints
from features.engine.tiles import SnapshotArray

NO_TIER = -1  # of customers whose AUM before the snapshot is not known


def tier_places(_: Balances, base: SnapshotArray, settings: Settings) -> Ints:
    """(snapshot × customer): the place of each customer's tier in ``settings.tiers``, or NO_TIER.

    The balances hold the rows seen at the snapshots of their calendar; ``base`` is the average AUM before
    each (features/weight.py).
    """
    return np.where(np.isnan(base), NO_TIER, place(base, settings.tiers))


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
