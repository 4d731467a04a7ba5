"""What was done for the first time, and when, before Monday 2024-03-04."""

from datetime import date, datetime
from typing import Any

MONDAY = date(2024, 3, 4)


def held(product: str, since: date, balance: int = 100) -> dict[str, Any]:
    return {"product_id": product, "valued_on": since, "balance": balance}


def test_firsts_and_the_days_between(features_on: Any) -> None:
    holdings = [held("term", date(2024, 1, 4), 0), held("term", date(2024, 1, 14)),
                held("wealth", date(2024, 2, 3)), held("wealth", date(2024, 2, 23))]  # fmt: skip
    found = features_on(MONDAY, holdings=holdings)
    assert (found["days_since_first_term"], found["days_since_first_wealth"]) == (50, 30)
    assert found["wealth_days_after_term"] == 20
    assert found["days_since_first_fund"] != found["days_since_first_fund"]
    assert found["fund_days_after_wealth"] != found["fund_days_after_wealth"]


def test_two_years_at_most(features_on: Any) -> None:
    found = features_on(MONDAY, holdings=[held("fund", date(2015, 1, 1)), held("term", date(2022, 3, 7))])
    assert (found["days_since_first_fund"], found["days_since_first_term"]) == (728, 728)


def test_first_login_and_transfer_elsewhere(features_on: Any) -> None:
    events = [{"occurred_at": datetime(2024, 3, day), "kind": "login"} for day in (1, 3, 4)]
    sent = {"booked_at": datetime(2024, 2, 24, 8), "amount": -5, "counterparty": "broker"}
    found = features_on(MONDAY, events=events, transactions=[sent])
    assert (found["days_since_first_login"], found["days_since_first_outflow_elsewhere"]) == (3, 9)
