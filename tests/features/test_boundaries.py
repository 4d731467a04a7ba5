"""Half-open everywhere: what a Monday sees of the days around it. Expected numbers are worked out by hand."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from configs.errors import DataError
from features.build import first_monday

DAY = timedelta(days=1)
MONDAYS = {
    "an ordinary one": date(2024, 3, 11),
    "the first of a year, on 1 January": date(2024, 1, 1),
    "the first of a year, on 6 January": date(2025, 1, 6),
    "the first after 29 February": date(2024, 3, 4),
    "Chinese New Year week": date(2024, 2, 12),
    "the first after a month end on Sunday": date(2024, 4, 1),
    "the week the clocks change elsewhere": date(2024, 4, 1),
}
MIDNIGHT, LAST_MOMENT = time(0), time(23, 59, 59, 999_999)


def paid(day: date, moment: time, known_on: date | None = None, **more: Any) -> dict[str, Any]:
    row = {"booked_at": datetime.combine(day, moment), "amount": -100, "kind": "transfer_out", **more}
    return row | ({"known_on": known_on} if known_on else {})


@pytest.mark.parametrize("monday", MONDAYS.values(), ids=MONDAYS)
def test_midnight_of_the_monday_belongs_to_the_next_week(features_on: Any, monday: date) -> None:
    sunday = paid(monday - DAY, LAST_MOMENT)
    seen = features_on(monday, transactions=[sunday, paid(monday, MIDNIGHT)])
    assert (seen["outflow_count_4w"], seen["outflow_sum_4w"], seen["days_since_booking"]) == (1, 100, 1)
    next_week = features_on(monday + 7 * DAY, transactions=[sunday, paid(monday, MIDNIGHT)])
    assert (next_week["outflow_count_4w"], next_week["days_since_booking"]) == (2, 7)


@pytest.mark.parametrize("monday", MONDAYS.values(), ids=MONDAYS)
@pytest.mark.parametrize("weeks", [4, 13, 26, 52])
def test_a_window_opens_at_midnight_of_its_first_monday(features_on: Any, monday: date, weeks: int) -> None:
    opens = monday - 7 * weeks * DAY
    rows = [paid(opens, MIDNIGHT), paid(opens - DAY, LAST_MOMENT)]
    assert features_on(monday, transactions=rows)[f"outflow_count_{weeks}w"] == 1


@pytest.mark.parametrize("monday", MONDAYS.values(), ids=MONDAYS)
def test_known_on_the_monday_is_not_yet_known(features_on: Any, monday: date) -> None:
    late = paid(monday - 3 * DAY, MIDNIGHT, known_on=monday)
    assert features_on(monday, transactions=[late])["outflow_count_4w"] == 0
    assert features_on(monday + 7 * DAY, transactions=[late])["outflow_count_4w"] == 1
    prompt = late | {"known_on": monday - DAY}
    assert features_on(monday, transactions=[prompt])["outflow_count_4w"] == 1


def test_corrected_on_the_monday_is_not_yet_corrected(features_on: Any) -> None:
    monday, day = date(2024, 3, 11), date(2024, 3, 5)
    rows = [paid(day, MIDNIGHT, superseded_on=monday), paid(day, MIDNIGHT, known_on=monday, amount=-7)]
    assert features_on(monday, transactions=rows)["outflow_sum_4w"] == 100
    assert features_on(monday + 7 * DAY, transactions=rows)["outflow_sum_4w"] == 7
    rows[0]["superseded_on"] = rows[1]["known_on"] = monday - DAY
    assert features_on(monday, transactions=rows)["outflow_sum_4w"] == 7


@pytest.mark.parametrize(
    ("monday", "quarter_end"),
    [
        (date(2024, 4, 1), date(2024, 3, 31)),  # the quarter ended the day before
        (date(2024, 3, 25), date(2023, 12, 31)),
        (date(2024, 1, 1), date(2023, 12, 31)),
        (date(2024, 6, 3), date(2024, 3, 31)),
        (date(2024, 7, 1), date(2024, 6, 30)),
        (date(2024, 9, 30), date(2024, 6, 30)),  # its own last day is not over
        (date(2023, 10, 2), date(2023, 9, 30)),
    ],
)
def test_the_last_quarter_end(features_on: Any, monday: date, quarter_end: date) -> None:
    rows = [{"product_id": "demand", "valued_on": quarter_end - 20 * DAY, "balance": 50},
            {"product_id": "demand", "valued_on": quarter_end, "balance": 100},
            {"product_id": "demand", "valued_on": quarter_end + DAY, "balance": 80}]  # fmt: skip
    expected = -0.2 if monday > quarter_end + DAY else 0  # what came on the Monday itself is not seen
    assert features_on(monday, holdings=rows)["aum_change_quarter"] == pytest.approx(expected)


def test_no_quarter_end_inside_the_history(features_on: Any) -> None:
    rows = [{"product_id": "demand", "valued_on": date(2023, 1, 1), "balance": 50}]
    found = features_on(date(2024, 2, 12), history_from=date(2024, 1, 8), holdings=rows)
    assert found["aum_change_quarter"] != found["aum_change_quarter"]
    found = features_on(date(2024, 4, 1), history_from=date(2024, 1, 8), holdings=rows)
    assert found["aum_change_quarter"] == 0


@pytest.mark.parametrize(
    ("first_day", "monday"),
    [
        (date(2024, 1, 1), date(2024, 1, 1)),
        (date(2024, 1, 2), date(2024, 1, 8)),
        (date(2023, 12, 31), date(2024, 1, 1)),
        (date(2024, 2, 29), date(2024, 3, 4)),
    ],
)
def test_the_first_full_week(first_day: date, monday: date) -> None:
    assert first_monday(first_day) == monday


def test_a_window_is_known_from_the_day_the_history_covers_it(features_on: Any) -> None:
    rows = [paid(date(2024, 1, 2), MIDNIGHT)]
    begins = date(2024, 1, 1)
    covered = features_on(begins + 28 * DAY, history_from=begins, transactions=rows)
    assert (covered["outflow_count_4w"], covered["days_since_booking"]) == (1, 27)
    short = features_on(begins + 21 * DAY, history_from=begins, transactions=rows)
    assert short["outflow_count_4w"] != short["outflow_count_4w"]
    assert short["days_since_booking"] == 20


def test_what_lies_before_the_history_is_held_but_in_no_window(features_on: Any) -> None:
    begins, before = date(2024, 1, 1), date(2023, 12, 31)
    held = [{"product_id": "demand", "valued_on": before, "balance": 70}]
    found = features_on(begins + 28 * DAY, begins, transactions=[paid(before, LAST_MOMENT)], holdings=held)
    assert (found["outflow_count_4w"], found["aum_mean_4w"], found["demand_difference_4w"]) == (0, 70, 0)


@pytest.mark.parametrize("day", [date(2021, 12, 27), date(2024, 3, 5)])
def test_a_day_off_the_calendar_is_refused(features_on: Any, day: date) -> None:
    with pytest.raises(DataError, match=f"{day} is no snapshot .* begins on 2022-01-03, a Monday"):
        features_on(day)
