"""Survey answers item by item on Monday 2024-03-04."""

from datetime import date
from typing import Any

from configs.settings import Settings
from features.build import build
from tests.features.conftest import HISTORY, everyone

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


def test_items_of_a_factor_are_turned_and_brought_to_one_scale(
    entities_of: Any, bank_settings: Settings, monkeypatch: Any
) -> None:
    """On a scale of 1 to 5: 4 and a reversed 1, which is 5, are 7.75 and 10 of 10."""
    items = [
        {"name": "Q1", "factor": "service"},
        {"name": "Q2", "factor": "service", "reversed": True},
        {"name": "Q3", "asks": "overall"},
        {"name": "Q4", "factor": "service", "asks": "importance"},
    ]
    survey = bank_settings.survey.model_validate(
        bank_settings.survey.model_dump() | {"lowest": 1, "highest": 5, "items": items}
    )
    day = date(2024, 3, 1)
    rows = [answer(day, 4, "Q1"), answer(day, 1, "Q2"), answer(day, 3, "Q3"), answer(day, 1, "Q4")]
    settings = bank_settings.model_copy(update={"survey": survey})
    monkeypatch.setattr("features.build.exclusion", everyone)
    ((_, _, features),) = build(entities_of(surveys=rows), [MONDAY], HISTORY, settings)
    found = features.to_pylist()[0]
    assert found["survey_service_score"] == (7.75 + 10) / 2
    assert found["survey_score_mean_52w"] == (7.75 + 10 + 5.5) / 3
