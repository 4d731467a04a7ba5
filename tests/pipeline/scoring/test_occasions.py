"""What came up with a customer, on Monday 2026-11-16."""

from datetime import date

import numpy as np
import pytest

from configs.bank_folder import load_settings
from configs.published import Maturity
from features.catalogue.facts import Figures
from pipeline.scoring.occasions import last_occasion

MONDAY = date(2026, 11, 16)


def last(figures, due=(), **occasions):
    settings = load_settings("demo", {"lists": {"occasions": occasions}})
    columns = {name: np.array([float(value)]) for name, value in figures.items()}
    lookup = Figures(columns, {}, settings.features.windows, 1)
    return last_occasion(settings.lists.occasions, lookup, {"A": due}, ["A"], MONDAY).get("A")


def matures(day, amount):
    return Maturity("Term", "term", day, amount * 100)


@pytest.mark.parametrize(
    ("figures", "due", "day"),
    [
        ({"days_since_complaint": 3}, (), date(2026, 11, 13)),
        ({"days_since_complaint": 57}, (), None),
        # 100 of the 1,000 that were there went out at once.
        ({"aum_last": 900, "outflow_max_52w": 100, "days_since_largest_outflow": 5}, (), date(2026, 11, 11)),
        ({"aum_last": 901, "outflow_max_52w": 100, "days_since_largest_outflow": 5}, (), None),
        # A tenth of AUM is reached by the second, which falls due 35 days after 11-10.
        ({"aum_last": 1000}, (matures(date(2026, 11, 20), 60), matures(date(2026, 12, 15), 60)),
         date(2026, 11, 10)),
        ({"aum_last": 1000}, (matures(date(2026, 11, 20), 99),), None),
        # Due in more than 35 days: it has not come up yet.
        ({"aum_last": 1000}, (matures(date(2026, 12, 21), 500),), None),
        ({"aum_last": 1000, "days_since_complaint": 2}, (matures(date(2026, 12, 15), 500),),
         date(2026, 11, 14)),
        ({}, (matures(date(2026, 12, 15), 500),), None),
    ],
)  # fmt: skip
def test_the_last_day_on_which_something_came_up(figures, due, day):
    assert last(figures, due) == day


def test_a_bank_may_leave_each_out():
    figures = {"days_since_complaint": 3, "aum_last": 900, "outflow_max_52w": 100,
               "days_since_largest_outflow": 5}  # fmt: skip
    due = (matures(date(2026, 11, 20), 600),)
    assert last(figures, due, complaint=False) == date(2026, 11, 11)
    assert last(figures, due, complaint=False, outflow_share=0.0) == date(2026, 10, 16)
    assert last(figures, due, complaint=False, outflow_share=0.0, maturing_days=0) is None
