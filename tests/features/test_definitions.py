"""tier_downgrade, closure and dormancy on the dates of features/label.py; test_label.py has aum_drop's.

Snapshot 2024-03-04, lead 7, horizon 90: the window is [03-11, 06-09), its last two weeks begin on 05-26, its
last four on 05-12. The shorter windows end before 04-10 and 05-10.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, get_args

import pytest

from configs.settings import Label
from features.label import DEFINITIONS, Definition
from tests.features.conftest import held, with_label

Row = dict[str, Any]
Look = Callable[..., Row]
MONDAY, THROUGH, LATER = date(2024, 3, 4), date(2024, 6, 9), date(2024, 7, 1)
LAST_MOMENT = time(23, 59, 59, 999_999)


def booked(day: date, moment: time, **more: Any) -> Row:
    return {"booked_at": datetime.combine(day, moment), "amount": -1, "kind": "transfer_out", **more}


BEFORE = held("demand", date(2023, 6, 1), 1_200_000)  # of the tier that begins at 1,000,000


@pytest.fixture
def by(label_of, bank_settings):
    """Looks at the label of 2024-03-04 by a definition; the floor of dormancy is 50,000."""

    def choose(definition: str) -> Look:
        settings = with_label(bank_settings, definition=definition, dormant_floor=50_000.0)

        def look(*holdings: Row, through: date = LATER, **tables: list[Row]) -> Row:
            return label_of(MONDAY, through, list(holdings), settings, **tables)

        return look

    return choose


# The days on which the customer holds so much, and the time to attrition.
BY_MONEY = {
    "tier_downgrade": [
        ([(date(2024, 5, 12), "999999.99")], 90),  # below on the first of the four weeks
        ([(date(2024, 5, 12), "1000000")], None),  # at the bound is in the tier
        ([(date(2024, 5, 13), "999999.99")], None),  # was still up on 05-12
        ([(date(2024, 5, 1), 0), (date(2024, 6, 8), 1_000_000)], None),  # back on the last day
        ([(date(2024, 5, 1), 0), (date(2024, 6, 9), 1_000_000)], 90),  # a day too late
        ([(date(2024, 3, 13), 900_000)], 30),  # the first window's four weeks begin on 03-13
        ([(date(2024, 3, 14), 900_000)], 60),
        ([(date(2024, 3, 13), 900_000), (date(2024, 4, 20), 1_000_000), (date(2024, 5, 1), 900_000)], 90),
        ([], None),
    ],
    "closure": [
        ([(date(2024, 5, 26), 0)], 90),
        ([(date(2024, 5, 27), 0)], None),  # 05-26 still saw the money
        ([(date(2024, 4, 1), "0.01")], None),  # a cent is a balance
        ([(date(2024, 4, 1), -5)], 60),  # an overdraft is none; the first window's two weeks begin on 03-27
        ([(date(2024, 3, 27), 0)], 30),
        ([(date(2024, 3, 27), 0), (date(2024, 6, 8), 1)], None),
        ([(date(2024, 3, 27), 0), (date(2024, 6, 9), 1)], 30),
        ([], None),
    ],
    "dormancy": [
        ([(date(2024, 5, 26), "49999.99")], 90),
        ([(date(2024, 5, 26), 50_000)], None),
        ([(date(2024, 5, 27), 0)], None),
        ([(date(2024, 3, 27), 0)], 30),
        ([(date(2024, 3, 28), 0)], 60),
        ([(date(2024, 3, 27), 0), (date(2024, 6, 8), 50_000)], None),
        ([(date(2024, 3, 27), 0), (date(2024, 6, 9), 50_000)], 30),
    ],
}


@pytest.mark.parametrize(
    ("definition", "days", "time_to_attrition"),
    [(definition, *row) for definition, rows in BY_MONEY.items() for row in rows],
)
def test_by_money(by, definition, days, time_to_attrition):
    label = by(definition)(BEFORE, *(held("demand", *one) for one in days))
    assert label["time_to_attrition"] == time_to_attrition
    assert label["attrited"] == int(time_to_attrition is not None)


def test_the_amount_behind_a_downgrade(by):
    label = by("tier_downgrade")(BEFORE, held("demand", date(2024, 4, 1), 900_000))
    assert (label["aum_base"], label["outflow_share"]) == (1_200_000, pytest.approx(0.25))


@pytest.mark.parametrize("rest", [0, -5])
def test_nobody_falls_from_the_lowest_tier(by, rest):
    before, after = held("demand", date(2023, 6, 1), 400_000), held("demand", date(2024, 4, 1), rest)
    label = by("tier_downgrade")(before, after)
    assert (label["attrited"], label["outflow_share"]) == (0, 1)


def test_a_falling_fund_is_no_downgrade(by):
    bought = held("fund", date(2023, 6, 1), 1_200_000, units=1_200_000, unit_price=1)
    fallen = held("fund", date(2024, 4, 1), 600_000, units=1_200_000, unit_price="0.5")
    assert by("tier_downgrade")(bought, fallen)["attrited"] == 0
    # 840,000 units sold at 0.5: 420,000 taken out, which leaves 780,000 at the prices of the Monday.
    sold = held("fund", date(2024, 4, 2), 180_000, units=360_000, unit_price="0.5")
    assert by("tier_downgrade")(bought, fallen, sold)["attrited"] == 1


def test_of_all_products_only_a_loan_is_left(by):
    rows = [BEFORE, held("fund", date(2024, 1, 8), 10), held("demand", date(2024, 4, 1), 0)]
    loan = held("loan", date(2024, 1, 8), 900_000)
    assert by("closure")(*rows, loan)["attrited"] == 0
    assert by("closure")(*rows, loan, held("fund", date(2024, 4, 1), 0))["attrited"] == 1


def test_an_overdraft_does_not_hide_what_is_held(by):
    rows = [BEFORE, held("fund", date(2024, 4, 1), 100), held("demand", date(2024, 4, 1), -100)]
    assert by("closure")(*rows)["attrited"] == 0


def test_a_fund_sold_after_its_fall_is_closed_all_the_same(by):
    bought = held("fund", date(2023, 6, 1), 1_000_000, units=1_000_000, unit_price=1)
    fallen = held("fund", date(2024, 4, 1), 400_000, units=1_000_000, unit_price="0.4")
    label = by("closure")(bought, fallen, held("fund", date(2024, 4, 2), 0, units=0, unit_price="0.4"))
    assert (label["attrited"], label["outflow_share"]) == (1, pytest.approx(0.4))


@pytest.mark.parametrize(
    ("closed_on", "open_again", "time_to_attrition"),
    [
        (date(2024, 6, 8), None, 90),
        (date(2024, 6, 9), None, None),  # the window is over
        (date(2024, 4, 9), None, 30),
        (date(2024, 4, 10), None, 60),
        (date(2024, 4, 9), date(2024, 6, 8), None),
        (date(2024, 4, 9), date(2024, 6, 9), 30),
    ],
)
def test_closure_by_the_record(by, closed_on, open_again, time_to_attrition):
    opened = date(2015, 5, 1)
    record: list[Row] = [
        {"opened_on": opened, "superseded_on": closed_on},
        {"opened_on": opened, "known_on": closed_on, "status": "closed", "superseded_on": open_again},
    ]
    if open_again:
        record.append({"opened_on": opened, "known_on": open_again})
    label = by("closure")(BEFORE, customers=record)
    assert (label["time_to_attrition"], label["outflow_share"]) == (time_to_attrition, 0)


DRAINED = held("demand", date(2024, 3, 10), "49999.99")


@pytest.mark.parametrize(
    ("booking", "attrited"),
    [
        (booked(date(2024, 3, 10), LAST_MOMENT), 1),  # in the lead week, before the window
        (booked(date(2024, 3, 11), time(0)), 0),
        (booked(date(2024, 6, 8), LAST_MOMENT), 0),
        (booked(date(2024, 6, 9), time(0)), 1),
        *((booked(date(2024, 4, 10), time(9), kind=kind), 1) for kind in ("fee", "interest", "loan")),
        *((booked(date(2024, 4, 10), time(9), kind=kind), 0) for kind in ("salary", "card", "buy", "other")),
    ],
)
def test_dormancy_by_bookings(by, booking, attrited):
    assert by("dormancy")(BEFORE, DRAINED, transactions=[booking])["attrited"] == attrited


@pytest.mark.parametrize(
    ("booking", "time_to_attrition"),
    [
        (booked(date(2024, 3, 10), LAST_MOMENT), 90),
        (booked(date(2024, 3, 11), time(0)), None),
        (booked(date(2024, 6, 8), LAST_MOMENT), None),
        (booked(date(2024, 6, 9), time(0)), 90),
        (booked(date(2024, 4, 10), time(9), kind="fee"), 90),
    ],
)
def test_silence_looks_at_bookings_alone_and_has_one_horizon(by, booking, time_to_attrition):
    label = by("silence")(BEFORE, transactions=[booking])
    assert (label["time_to_attrition"], label["outflow_share"]) == (time_to_attrition, 0)


def test_a_booking_late_in_the_window_wakes_up_every_horizon(by):
    booking = booked(date(2024, 5, 20), time(9))
    assert by("dormancy")(BEFORE, DRAINED, transactions=[booking])["time_to_attrition"] is None


def test_judged_by_what_is_known_before_data_through(by):
    late = booked(date(2024, 5, 20), time(9), known_on=THROUGH)
    dormant = by("dormancy")
    assert dormant(BEFORE, DRAINED, transactions=[late], through=THROUGH)["attrited"] == 1
    assert dormant(BEFORE, DRAINED, transactions=[late], through=date(2024, 6, 10))["attrited"] == 0


def test_every_definition_that_a_bank_may_choose_has_both_rules():
    assert set(DEFINITIONS) == set(get_args(Label.model_fields["definition"].annotation))
    rules = [rule for one in DEFINITIONS.values() for rule in (one.holds, one.already_left)]
    assert all(map(callable, rules))
    assert len(set(rules)) == 2 * len(DEFINITIONS)
    with pytest.raises(TypeError, match="already_left"):
        Definition(rules[0])  # type: ignore[call-arg]


def test_a_definition_without_an_entry_gets_no_other_rule(bank_settings, monkeypatch, excluded_on):
    own = bank_settings.label.definition
    others = {name: rules for name, rules in DEFINITIONS.items() if name != own}
    monkeypatch.setattr("features.cohort.DEFINITIONS", others)  # not taken out: their order is used elsewhere
    with pytest.raises(KeyError, match=own):
        excluded_on(date(2024, 3, 4))
