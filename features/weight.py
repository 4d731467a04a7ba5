"""The weight of a customer in sums and shares: the AUM, or 1 where a bank counts customers."""

import numpy as np

from configs.settings import Settings
from features.engine.balances import Balances
from features.engine.entities import Entities
from features.engine.tiles import Calendar, SnapshotArray


def base_aum(entities: Entities, balances: Balances, settings: Settings) -> SnapshotArray:
    """(snapshot × customer): the average AUM before each snapshot at its prices, in base currency.

    Where a bank counts customers, 1 for whoever has booked before it, else 0.
    """
    if settings.counts == "customers":
        return np.minimum(rows_before(entities, balances.calendar), 1.0)
    return balances.constant_price_mean(settings.label.base_weeks)


def present_aum(entities: Entities, balances: Balances, settings: Settings) -> SnapshotArray:
    """(snapshot × customer): the AUM at each snapshot; as ``base_aum`` where a bank counts customers."""
    if settings.counts == "customers":
        return base_aum(entities, balances, settings)
    return balances.at_snapshot(balances.aum)


def rows_before(entities: Entities, calendar: Calendar) -> SnapshotArray:
    """(snapshot × customer): the number of bookings and holdings rows before each snapshot."""
    total = np.zeros((len(calendar.snapshots), len(entities)))
    for name in ("transactions", "holdings"):
        rows = entities.tables[name]
        for s, day in enumerate(calendar.snapshots):
            total[s] += np.bincount(rows.customer[rows.day < day], minlength=len(entities))
    return total
