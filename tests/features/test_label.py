"""2024-03-04 with lead 7 and horizon 90: the window ends before 2024-06-09; 05-26 … 06-08 must stay empty."""

from datetime import date

import pytest

from tests.features.conftest import held, with_label

MONDAY, THROUGH = date(2024, 3, 4), date(2024, 6, 9)


BEFORE = held("demand", date(2023, 6, 1), 1_000_000)


def test_money_that_left(label_of):
    label = label_of(MONDAY, THROUGH, [BEFORE, held("demand", date(2024, 4, 10), 300_000)])
    assert (label["aum_base"], label["attrited"]) == (1_000_000, 1)
    assert label["outflow_share"] == pytest.approx(0.7)


def test_exactly_half_is_attrition_and_a_cent_less_is_not(label_of):
    gone = [BEFORE, held("demand", date(2024, 4, 10), 500_000)]
    assert label_of(MONDAY, THROUGH, gone)["attrited"] == 1
    gone[1] |= {"balance": "500000.01"}
    assert label_of(MONDAY, THROUGH, gone)["attrited"] == 0


def test_the_base_is_a_daily_average_of_91_days(label_of):
    # 910,000 more on the last day before the Monday only: 1,000,000 + 910,000 / 91.
    rows = [BEFORE, held("fund", date(2024, 3, 3), 910_000)]
    assert label_of(MONDAY, THROUGH, rows)["aum_base"] == 1_010_000


def test_moved_between_own_products(label_of):
    day = date(2024, 4, 10)
    label = label_of(MONDAY, THROUGH, [BEFORE, held("demand", day, 100_000), held("fund", day, 900_000)])
    assert (label["attrited"], label["outflow_share"]) == (0, 0)


def test_matured_into_the_current_account(label_of):
    due = date(2024, 5, 6)
    rows = [held("term", date(2023, 6, 1), 1_000_000, matures_on=due), held("term", due, 0)]
    assert label_of(MONDAY, THROUGH, [*rows, held("demand", due, 1_000_000)])["attrited"] == 0
    assert label_of(MONDAY, THROUGH, rows)["attrited"] == 1


def test_a_falling_fund_has_not_left(label_of):
    bought = held("fund", date(2023, 6, 1), 1_000_000, units=1_000_000, unit_price=1)
    fallen = held("fund", date(2024, 4, 10), 400_000, units=1_000_000, unit_price="0.4")
    assert label_of(MONDAY, THROUGH, [bought, fallen])["outflow_share"] == 0
    # Of what was left at 0.4, half is sold: 200,000 of 1,000,000 at the prices of the Monday.
    sold = held("fund", date(2024, 4, 11), 200_000, units=500_000, unit_price="0.4")
    assert label_of(MONDAY, THROUGH, [bought, fallen, sold])["outflow_share"] == pytest.approx(0.2)


@pytest.mark.parametrize(("price", "now"), [("0.5", 500_000), ("3", 3_000_000)])
def test_base_and_after_are_at_the_prices_of_the_monday(label_of, price, now):
    # The fund halves or trebles before the Monday and nothing moves: nothing left, neither before nor after.
    bought = held("fund", date(2023, 6, 1), 1_000_000, units=1_000_000, unit_price=1)
    priced = held("fund", date(2024, 2, 1), now, units=1_000_000, unit_price=price)
    label = label_of(MONDAY, THROUGH, [bought, priced])
    assert (label["aum_base"], label["outflow_share"]) == (now, 0)


@pytest.mark.parametrize(
    ("left", "back", "gone_again", "attrited"),
    [
        (date(2024, 4, 1), date(2024, 5, 20), None, 0),  # back before the last days
        (date(2024, 4, 1), date(2024, 6, 8), None, 0),  # back on the very last day
        (date(2024, 4, 1), date(2024, 6, 9), None, 1),  # a day too late
        (date(2024, 5, 26), None, None, 1),  # left on the first of the last days: none of them saw it
        (date(2024, 5, 27), None, None, 0),  # was still here on 05-26
        (date(2024, 4, 1), date(2024, 5, 20), date(2024, 5, 26), 1),  # back, but not to stay
        (date(2024, 4, 1), date(2024, 5, 20), date(2024, 5, 27), 0),
        (date(2024, 4, 1), None, date(2024, 6, 8), 1),
    ],
)
def test_came_back(label_of, left, back, gone_again, attrited):
    days = [(left, 0), (back, 1_000_000), (gone_again, 0)]
    rows = [BEFORE, *(held("demand", day, balance) for day, balance in days if day)]
    assert label_of(MONDAY, date(2024, 7, 1), rows)["attrited"] == attrited


@pytest.mark.parametrize(
    ("days", "time_to_attrition"),
    [
        # The three windows end before 04-10, 05-10 and 06-09; the last 14 days begin on 03-27, 04-26 and
        # 05-26.
        ([(date(2024, 3, 27), 0)], 30),
        ([(date(2024, 3, 28), 0)], 60),  # 03-27 still saw the money
        ([(date(2024, 4, 26), 0)], 60),
        ([(date(2024, 4, 27), 0)], 90),
        # Back in between, once for long enough to be noticed and once not.
        ([(date(2024, 3, 20), 0), (date(2024, 5, 5), 1_000_000), (date(2024, 5, 20), 0)], 90),
        ([(date(2024, 3, 20), 0), (date(2024, 4, 15), 1_000_000), (date(2024, 4, 20), 0)], 30),
        ([(date(2024, 3, 20), 0), (date(2024, 6, 1), 1_000_000)], None),
        ([(date(2024, 3, 20), 500_000)], 30),
        ([(date(2024, 3, 20), 600_000), (date(2024, 4, 20), 400_000)], 60),
        ([], None),
    ],
)
def test_time_to_attrition(label_of, days, time_to_attrition):
    label = label_of(MONDAY, THROUGH, [BEFORE, *(held("demand", *one) for one in days)])
    assert label["time_to_attrition"] == time_to_attrition
    assert label["attrited"] == int(time_to_attrition is not None)


def test_a_shorter_label_knows_no_longer_horizon(label_of, bank_settings):
    shorter = with_label(bank_settings, horizon_days=30)
    left_late = [BEFORE, held("demand", date(2024, 4, 20), 0)]
    assert label_of(MONDAY, THROUGH, left_late)["time_to_attrition"] == 60
    assert label_of(MONDAY, THROUGH, left_late, shorter)["time_to_attrition"] is None


def test_a_loan_is_no_money_here(label_of):
    rows = [BEFORE, held("demand", date(2024, 4, 1), 0), held("loan", date(2024, 4, 1), 900_000)]
    assert label_of(MONDAY, THROUGH, rows)["attrited"] == 1


def test_judged_by_what_is_known_before_data_through(label_of):
    late = held("demand", date(2024, 4, 10), 0, known_on=THROUGH)
    assert label_of(MONDAY, THROUGH, [BEFORE, late])["attrited"] == 0
    assert label_of(MONDAY, date(2024, 6, 10), [BEFORE, late])["attrited"] == 1


def test_a_correction_replaces_what_it_corrects(label_of):
    day, corrected = date(2024, 4, 10), date(2024, 5, 2)
    wrong = held("demand", day, 0, superseded_on=corrected)
    right = held("demand", day, 990_000, known_on=corrected)
    assert label_of(MONDAY, THROUGH, [BEFORE, wrong, right])["outflow_share"] == pytest.approx(0.01)


def test_more_money_is_no_negative_outflow(label_of):
    assert (
        label_of(MONDAY, THROUGH, [BEFORE, held("demand", date(2024, 4, 1), 9_000_000)])["outflow_share"] == 0
    )
