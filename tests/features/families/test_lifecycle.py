"""Tenure and stage on Monday 2024-03-04."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

MONDAY = date(2024, 3, 4)


def booking(days_ago: int, kind: str = "card") -> dict[str, Any]:
    return {"booked_at": datetime(2024, 3, 4, 10) - timedelta(days=days_ago), "amount": -1, "kind": kind}


def held(then: Any, now: Any) -> list[dict[str, Any]]:
    """So much 26 weeks ago (from 2023-09-03 at the latest), and so much now."""
    return [{"product_id": "demand", "valued_on": date(2023, 9, 3), "balance": then},
            {"product_id": "demand", "valued_on": date(2023, 9, 4), "balance": now}]  # fmt: skip


@pytest.mark.parametrize(
    ("then", "now", "stage"),
    [
        (100, 110, "growing"),
        (100, "109.99", "mature"),
        (100, "90.01", "mature"),
        (100, 90, "declining"),
        (0, 500, "mature"),
    ],
)
def test_growing_and_declining(features_on: Any, then: Any, now: Any, stage: str) -> None:
    found = features_on(MONDAY, transactions=[booking(3)], holdings=held(then, now))
    assert found["lifecycle_stage"] == stage


@pytest.mark.parametrize(
    ("last", "kind", "stage"),
    [
        (182, "card", "mature"),
        (183, "card", "dormant"),
        (3, "fee", "dormant"),  # the bank's own bookings are no sign of life
        (3, "interest", "dormant"),
        (0, "card", "dormant"),  # on the Monday itself
    ],
)
def test_dormant(features_on: Any, last: int, kind: str, stage: str) -> None:
    assert features_on(MONDAY, transactions=[booking(last, kind)])["lifecycle_stage"] == stage


def test_nobody_is_dormant_before_half_a_year_of_history(features_on: Any) -> None:
    begins = date(2023, 9, 11)  # 25 weeks
    assert features_on(MONDAY, history_from=begins)["lifecycle_stage"] == "mature"
    assert features_on(MONDAY, history_from=date(2023, 9, 4))["lifecycle_stage"] == "dormant"


@pytest.mark.parametrize(
    ("opened", "tenure", "stage"), [(date(2023, 3, 5), 365, "mature"), (date(2023, 3, 6), 364, "new")]
)
def test_new_in_the_first_year(features_on: Any, opened: date, tenure: int, stage: str) -> None:
    found = features_on(MONDAY, customers=[{"opened_on": opened}], transactions=[booking(3)])
    assert (found["tenure_days"], found["lifecycle_stage"]) == (tenure, stage)


def test_tenure_follows_the_record_as_it_was_known(features_on: Any) -> None:
    corrected = date(2024, 3, 4)
    customers = [{"opened_on": date(2024, 1, 1), "superseded_on": corrected},
                 {"opened_on": date(2020, 1, 1), "known_on": corrected}]  # fmt: skip
    assert features_on(MONDAY, customers=customers)["tenure_days"] == 63


@pytest.mark.parametrize(("days", "weeks"), [(183 + 6, 0), (183 + 7, 1), (183 + 7 * 30, 26)])
def test_how_long_dormant(days: int, weeks: int, features_on: Any) -> None:
    """Dormant from 183 days after the last booking on: how many Mondays before this one that was so."""
    found = features_on(MONDAY, transactions=[booking(days)])
    assert (found["lifecycle_stage"], found["lifecycle_stage_weeks"]) == ("dormant", weeks)


def test_how_long_new(features_on: Any) -> None:
    """New on all Mondays of its ten weeks, the day of opening counted; and before, as tenure is below a
    year."""
    begins = date(2023, 8, 7)  # 30 weeks: 4 Mondays before this one have half a year behind them
    rows = [booking(k) for k in range(0, 360, 30)]
    customers = [{"opened_on": date(2023, 12, 25)}]
    found = features_on(MONDAY, history_from=begins, customers=customers, transactions=rows)
    assert (found["lifecycle_stage"], found["lifecycle_stage_weeks"]) == ("new", 4)
