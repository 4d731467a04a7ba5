"""The manager in charge and the surveys as of Monday 2024-03-04."""

from datetime import date, timedelta
from typing import Any

import pytest

from features.engine.entities import day_number
from features.families.relationship import workload

MONDAY = date(2024, 3, 4)


def post(manager: str | None, begins: date, ends: date | None = None, **more: Any) -> dict[str, Any]:
    return {"manager_id": manager, "branch_id": "B7", "from_on": begins, "to_on": ends, **more}


def in_charge(found: dict[str, Any]) -> tuple[Any, ...]:
    days = found["days_since_manager_change"]
    return found["manager_id"], found["manager_vacant"], None if days != days else days


@pytest.mark.parametrize(
    ("posts", "expected"),
    [
        ([], (None, 1, None)),
        ([post("M1", date(2024, 2, 23))], ("M1", 0, 10)),
        ([post("M1", date(2024, 3, 3))], ("M1", 0, 1)),
        ([post("M1", date(2023, 1, 1)), post("M2", MONDAY, known_on=date(2024, 2, 1))], ("M1", 0, 428)),
        ([post("M1", date(2023, 1, 1), MONDAY)], ("M1", 0, 428)),  # ran up to the Sunday
        ([post("M1", date(2023, 1, 1), date(2024, 3, 3))], (None, 1, None)),  # ended on the Saturday
        ([post("M1", date(2023, 1, 1)), post("M2", date(2024, 2, 23))], ("M2", 0, 10)),  # the last to begin
        ([post("M1", date(2023, 1, 1)), post(None, date(2024, 2, 23))], (None, 1, 10)),  # vacant
        ([post("M1", date(2024, 2, 23), known_on=MONDAY)], (None, 1, None)),  # not known yet
    ],
)
def test_in_charge(features_on, posts, expected):
    found = features_on(MONDAY, assignments=posts)
    assert in_charge(found) == expected
    assert found["branch_id"] == ("B7" if posts and expected[2] else None)


def test_an_end_counts_once_it_is_known(features_on):
    begins, ended = date(2023, 1, 1), date(2024, 2, 1)

    def found(known: date) -> tuple[Any, ...]:
        posts = [post("M1", begins, superseded_on=known), post("M1", begins, ended, known_on=known)]
        return in_charge(features_on(MONDAY, assignments=posts))

    assert found(MONDAY) == ("M1", 0, 428)
    assert found(date(2024, 3, 3)) == (None, 1, None)


@pytest.mark.parametrize(
    ("posts", "vacant", "quarter", "year"),
    [
        ([], None, 0, 0),
        ([post("M1", date(2020, 1, 1))], 0, 1, 1),
        ([post("M1", date(2020, 1, 1), date(2024, 2, 23))], 10, 1, 1),
        ([post("M1", date(2020, 1, 1)), post(None, date(2024, 2, 23))], 10, 1, 1),
        ([post("M1", date(2020, 1, 1), date(2023, 12, 4)), post("M2", date(2023, 12, 4))], 0, 1, 2),
        ([post("M1", date(2020, 1, 1), date(2023, 12, 5)), post("M2", date(2023, 12, 5))], 0, 2, 2),
        ([post("M1", date(2020, 1, 1), date(2023, 3, 6)), post("M1", date(2024, 1, 1))], 0, 1, 1),
    ],
)
def test_vacancy_and_how_many_managers(posts, vacant, quarter, year, features_on):
    """The last 13 weeks begin on 2023-12-04, the last 52 on 2023-03-06."""
    found = features_on(MONDAY, assignments=posts)
    days = found["manager_vacant_days"]
    assert (None if days != days else days) == vacant
    assert (found["manager_distinct_13w"], found["manager_distinct_52w"]) == (quarter, year)


def test_how_many_customers_a_manager_has(tables_of):
    """C1 and C2 are with M1; C3 has left M1 for M2, which is known only on the Monday itself."""
    moved = date(2024, 2, 1)
    posts = [post("M1", date(2020, 1, 1), customer_id=name) for name in ("C1", "C2")]
    posts += [post("M1", date(2020, 1, 1), customer_id="C3", superseded_on=MONDAY),
              post("M1", date(2020, 1, 1), moved, customer_id="C3", known_on=MONDAY),
              post("M2", moved, customer_id="C3", known_on=MONDAY),
              post(None, moved, customer_id="C4")]  # fmt: skip
    table = tables_of({"assignments": posts})["assignments"]
    later = MONDAY + timedelta(weeks=1)
    assert workload(table, [MONDAY, later]) == {
        (day_number(MONDAY), "M1"): 3, (day_number(later), "M1"): 2, (day_number(later), "M2"): 1
    }  # fmt: skip


def test_survey_mean_of_the_last_52_weeks(features_on):
    # The year opens on 2023-03-06; the answers of 03-05 and of the Monday itself are outside.
    days = {date(2023, 3, 5): 1, date(2023, 3, 6): 4, date(2023, 12, 1): 9, date(2024, 3, 3): 9, MONDAY: 1}
    surveys = [{"answered_on": day, "score": score} for day, score in days.items()]
    assert features_on(MONDAY, surveys=surveys)["survey_score_mean_52w"] == 22 / 3
    none = features_on(MONDAY, surveys=surveys[:1])["survey_score_mean_52w"]
    assert none != none
