"""Balances at month-ends and what the months changed, on Monday 2024-03-04."""

from datetime import date
from typing import Any

import pytest

MONDAY = date(2024, 3, 4)
# Ends of February, January, December, November, …: 400, 500, 1,000, 800, 800.
HELD = {
    date(2022, 2, 1): 800,
    date(2023, 12, 15): 1000,
    date(2024, 1, 31): 500,
    date(2024, 2, 29): 400,
    date(2024, 3, 1): 50,
}


@pytest.fixture(scope="module")
def found(features_on: Any) -> dict[str, Any]:
    rows = [{"product_id": "term", "valued_on": day, "balance": money} for day, money in HELD.items()]
    return features_on(MONDAY, holdings=rows)


def test_the_last_six_month_ends(found: dict[str, Any]) -> None:
    assert [found[f"term_closing_{k}m"] for k in range(1, 7)] == [400, 500, 1000, 800, 800, 800]
    assert [found[f"aum_closing_{k}m"] for k in (1, 2)] == [400, 500]
    assert found["demand_closing_1m"] == 0


def test_steps_and_growth(found: dict[str, Any]) -> None:
    assert [found[f"aum_step_{k}m"] for k in (1, 2, 3)] == [-100, -500, 200]
    assert [found[f"deposits_growth_{k}m"] for k in (1, 2, 3)] == [0.8, 0.5, 1.25]


def test_since_the_quarter_end(found: dict[str, Any]) -> None:
    assert found["deposits_change_quarter"] == (50 - 1000) / 1000
    assert found["investment_change_quarter"] != found["investment_change_quarter"]


@pytest.mark.parametrize(("begins", "known"), [(date(2024, 1, 1), True), (date(2024, 1, 8), False)])
def test_month_ends_before_the_history_are_unknown(begins: date, known: bool, features_on: Any) -> None:
    rows = [{"product_id": "term", "valued_on": date(2020, 1, 1), "balance": 70}]
    found = features_on(MONDAY, history_from=begins, holdings=rows)
    assert (found["term_closing_2m"], found["term_closing_1m"]) == (70, 70)
    assert (found["term_closing_3m"] == 70) == known  # the last evening of December


def test_a_month_begins_on_the_monday(features_on: Any) -> None:
    monday = date(2024, 4, 1)
    rows = [{"product_id": "term", "valued_on": date(2024, 3, 31), "balance": 70},
            {"product_id": "term", "valued_on": monday, "balance": 9}]  # fmt: skip
    assert features_on(monday, holdings=rows)["term_closing_1m"] == 70
