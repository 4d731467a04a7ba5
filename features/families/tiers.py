"""Family: how far the customer is from the bounds of the bank's tiers."""

from collections.abc import Sequence

import numpy as np

from configs.settings import Tier
from features.catalogue.grammar import Name
from features.engine.entities import Ints
from features.engine.tiles import Columns, SnapshotArray, ratio
from features.families.shared import Bucket

WEEKS = 13  # the tier is by the average AUM over these weeks


def features(bucket: Bucket) -> Columns:
    """AUM above the tier's lower bound and below the next tier's, as shares of AUM; NaN in no next tier."""
    balances, declared = bucket.balances, bucket.settings.tiers
    bounds = _bounds(declared)
    mean, aum = balances.mean(WEEKS), balances.at_snapshot(balances.aum)
    reached = place(mean, declared)
    lower, upper = bounds[reached], np.append(bounds, np.nan)[reached + 1]
    unknown = np.isnan(mean)
    lower[unknown], upper[unknown] = np.nan, np.nan
    yield Name("tier", "above"), ratio(aum - lower, aum)
    yield Name("next_tier", "below"), ratio(upper - aum, aum)


def place(average: SnapshotArray, declared: Sequence[Tier]) -> Ints:
    """The place, from the lowest, of the highest tier whose lower bound the average reaches; 0 below all of
    them."""
    return np.maximum(np.searchsorted(_bounds(declared), average, side="right") - 1, 0)


def lower_bound(average: SnapshotArray, declared: Sequence[Tier]) -> SnapshotArray:
    """The AUM below which a customer of this average falls out of his tier; NaN in the lowest one."""
    reached = place(average, declared)
    return np.where(reached > 0, _bounds(declared)[reached], np.nan)


def _bounds(declared: Sequence[Tier]) -> SnapshotArray:
    return np.array(sorted(tier.min_aum for tier in declared))
