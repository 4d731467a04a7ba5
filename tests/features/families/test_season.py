"""The season of a Monday, and the Spring Festivals by the moon."""

from datetime import date, timedelta
from typing import Any

import pytest

from features.families.lifecycle import SPRING_FESTIVALS

FESTIVALS = [date.fromisoformat(text) for text in SPRING_FESTIVALS.split()]


@pytest.mark.parametrize(
    ("monday", "days"),
    [(date(2024, 2, 5), 5), (date(2024, 2, 12), 352), (date(2024, 3, 4), 331), (date(2023, 12, 25), 47)],
)
def test_days_to_spring_festival(monday: date, days: int, features_on: Any) -> None:
    """In 2024 it was on Saturday, February 10; in 2025 on January 29."""
    assert features_on(monday)["days_to_spring_festival"] == days


def test_on_the_day_itself(features_on: Any) -> None:
    """Monday, February 8, 2016; the snapshot's own day is still to come."""
    found = features_on(date(2016, 2, 8), history_from=date(2014, 1, 6))
    assert found["days_to_spring_festival"] == 0


def test_the_month_on_a_circle(features_on: Any) -> None:
    january, april, october = (features_on(date(2024, *day)) for day in ((1, 1), (4, 1), (10, 7)))
    assert (january["season_sine"], january["season_cosine"]) == (0, 1)
    assert april["season_sine"] == 1
    assert october["season_sine"] == -1


def test_one_a_year_between_january_21_and_february_20() -> None:
    assert [day.year for day in FESTIVALS] == list(range(1990, 2051))
    assert all(date(day.year, 1, 21) <= day <= date(day.year, 2, 20) for day in FESTIVALS)


def test_each_is_a_new_moon() -> None:
    """Whole lunations of 29.530588 days after the new moon of 2000-01-06 18:14 (UT), 15 hours at most off."""
    for day in FESTIVALS:
        noon_in_beijing = (day - date(2000, 1, 6)) / timedelta(days=1) + (4 - 18.23) / 24
        moons = noon_in_beijing / 29.530588
        assert abs(moons - round(moons)) * 29.530588 < 1.15, day
