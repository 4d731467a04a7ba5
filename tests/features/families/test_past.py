"""The customer's own previous outcome on Monday 2024-03-04: the Monday 14 weeks before, 2023-11-27."""

from datetime import date
from typing import Any

import pytest

from configs.settings import Settings
from features.engine.compact_history import YEAR

MONDAY = date(2024, 3, 4)
END = date(2024, 3, 3)  # 97 days after 2023-11-27: the window's last day is March 2


def held(day: date, balance: int) -> dict[str, Any]:
    return {"product_id": "demand", "valued_on": day, "balance": balance}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (date(2023, 12, 20), 0.7),
        (date(2024, 2, 18), 0.7),  # away on each of the window's last 14 evenings
        (date(2024, 2, 19), 0.0),  # on the first of them it was still here
        (END, 0.0),  # what leaves after the window is not its outcome
    ],
)
def test_what_had_left(change: date, left: float, features_on: Any) -> None:
    found = features_on(MONDAY, holdings=[held(date(2022, 1, 1), 1000), held(change, 300)])
    assert found["past_outflow_share"] == pytest.approx(left)


def test_unknown_where_the_label_was(features_on: Any) -> None:
    rows = [held(date(2022, 1, 1), 1000)]
    young = features_on(MONDAY, history_from=date(2023, 9, 4), holdings=rows)["past_outflow_share"]
    assert young != young  # 12 weeks of history before that Monday; the base takes 13
    assert features_on(MONDAY, history_from=date(2023, 8, 28), holdings=rows)["past_outflow_share"] == 0


def test_weeks_to_close(bank_settings: Settings) -> None:
    assert bank_settings.label.weeks_to_close == 14
    assert bank_settings.label.base_weeks + 14 <= YEAR
