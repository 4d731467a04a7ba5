"""Tickets, unsteady weeks and silence before Monday 2024-03-04."""

from datetime import datetime, timedelta
from typing import Any

import pytest

MONDAY = datetime(2024, 3, 4).date()


def paid(weeks_ago: int, amount: Any, kind: str = "transfer_out") -> dict[str, Any]:
    """On the Wednesday of the week that ends so many weeks before the Monday."""
    when = datetime(2024, 2, 28, 10) - timedelta(weeks=weeks_ago)
    return {"booked_at": when, "amount": amount, "kind": kind, "counterparty": "person"}


def looked(weeks_ago: int) -> dict[str, Any]:
    return {"occurred_at": datetime(2024, 2, 27, 9) - timedelta(weeks=weeks_ago), "kind": "login"}


def test_tickets_and_what_comes_in_for_what_goes_out(features_on: Any) -> None:
    rows = [paid(0, -100), paid(1, -300), paid(2, 50, "transfer_in"), paid(20, -800)]
    found = features_on(MONDAY, transactions=rows)
    assert (found["outflow_ticket_13w"], found["outflow_ticket_52w"]) == (200, 400)
    assert found["inflow_per_outflow_13w"] == 0.125


def test_silence(features_on: Any) -> None:
    """Active 0, 3, 4 and 51 weeks ago: silent runs of 2 and 46 weeks."""
    found = features_on(MONDAY, transactions=[paid(k, -1) for k in (0, 3, 4, 51)])
    assert (found["booking_active_weeks_52w"], found["booking_longest_gap_52w"]) == (4, 46)
    assert found["booking_median_gap_52w"] == 24
    # Half the weight for every four weeks of age.
    assert found["booking_recent_52w"] == pytest.approx(1 + 0.5**0.75 + 0.5 + 0.5**12.75)
    # Four ones and 48 zeros: mean 1/13, variance 1/13 - 1/169.
    assert found["booking_burstiness_52w"] == pytest.approx(1 - 1 / 13)


def test_a_silent_and_a_busy_year(features_on: Any) -> None:
    silent = features_on(MONDAY)
    assert (silent["booking_longest_gap_52w"], silent["booking_median_gap_52w"]) == (52, 52)
    assert silent["booking_collapse_4w_per_52w"] != silent["booking_collapse_4w_per_52w"]
    busy = features_on(MONDAY, transactions=[paid(k, -1) for k in range(52)])
    assert (busy["booking_longest_gap_52w"], busy["booking_median_gap_52w"]) == (0, 0)
    assert busy["booking_zscore_4w_per_52w"] != busy["booking_zscore_4w_per_52w"]  # nothing varies


@pytest.mark.parametrize(("last", "stopped"), [((), 1), ((3,), 0)])
def test_collapse(last: Any, stopped: int, features_on: Any) -> None:
    """One booking a week: none in the last four is a collapse; one is a quarter of the pace, above a
    fifth."""
    found = features_on(MONDAY, transactions=[paid(k, -1) for k in (*last, *range(4, 52))])
    assert found["booking_collapse_4w_per_52w"] == stopped


def test_the_last_month_beside_the_year(features_on: Any) -> None:
    """130 in each of the last 4 weeks, nothing before: mean 10, deviation the root of 1,200."""
    found = features_on(MONDAY, transactions=[paid(k, -130) for k in range(4)])
    assert found["outflow_zscore_4w_per_52w"] == pytest.approx(120 / 1200**0.5)
    assert found["outflow_volatility_52w"] == pytest.approx(1200**0.5 / 10)


def test_salary_change(features_on: Any) -> None:
    rows = [paid(k, 100, "salary") for k in (1, 5, 9)] + [paid(k, 200, "salary") for k in (13, 17, 21)]
    assert features_on(MONDAY, transactions=rows)["salary_change_13w"] == -0.5


def test_looking_without_transacting(features_on: Any) -> None:
    """Logins 0, 1, 1 and 30 weeks ago; money went out one week ago."""
    found = features_on(MONDAY, events=[looked(k) for k in (0, 1, 1, 30)], transactions=[paid(1, -5)])
    assert (found["login_idle_13w"], found["login_idle_52w"]) == (1, 2)
