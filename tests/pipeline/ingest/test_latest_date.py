"""The latest valid date of a row, told from the bookings alone."""

from datetime import date, timedelta

import duckdb
import pytest

from pipeline.ingest.latest_date import last_bookings, store_latest_date, weekly_bookings
from tests.pipeline.conftest import TXN_HEADER

MONDAY = date(2024, 3, 4)
WEEK = timedelta(weeks=1)


def weeks(numbers: dict[int, int]) -> list[tuple[date, int]]:
    """Numbers of bookings by week, counted from the week of 4 March 2024."""
    return [(MONDAY + k * WEEK, number) for k, number in sorted(numbers.items())]


def usual(count: int) -> dict[int, int]:
    return dict.fromkeys(range(count), 1_000)


# The week whose Sunday is the day of the last bookings.
@pytest.mark.parametrize(
    ("numbers", "last"),
    [
        (usual(10), 9),
        (usual(10) | {9: 10}, 9),  # 1% of the usual number is enough
        (usual(10) | {9: 9}, 8),
        (usual(10) | {3: 1}, 9),  # a holiday week
        (usual(10) | {3: 0, 4: 0, 5: 0, 6: 0}, 9),  # four weeks in which nothing came
        (usual(10) | {18: 1_000}, 18),  # eight weeks in which nothing came
        (usual(10) | {19: 1_000}, 9),
        (usual(60) | {111: 1_000}, 59),  # a file whose dates lie a year ahead
        (usual(60) | dict.fromkeys(range(111, 115), 900), 59),  # a month of such files
        (usual(60) | {86: 1_000}, 59),  # half a year ahead
        (
            usual(300) | dict.fromkeys(range(400, 500), 900),
            499,
        ),  # an excerpt without the bookings of two years
        (usual(300) | dict.fromkeys(range(400, 499), 900), 299),
        (usual(300) | dict.fromkeys(range(405, 600), 900), 299),  # and of more
        (usual(10) | {4_000: 500, 4_001: 9_000}, 9),  # more than in any week, but in 2100
        (usual(60) | dict.fromkeys(range(60, 100), 9), 59),  # mistyped months
        ({0: 1_000_000} | dict.fromkeys(range(1, 60), 1000), 59),  # years loaded at once, then week by week
        ({0: 3}, 0),
    ],
)
def test_the_last_week_with_bookings(numbers: dict[int, int], last: int) -> None:
    assert last_bookings(weeks(numbers)) == MONDAY + last * WEEK + timedelta(days=6)


def test_what_is_no_day_does_not_count() -> None:
    rows = "VALUES ('2024-03-05'), ('soon'), (NULL), ('infinity'), ('1024-03-05'), ('2024-03-06')"
    with duckdb.connect() as con:
        store_latest_date(con, weekly_bookings(con, f"SELECT col0 AS known_on FROM ({rows})"))
        assert con.execute("SELECT day FROM latest_valid_date").fetchall() == [(date(2024, 4, 10),)]


def test_without_bookings_there_is_no_latest_day() -> None:
    with duckdb.connect() as con:
        store_latest_date(con, weekly_bookings(con, "SELECT 'soon' AS known_on"))
        assert con.execute("SELECT day FROM latest_valid_date").fetchall() == [(None,)]


def test_rows_of_all_tables_are_held_against_the_bookings(tiny) -> None:
    """The last bookings lie in the week of 4 March 2024; Sunday the 10th and 31 days are 10 April."""
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED\nC7,2024-04-10,2024-04-10\nC8,2099-01-01,2099-01-01\n")
    tiny.write("fx.csv", (tiny.raw / "fx.csv").read_text("utf-8") + "USD,2099-03-01,7.10\n")
    tiny.write("txn_2.csv", TXN_HEADER + "F,C1,A1,2024-03-01 10:00:00,-1.50,CNY,card,2026-03-16,\n")
    tiny.ingest()
    ahead = "lies after 2024-04-10, 31 days after the bank's last bookings"
    assert tiny.quarantine() == [
        ("customers", "cust_2.csv", 3, f"opened_on: 2099-01-01 {ahead}"),
        ("rates", "fx.csv", 4, f"valued_on: 2099-03-01 {ahead}"),
        ("transactions", "txn_2.csv", 2, f"known_on: 2026-03-16 {ahead}"),
    ]
