"""Days with bookings of the customer's own, by hand."""

import math
from datetime import date, datetime, timedelta

from features.engine.booking_days import COUNTED

MONDAY = date(2024, 3, 11)


def paid(days_ago: int, hour: int = 12, **more):
    day = MONDAY - timedelta(days=days_ago)
    return {"booked_at": datetime(day.year, day.month, day.day, hour), "amount": -10, "kind": "card", **more}


def test_days_are_counted_once_and_fees_never(features_on):
    """Two payments on one day, one earlier, one long ago; a fee before all, and a payment on the Monday."""
    rows = [paid(3), paid(3, hour=18), paid(10), paid(900), paid(1200, kind="fee"), paid(0)]
    seen = features_on(MONDAY, transactions=rows)
    assert (seen["booking_days"], seen["days_since_first"], seen["days_since_last"]) == (3, 900, 3)


def test_only_the_newest_days_count(features_on):
    seen = features_on(MONDAY, transactions=[paid(number) for number in range(1, COUNTED + 21)])
    assert (seen["booking_days"], seen["days_since_first"], seen["days_since_last"]) == (COUNTED, COUNTED, 1)


def test_nobody_knows_the_rhythm_of_who_never_booked(features_on):
    seen = features_on(MONDAY, transactions=[paid(5, kind="interest")])
    assert seen["booking_days"] == 0
    assert math.isnan(seen["days_since_first"])
    assert math.isnan(seen["days_since_last"])


def test_a_booking_known_later_is_counted_later(features_on):
    late = paid(3, known_on=MONDAY)
    assert features_on(MONDAY, transactions=[late])["booking_days"] == 0
    assert features_on(MONDAY + timedelta(days=7), transactions=[late])["days_since_last"] == 10
