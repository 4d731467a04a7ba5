"""The bank's tiers (0, 500,000, 1,000,000, 5,000,000) on Monday 2024-03-04."""

from datetime import date
from typing import Any

import pytest

MONDAY = date(2024, 3, 4)


@pytest.mark.parametrize(
    ("before", "now", "above", "below"),
    [
        (800_000, 800_000, 0.375, 0.25),
        (500_000, 500_000, 0, 1),  # the bound belongs to the upper tier
        (800_000, 400_000, -0.25, 1.5),  # a day ago it fell out of the tier its average is in
        (100_000, 100_000, 1, 4),
        (8_000_000, 8_000_000, 0.375, None),
        (100, 0, None, None),
    ],
)
def test_bounds(before: int, now: int, above: Any, below: Any, features_on: Any) -> None:
    rows = [{"product_id": "demand", "valued_on": date(2023, 1, 2), "balance": before},
            {"product_id": "demand", "valued_on": date(2024, 3, 3), "balance": now}]  # fmt: skip
    found = features_on(MONDAY, holdings=rows)
    shown = [None if value != value else value for value in (found["tier_above"], found["next_tier_below"])]
    assert shown == [above, below]
