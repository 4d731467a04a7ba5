"""Windows are half-open and Mondays are Mondays, also over year ends and leap days."""

from dataclasses import FrozenInstanceError
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.dates import Timeline, monday, mondays
from configs.errors import ConfigError

DAYS = st.dates(date(2000, 1, 1), date(2050, 12, 31))


# Snapshot, lead, horizon; start and end counted on a calendar.
@pytest.mark.parametrize(
    ("day", "lead", "horizon", "start", "end"),
    [
        (date(2024, 3, 4), 7, 90, date(2024, 3, 11), date(2024, 6, 9)),
        (date(2024, 2, 26), 0, 30, date(2024, 2, 26), date(2024, 3, 27)),  # over 29 February
        (date(2023, 2, 27), 0, 30, date(2023, 2, 27), date(2023, 3, 29)),  # a February of 28 days
        (date(2024, 12, 30), 7, 60, date(2025, 1, 6), date(2025, 3, 7)),  # over the year's end
    ],
)
def test_the_outcome_window(day: date, lead: int, horizon: int, start: date, end: date) -> None:
    line = Timeline(day, lead, horizon)
    assert (line.outcome_start, line.outcome_end) == (start, end)


def test_an_outcome_has_matured_when_the_data_reach_its_end_and_not_a_day_earlier() -> None:
    line = Timeline(date(2024, 3, 4), 7, 90)
    assert [line.matured(date(2024, 6, day)) for day in (8, 9, 10)] == [False, True, True]


def test_a_timeline_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Timeline(date(2024, 3, 4), 7, 90).lead_days = 0  # type: ignore[misc]


def test_another_weekday_is_refused_with_the_mondays_around_it() -> None:
    assert monday(date(2024, 1, 1)) == date(2024, 1, 1)
    with pytest.raises(ConfigError) as raised:
        monday(date(2024, 3, 3))
    sentence = "2024-03-03 is a Sunday, but a snapshot is a Monday. Use 2024-02-26, or the one after."
    assert str(raised.value) == sentence


def test_mondays_include_both_ends_and_may_be_none() -> None:
    assert mondays(date(2024, 12, 30), date(2025, 1, 6)) == [date(2024, 12, 30), date(2025, 1, 6)]
    assert mondays(date(2024, 12, 31), date(2025, 1, 5)) == []
    assert mondays(date(2025, 1, 6), date(2024, 12, 30)) == []


@given(DAYS, DAYS)
def test_law_mondays_are_all_mondays_between_and_no_other_day(first: date, last: date) -> None:
    span = min((last - first).days, 400)
    last = first + timedelta(days=span)
    assert mondays(first, last) == [
        day for day in (first + timedelta(days=k) for k in range(span + 1)) if day.weekday() == 0
    ]
