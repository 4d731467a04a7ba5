"""How much of what fell due stayed invested, on Monday 2024-03-04."""

from datetime import date, timedelta
from typing import Any

import pytest

MONDAY = date(2024, 3, 4)


def term(number: int, days_ago: int, balance: int, due: int | None = None) -> dict[str, Any]:
    """A row of so many days before the Monday; ``due`` in days before it too."""
    return {"product_id": f"term{number}", "valued_on": MONDAY - timedelta(days=days_ago), "balance": balance,
            "matures_on": None if due is None else MONDAY - timedelta(days=due)}  # fmt: skip


@pytest.mark.parametrize(
    ("again", "kept"),
    [
        ([], 0),
        ([term(2, 40, 100)], 1),  # the same day
        ([term(2, 26, 60)], 0.6),  # on the last of the 14 days
        ([term(2, 25, 60)], 0),  # a day too late
        ([term(2, 40, 900)], 1),  # more than before
    ],
)
def test_kept_of_100_that_fell_due_40_days_ago(again: list[Any], kept: float, features_on: Any) -> None:
    rows = [term(1, 300, 100, due=40), term(1, 40, 0), *again]
    assert features_on(MONDAY, holdings=rows)["matured_kept_52w"] == kept


@pytest.mark.parametrize(("due", "counts"), [(364, True), (365, False), (15, True), (14, False)])
def test_which_due_days_count(due: int, counts: bool, features_on: Any) -> None:
    rows = [term(1, 400, 100, due=due), term(1, due, 0)]
    kept = features_on(MONDAY, holdings=rows)["matured_kept_52w"]
    assert (kept == 0) if counts else (kept != kept)


def test_of_all_money_that_fell_due(features_on: Any) -> None:
    """300 kept, then 100 lost."""
    rows = [term(1, 300, 300, due=200), term(1, 200, 0), term(2, 200, 300, due=None),
            term(3, 300, 100, due=50), term(3, 50, 0)]  # fmt: skip
    assert features_on(MONDAY, holdings=rows)["matured_kept_52w"] == 0.75
