"""Family: how far the customer is from the bounds of the bank's tiers."""

from collections.abc import Iterator, Sequence

import numpy as np

from configs.settings import Tier
from features.balances import ratio
from features.grammar import Name
from features.tiles import Grid
from features.wealth import Wealth

WEEKS = 13  # the tier is by the average AUM over these weeks


def tiers(wealth: Wealth, declared: Sequence[Tier]) -> Iterator[tuple[Name, Grid]]:
    """AUM above the tier's lower bound and below the next tier's, as shares of AUM; NaN in no next tier."""
    bounds = np.array(sorted(tier.min_aum for tier in declared))
    mean, aum = wealth.mean(WEEKS), wealth.now(wealth.aum)
    reached = np.maximum(np.searchsorted(bounds, mean, side="right") - 1, 0)
    lower, upper = bounds[reached], np.append(bounds, np.nan)[reached + 1]
    unknown = np.isnan(mean)
    lower[unknown], upper[unknown] = np.nan, np.nan
    yield Name("tier", "above"), ratio(aum - lower, aum)
    yield Name("next_tier", "below"), ratio(upper - aum, aum)
