"""Money in and out around Monday 2024-03-04; what counts as a flow, and pace."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

MONDAY = date(2024, 3, 4)


def booked(
    days_ago: int, amount: Any, kind: str = "transfer_out", counterparty: str = "person"
) -> dict[str, Any]:
    when = datetime(2024, 3, 4, 10) - timedelta(days=days_ago)
    return {"booked_at": when, "amount": amount, "kind": kind, "counterparty": counterparty}


def test_in_out_net_and_largest(features_on: Any) -> None:
    rows = [booked(1, -100), booked(8, "-250.10"), booked(9, "1000.30", "transfer_in"), booked(40, -9_000)]
    found = features_on(MONDAY, transactions=rows)
    assert found["outflow_count_4w"] == 2
    assert found["outflow_sum_4w"] == 350.10
    assert found["outflow_max_4w"] == 250.10
    assert found["inflow_sum_4w"] == 1000.30
    assert found["net_flow_sum_4w"] == 650.20
    assert found["net_flow_sum_13w"] == -8349.8


@pytest.mark.parametrize(
    ("kind", "counterparty", "counted"),
    [
        ("transfer_out", "person", True),
        ("transfer_out", "own", False),  # between own accounts
        ("fee", "none", False),  # the bank's doing
        ("interest", "none", False),
        ("loan", "none", False),
        ("buy", "none", False),  # into an own product
        ("redeem", "none", False),
        ("card", "company", True),
        ("cash_out", "none", True),
    ],
)
def test_what_is_a_flow(features_on: Any, kind: str, counterparty: str, counted: bool) -> None:
    found = features_on(MONDAY, transactions=[booked(3, -100, kind, counterparty)])
    assert found["outflow_sum_13w"] == (100 if counted else 0)
    assert found["inflow_count_13w"] == 0


@pytest.mark.parametrize("counterparty", ["same_name_elsewhere", "other_bank", "broker", "company", "own"])
def test_money_elsewhere(features_on: Any, counterparty: str) -> None:
    found = features_on(MONDAY, transactions=[booked(3, -100, counterparty=counterparty)])
    elsewhere = counterparty in ("same_name_elsewhere", "other_bank", "broker")
    assert found["outflow_elsewhere_sum_4w"] == (100 if elsewhere else 0)
    assert found["outflow_broker_count_4w"] == (counterparty == "broker")
    assert (found["days_since_outflow_elsewhere"] == 3) == elsewhere


def test_a_salary_is_money_in(features_on: Any) -> None:
    found = features_on(MONDAY, transactions=[booked(31, 900, "salary"), booked(2, -900, "salary")])
    assert (found["salary_count_13w"], found["salary_sum_13w"], found["days_since_salary"]) == (1, 900, 31)


def test_buying_counts_whatever_its_sign(features_on: Any) -> None:
    found = features_on(MONDAY, transactions=[booked(3, -100, "buy"), booked(4, 40, "buy")])
    assert (found["buy_sum_4w"], found["buy_count_4w"]) == (140, 2)


def test_pace(features_on: Any) -> None:
    # 13 in 13 weeks is one a week; 2 in the last 4 weeks is half of that.
    found = features_on(MONDAY, transactions=[booked(k, -1) for k in (1, 27, *range(29, 40))])
    assert found["outflow_speed_4w_per_13w"] == 0.5
    assert found["login_speed_4w_per_13w"] != found["login_speed_4w_per_13w"]


def test_beside_average_aum(features_on: Any) -> None:
    held = [{"product_id": "demand", "valued_on": date(2023, 1, 1), "balance": 1_000}]
    found = features_on(MONDAY, transactions=[booked(3, -100)], holdings=held)
    assert (found["outflow_per_aum_4w"], found["net_flow_per_aum_4w"]) == (0.1, -0.1)


def test_logins_complaints_and_answers(features_on: Any) -> None:
    when = datetime(2024, 3, 1, 9)
    events = [{"occurred_at": when, "kind": kind} for kind in ("login", "complaint", "never heard of")]
    contacts = [{"contacted_at": when, "outcome": outcome} for outcome in ("answered", "no_answer", None)]
    found = features_on(MONDAY, events=events, contacts=contacts)
    assert (found["login_count_4w"], found["complaint_count_4w"], found["view_rates_count_4w"]) == (1, 1, 0)
    assert (found["contact_count_4w"], found["contact_answered_count_4w"]) == (3, 1)
