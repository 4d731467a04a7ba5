"""Who is eligible on Monday 2024-03-04; bounds [100,000, 1,500,000), half a year's tenure."""

from datetime import date, datetime, timedelta

import pytest

from tests.features.conftest import with_label

MONDAY = date(2024, 3, 4)
RICH = [{"product_id": "demand", "valued_on": date(2023, 1, 1), "balance": 300_000}]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({}, ""),
        ({"status": "closed"}, "closed"),
        ({"status": "frozen"}, "deceased_or_frozen"),
        ({"status": "deceased"}, "deceased_or_frozen"),
        ({"is_staff": True}, "staff"),
        ({"is_staff": True, "status": "closed"}, "closed"),  # the first reason that holds
        ({"opened_on": date(2023, 9, 4)}, ""),  # 26 weeks to the day
        ({"opened_on": date(2023, 9, 5)}, "too_new"),
        ({"marketing_opt_out": True}, ""),  # scored, though never listed
    ],
)
def test_records(excluded_on, record, code):
    assert excluded_on(MONDAY, customers=[{"opened_on": date(2015, 1, 1)} | record], holdings=RICH) == [code]


@pytest.mark.parametrize(
    "dates", [{"opened_on": MONDAY}, {"opened_on": date(2015, 1, 1), "known_on": MONDAY}]
)
def test_a_customer_to_come_is_not_even_counted(excluded_on, dates):
    """Not excluded with a code but absent: on that Monday the bank could not have counted her."""
    assert excluded_on(MONDAY, customers=[dates], holdings=RICH) == []


@pytest.mark.parametrize(
    ("balance", "code"),
    [
        ("99999.99", "below_bounds"),
        (100_000, ""),
        ("1499999.99", ""),
        (1_500_000, "above_bounds"),
        (-1, "below_bounds"),
    ],
)
def test_bounds_to_the_cent(excluded_on, balance, code):
    assert excluded_on(MONDAY, holdings=[RICH[0] | {"balance": balance}]) == [code]


@pytest.mark.parametrize(("balance", "code"), [("-0.01", "below_bounds"), (0, "below_bounds"), ("0.01", "")])
@pytest.mark.parametrize("definition", ["aum_drop", "closure", "tier_downgrade"])
def test_without_a_lower_bound_everybody_with_money_is_eligible(
    excluded_on, bank_settings, definition, balance, code
):
    """Of nothing, and of an overdraft, no share can leave: such a customer would never have a label."""
    unbounded = bank_settings.cohort.model_copy(update={"min_aum": 0.0})
    settings = with_label(bank_settings, definition=definition).model_copy(update={"cohort": unbounded})
    assert excluded_on(MONDAY, settings, holdings=[RICH[0] | {"balance": balance}]) == [code]


@pytest.mark.parametrize("days", [1, 6, 8, 10, 17, 19, 90])  # float sums miss the bound by a hair on most
def test_bounds_hold_to_the_cent_through_market_moves(excluded_on, days):
    """At the prices of the Monday the average is exactly the lower bound, on whatever day the price fell."""
    bought = {"product_id": "fund", "valued_on": date(2023, 1, 1), "units": 1, "unit_price": 3}
    fell = bought | {"valued_on": MONDAY - timedelta(days), "balance": 100_000, "unit_price": "1.5"}
    assert excluded_on(MONDAY, holdings=[bought | {"balance": 200_000}, fell]) == [""]


@pytest.mark.parametrize(("left", "code"), [("180000.00", "already_left"), ("180000.01", "")])
def test_already_left(excluded_on, left, code):
    # Since Sunday 180,000 is left of 362,000: the average is (90 × 362,000 + 180,000) / 91 = 360,000.
    before = RICH[0] | {"balance": 362_000}
    gone = RICH[0] | {"valued_on": date(2024, 3, 3), "balance": left}
    assert excluded_on(MONDAY, holdings=[before, gone]) == [code]


@pytest.mark.parametrize(
    ("definition", "left", "code"),
    [
        # 1,000,000 up to Saturday: the tier of the average, 994,505, begins at 500,000.
        ("tier_downgrade", "499999.99", "already_left"),
        ("tier_downgrade", "500000", ""),
        ("closure", "0", "already_left"),
        ("closure", "0.01", ""),
        ("dormancy", "49999.99", "already_left"),
        ("dormancy", "50000", ""),
    ],
)
def test_already_left_by_the_labels_own_measure(excluded_on, bank_settings, definition, left, code):
    gone = RICH[0] | {"valued_on": date(2024, 3, 3), "balance": left}
    rows = [RICH[0] | {"balance": 1_000_000}, gone]
    settings = with_label(bank_settings, definition=definition, dormant_floor=50_000.0)
    assert excluded_on(MONDAY, settings, holdings=rows) == [code]


@pytest.mark.parametrize(
    ("moment", "kind", "code"),
    [
        (datetime(2023, 12, 5, 0, 0), "card", ""),  # 90 days before the Monday
        (datetime(2023, 12, 4, 23, 59, 59), "card", "already_left"),
        (datetime(2024, 3, 3, 23, 59, 59), "card", ""),
        (datetime(2024, 3, 4, 0, 0), "card", "already_left"),  # not seen yet
        (datetime(2024, 1, 8, 9, 0), "interest", "already_left"),  # the bank's booking
    ],
)
def test_dormant_already(excluded_on, bank_settings, moment, kind, code):
    gone = RICH[0] | {"valued_on": date(2024, 3, 3), "balance": 100}
    booking = {"booked_at": moment, "amount": -1, "kind": kind}
    settings = with_label(bank_settings, definition="dormancy", dormant_floor=50_000.0)
    assert excluded_on(MONDAY, settings, holdings=[RICH[0], gone], transactions=[booking]) == [code]
    silence = with_label(bank_settings, definition="silence")  # whatever the balance
    assert excluded_on(MONDAY, silence, holdings=RICH, transactions=[booking]) == [code]


def test_without_a_booking_or_holding_there_is_no_history(excluded_on):
    assert excluded_on(MONDAY) == ["no_history"]
    late = [RICH[0] | {"known_on": MONDAY}]
    assert excluded_on(MONDAY, holdings=late) == ["no_history"]
