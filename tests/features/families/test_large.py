"""Large single entries before Monday 2024-03-04; from 500,000 on."""

from datetime import date, datetime, timedelta
from typing import Any

MONDAY = date(2024, 3, 4)


def sent(days_ago: int, amount: Any, counterparty: str = "other_bank") -> dict[str, Any]:
    when = datetime(2024, 3, 4, 9) - timedelta(days=days_ago)
    return {"booked_at": when, "amount": amount, "kind": "other", "counterparty": counterparty}


def test_how_many_are_large(features_on: Any) -> None:
    rows = [sent(1, -500_000), sent(2, "-499999.99"), sent(100, -900_000), sent(3, 700_000)]
    found = features_on(MONDAY, transactions=rows)
    assert (found["large_outflow_count_13w"], found["large_outflow_count_52w"]) == (1, 2)
    assert (found["large_inflow_count_13w"], found["large_inflow_count_52w"]) == (1, 1)


def test_from_how_many_sides_large_ones_came(features_on: Any) -> None:
    rows = [sent(1, 500_000), sent(2, 600_000), sent(3, 700_000, "broker"), sent(4, 10, "person"),
            sent(100, 800_000, "company")]  # fmt: skip
    found = features_on(MONDAY, transactions=rows)
    assert (found["large_inflow_counterparties_13w"], found["large_inflow_counterparties_52w"]) == (2, 3)
    assert found["large_outflow_counterparties_52w"] == 0


def test_the_largest_as_a_share_of_all(features_on: Any) -> None:
    found = features_on(MONDAY, transactions=[sent(1, -30), sent(2, -50), sent(200, -120)])
    assert (found["outflow_largest_share_13w"], found["outflow_largest_share_52w"]) == (0.625, 0.6)
    assert found["inflow_largest_share_13w"] != found["inflow_largest_share_13w"]


def test_days_since_the_largest_of_the_year(features_on: Any) -> None:
    """Of two equal ones the newest; one of a year and a day ago is forgotten; a person is not elsewhere."""
    rows = [sent(365, -900), sent(200, -70), sent(90, -70), sent(5, -60), sent(4, -800, "person")]
    found = features_on(MONDAY, transactions=rows)
    assert found["days_since_largest_outflow_elsewhere"] == 90
    assert found["days_since_largest_outflow"] == 4
    assert found["days_since_largest_inflow_elsewhere"] != found["days_since_largest_inflow_elsewhere"]
    assert features_on(MONDAY, transactions=[sent(364, -1)])["days_since_largest_outflow"] == 364
