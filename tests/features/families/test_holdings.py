"""The maturity wall around Monday 2024-03-04, and how many products are held."""

from datetime import date, timedelta
from typing import Any

import pytest

MONDAY = date(2024, 3, 4)
BOUGHT = date(2023, 6, 1)


def term(day: date, balance: int, due: date | None, **more: Any) -> dict[str, Any]:
    return {"product_id": "term", "valued_on": day, "balance": balance, "matures_on": due, **more}


def wall(found: dict[str, Any]) -> tuple[float, ...]:
    """Ahead within 14, 30, 60 and 90 days, behind within 28 and 91."""
    ahead = [found[f"maturing_sum_{days}d"] for days in (14, 30, 60, 90)]
    return (*ahead, found["matured_sum_28d"], found["matured_sum_91d"])


@pytest.mark.parametrize(
    ("due", "expected", "days"),
    [
        (date(2024, 3, 3), (0, 0, 0, 0, 100, 100), None),  # yesterday: behind
        (date(2024, 3, 4), (100, 100, 100, 100, 0, 0), 0),  # on the Monday itself: still ahead
        (date(2024, 3, 17), (100, 100, 100, 100, 0, 0), 13),
        (date(2024, 3, 18), (0, 100, 100, 100, 0, 0), 14),  # 14 days ahead is outside [0, 14)
        (date(2024, 4, 3), (0, 0, 100, 100, 0, 0), 30),
        (date(2024, 6, 1), (0, 0, 0, 100, 0, 0), 89),
        (date(2024, 6, 2), (0, 0, 0, 0, 0, 0), 90),
        (date(2024, 2, 29), (0, 0, 0, 0, 100, 100), None),
        (date(2024, 2, 5), (0, 0, 0, 0, 100, 100), None),  # 28 days back is inside
        (date(2024, 2, 4), (0, 0, 0, 0, 0, 100), None),
        (date(2023, 12, 4), (0, 0, 0, 0, 0, 100), None),  # 91 days back is inside
        (date(2023, 12, 3), (0, 0, 0, 0, 0, 0), None),
        (None, (0, 0, 0, 0, 0, 0), None),
    ],
)
def test_due_days(features_on: Any, due: date | None, expected: tuple[float, ...], days: int | None) -> None:
    found = features_on(MONDAY, holdings=[term(BOUGHT, 100, due)])
    assert wall(found) == expected
    assert (found["days_to_next_maturity"] == days) or (
        days is None and found["days_to_next_maturity"] != days
    )


DUE = date(2024, 2, 28)


@pytest.mark.parametrize(
    ("then", "behind", "ahead"),
    [
        (term(DUE, 0, None), 100, 0),  # paid out on its day
        (term(DUE, 0, DUE), 100, 0),
        (term(DUE, 102, DUE), 100, 0),  # interest added on the day: counted once, as it went into the day
        (term(DUE, 102, date(2024, 5, 28)), 100, 102),  # rolled over on its day
        (term(DUE + timedelta(2), 102, date(2024, 5, 28)), 100, 102),  # rolled over two days late
        (term(DUE + timedelta(2), 100, DUE), 100, 0),  # only revalued, the old due day left standing
        (term(DUE - timedelta(1), 0, None), 0, 0),  # redeemed the day before
        (term(DUE - timedelta(1), 100, date(2024, 5, 28)), 0, 100),  # prolonged the day before
        (term(DUE - timedelta(1), 40, DUE), 40, 0),  # partly redeemed before
        (term(MONDAY, 0, None), 100, 0),  # what happens on the Monday is not seen
    ],
)
def test_rolled_over_or_paid_out(features_on: Any, then: dict[str, Any], behind: int, ahead: int) -> None:
    found = features_on(MONDAY, holdings=[term(BOUGHT, 100, DUE), then])
    assert (found["matured_sum_28d"], found["maturing_sum_90d"]) == (behind, ahead)


def test_shares_are_of_aum_and_a_loan_matures_to_nobody(features_on: Any) -> None:
    due = date(2024, 3, 10)
    rest = {"product_id": "demand", "valued_on": BOUGHT, "balance": 300}
    loan = {"product_id": "loan", "valued_on": BOUGHT, "balance": 5_000, "matures_on": due}
    found = features_on(MONDAY, holdings=[term(BOUGHT, 100, due), rest, loan])
    assert (found["maturing_sum_14d"], found["maturing_share_14d"]) == (100, 0.25)
    assert (found["loan_last"], found["aum_last"], found["product_held"]) == (5_000, 400, 2)


def test_matured_share_of_what_is_and_was_here(features_on: Any) -> None:
    rest = {"product_id": "demand", "valued_on": BOUGHT, "balance": 300}
    found = features_on(MONDAY, holdings=[term(BOUGHT, 100, DUE), term(DUE, 0, None), rest])
    assert found["matured_share_28d"] == 0.25


def test_products_held_and_added(features_on: Any) -> None:
    rows = [{"product_id": f"fund{k}", "valued_on": BOUGHT, "balance": 10} for k in (1, 2, 3)]
    rows += [{"product_id": "fund1", "valued_on": date(2024, 2, 1), "balance": 0},
             {"product_id": "fund2", "valued_on": date(2024, 2, 1), "balance": 0},
             {"product_id": "metal", "valued_on": date(2024, 2, 1), "balance": "0.01"}]  # fmt: skip
    found = features_on(MONDAY, holdings=rows)
    assert (found["product_held"], found["product_class_held"]) == (2, 2)
    # 2024-02-01 lies within the last 13 weeks; 52 weeks ago (2023-03-06) nothing was held.
    assert [found[f"product_added_{weeks}w"] for weeks in (13, 26, 52)] == [-1, -1, 2]


def test_seven_products_lost_are_exactly_seven(features_on: Any) -> None:
    """Counts are whole numbers: 7 / 100 × 100 would not be one."""
    rows = [{"product_id": kind, "valued_on": BOUGHT, "balance": 10}
            for kind in ("demand", "term", "fund", "metal", "trust", "wealth", "insurance")]  # fmt: skip
    gone = [row | {"valued_on": date(2024, 2, 1), "balance": 0} for row in rows]
    assert features_on(MONDAY, holdings=rows + gone)["product_added_13w"] == -7
