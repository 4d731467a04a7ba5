"""Survey answers item by item on Monday 2024-03-04."""

from datetime import date
from typing import Any

MONDAY = date(2024, 3, 4)


def answer(day: date, score: int, item: str = "service") -> dict[str, Any]:
    return {"answered_on": day, "score": score, "item": item}


def test_the_latest_score_of_each_item_and_its_age(features_on: Any) -> None:
    rows = [answer(date(2020, 1, 1), 9, "brand"), answer(date(2024, 2, 3), 2), answer(date(2024, 3, 1), 7),
            answer(date(2024, 3, 1), 8), answer(MONDAY, 1),
            answer(date(2024, 3, 2), 1, "parking")]  # fmt: skip
    found = features_on(MONDAY, surveys=rows)
    assert (found["survey_service_score"], found["survey_service_days_old"]) == (7.5, 3)
    assert found["survey_brand_score"] == 9
    assert found["survey_brand_days_old"] == (MONDAY - date(2020, 1, 1)).days
    assert found["survey_manager_score"] != found["survey_manager_score"]
