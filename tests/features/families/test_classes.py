"""Classes and groups of classes on Monday 2024-03-04."""

from datetime import date, timedelta
from typing import Any

import pytest

MONDAY = date(2024, 3, 4)


def held(product: str, balance: Any, since: date = date(2022, 1, 1)) -> dict[str, Any]:
    return {"product_id": product, "valued_on": since, "balance": balance}


def test_groups_and_ratios(features_on: Any) -> None:
    rows = [held("demand", 100), held("term", 300), held("fund", 50), held("wealth", 200), held("loan", 999)]
    found = features_on(MONDAY, holdings=rows)
    assert (found["deposits_last"], found["liquid_last"], found["investment_last"]) == (400, 150, 250)
    assert (found["deposits_share"], found["investment_share"]) == (400 / 650, 250 / 650)
    assert (found["term_per_demand"], found["investment_per_deposits"]) == (3, 0.625)
    assert found["fund_per_wealth"] == 0.25


def test_no_ratio_to_nothing(features_on: Any) -> None:
    found = features_on(MONDAY, holdings=[held("term", 300)])
    assert found["term_per_demand"] != found["term_per_demand"]


@pytest.mark.parametrize("weeks", [13, 26])
def test_swings(weeks: int, features_on: Any) -> None:
    """1,000 at first; 200 from six weeks ago, 2,000 from four and 1,100 from two."""
    sunday = MONDAY - timedelta(days=1)
    changes = {6: 200, 4: 2000, 2: 1100}
    rows = [held("demand", 1000)]
    rows += [held("demand", money, sunday - timedelta(weeks=ago)) for ago, money in changes.items()]
    found = features_on(MONDAY, holdings=rows)
    # Points: 0, 1, 2 weeks ago 1,100; 3 and 4 weeks ago 2,000; 5 and 6 weeks ago 200; before 1,000.
    points = [1100] * 3 + [2000] * 2 + [200] * 2 + [1000] * (weeks - 7)
    assert found[f"demand_min_{weeks}w"] == 200
    average = sum(points) / weeks
    spread = (sum((point - average) ** 2 for point in points) / weeks) ** 0.5
    assert found[f"demand_deviation_{weeks}w"] == pytest.approx(spread / found[f"aum_mean_{weeks}w"])
    if weeks == 26:
        assert found["demand_peak_26w"] == 2000
        assert found["demand_mean_26w"] == (3300 + 4000 + 400 + 19_000) / 26
