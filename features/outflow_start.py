"""The Monday from which the money of a leaver began to move, by everything that is known today.

Worked example (lead 7, horizon 90, settle 14 days): of a customer with 1,000,000 on average before
2024-03-04, 800,000 are away at the end of the outcome window, on 2024-06-09. The money began to move with the
first tenth of them. The first Monday from which on AUM was at most 920,000 on every day until the window
closed is 2024-04-22: the outflow start. From Monday 2024-04-15 on it was above that once more, so a list of
that day came before.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from configs.settings import Settings
from features.build import calendar_of
from features.engine.entities import Entities, day_number
from features.label import end_of, highest_aum, make_outcome_window, share_left

FIRST_PART = 0.1  # of the money that left; smaller sums come and go in any month


def outflow_starts(
    entities: Entities,
    first_mondays: Mapping[str, date],
    history_from: date,
    data_through: date,
    settings: Settings,
) -> dict[str, date]:
    """By customer the first Monday from which on a tenth of the money that left was away for good.

    ``first_mondays`` has, by customer, the first Monday whose outcome window saw the customer leave; its
    base, window and prices count, so that a falling fund moves no money. The start may lie up to the base
    weeks before it. Who took no money along is left out.
    """
    leavers = [name for name in entities.customers if name in first_mondays]
    if not leavers:
        return {}
    label, mondays = settings.label, sorted({first_mondays[name] for name in leavers})
    calendar = calendar_of(mondays, history_from, settings)
    window = make_outcome_window(entities, calendar, settings, day_number(data_through))
    length = label.lead_days + label.horizon_days
    end = end_of(window, settings, label.horizon_days)
    left = share_left(window.balances, window.base, end, label.settle_days) * window.base
    level = window.base - FIRST_PART * left
    starts = np.full(left.shape, -label.base_weeks)  # in weeks from the Monday: (snapshot × customer)
    for week in range(-label.base_weeks, (length - label.settle_days) // 7 + 1):
        starts[highest_aum(window.balances, end, length - 7 * week) > level] = week + 1
    place = {name: k for k, name in enumerate(entities.customers)}
    at = {name: (mondays.index(first_mondays[name]), place[name]) for name in leavers}
    return {
        name: first_mondays[name] + timedelta(weeks=int(starts[where]))
        for name, where in at.items()
        if left[where] > 0
    }
