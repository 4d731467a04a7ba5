"""Family: the customer's own previous outcome, once its window has closed."""

from dataclasses import replace

import numpy as np

from features.catalogue.grammar import Name
from features.engine.balances import MINOR
from features.engine.tiles import Columns
from features.families.shared import Bucket
from features.outcome_window import highest


def features(bucket: Bucket) -> Columns:
    """Of the AUM before an earlier Monday, the share that had left by the end of its outcome window.

    That Monday is the last one whose window closed by the snapshot: with lead 7 and horizon 90 days, 14 weeks
    before. Judged by the rows seen at the snapshot; NaN where the label was unknown.
    """
    balances, changes, label = bucket.balances, bucket.balances.changes, bucket.settings.label
    calendar, customers = balances.calendar, balances.aum.shape[1]
    earlier = np.maximum(calendar.snapshots - 7 * label.weeks_to_close, calendar.history_from)
    earlier_balances = replace(balances, calendar=replace(calendar, snapshots=earlier))
    base = earlier_balances.constant_price_mean(label.base_weeks)
    end = earlier + label.lead_days + label.horizon_days
    moved = highest(changes, changes.change - changes.market, customers, end - label.settle_days, end)
    after = moved + balances.market[earlier_balances.calendar.at]
    left = 1 - np.divide(after / MINOR, base, out=np.full_like(base, np.nan), where=base > 0)
    yield Name("past_outflow", "share"), np.clip(left, 0.0, 1.0)
