"""The rhythm of a tiny bank's sources, day by day, and branches whose rows are missing."""

from datetime import date, datetime, timedelta

import pytest

from pipeline.gates.sources import data_through, read_sources
from tests.pipeline.conftest import TXN_HEADER, booking

MONDAY = date(2024, 5, 13)
DAYS = [date(2024, 3, 4) + timedelta(days=k) for k in range(70)]  # ten weeks, up to the Sunday before


def booked(number, day, known=None, customer="C1"):
    return booking(NO=f"N{number}", CUST=customer, DONE=f"{day} 10:00:00", LOADED=str(known or day))


@pytest.fixture
def daily(tiny):
    """One booking a day; that of 20 April was known on 3 May."""
    late = {date(2024, 4, 20): date(2024, 5, 3)}
    tiny.write("txn_1.csv", TXN_HEADER + "".join(booked(k, day, late.get(day)) for k, day in enumerate(DAYS)))
    return tiny


def rhythm(tables, table="transactions", monday=MONDAY):
    return read_sources(tables, monday, {}).rhythms[table]


def test_a_row_counts_in_the_week_in_which_it_was_first_seen(daily):
    found = rhythm(daily.ingest())
    rows = dict(zip(found.mondays, found.rows.tolist(), strict=True))
    assert (rows[date(2024, 4, 22)], rows[date(2024, 5, 6)]) == (6, 8)
    assert sum(rows.values()) == 70
    assert (set(found.lags.tolist()), found.through) == ({1}, date(2024, 5, 12))


def test_a_monday_with_half_a_week_and_one_without_are_behind(daily):
    tables = daily.ingest()
    assert rhythm(tables, monday=date(2024, 5, 20)).lags.tolist()[-2:] == [1, 8]
    daily.write("txn_2.csv", TXN_HEADER + booked(99, date(2024, 5, 15)))
    tables = daily.ingest()
    assert rhythm(tables, monday=date(2024, 5, 20)).lags.tolist()[-2:] == [1, 5]


def test_what_is_known_later_or_dated_ahead_is_not_seen(daily):
    """The week known a month late, and the file dated seven weeks ahead, leave the Monday where it was."""
    week = [date(2024, 5, 13) + timedelta(days=k) for k in range(7)]
    monday = date(2024, 5, 20)
    daily.write(
        "txn_2.csv",
        TXN_HEADER + "".join(booked(100 + k, day, day + timedelta(days=28)) for k, day in enumerate(week)),
    )
    ahead = [day + timedelta(days=49) for day in week]
    daily.write("txn_3.csv", TXN_HEADER + "".join(booked(200 + k, day) for k, day in enumerate(ahead)))
    tables = daily.ingest()
    assert tables.last_day == date(2024, 7, 7)
    found = rhythm(tables, monday=monday)
    assert (found.lags[-1], found.rows[-1], found.through) == (8, 0, date(2024, 5, 12))
    assert data_through(tables, monday) == date(2024, 5, 13)


def test_data_reaches_up_to_the_monday_at_most(daily):
    tables = daily.ingest()
    assert data_through(tables, date(2024, 4, 1)) == date(2024, 4, 1)
    assert data_through(tables, date(2025, 1, 6)) == MONDAY


def test_records_are_as_old_as_their_newest_version(daily):
    """Customers opened years ago; one of them changed on 8 May."""
    daily.write("cust_2.csv", "CUST,OPENED,LOADED\nC1,2020-01-01,2024-05-08\n")
    assert rhythm(daily.ingest(), "customers").through == date(2024, 5, 8)


def test_the_largest_step_of_a_rate(daily):
    daily.write("fx.csv", "CCY,DAY,RATE\nUSD,2024-03-03,7.00\nUSD,2024-05-05,7.00\nUSD,2024-05-12,7.70\n")
    found = read_sources(daily.ingest(), MONDAY, {})
    assert found.rate_changes[-2:] == (0.0, pytest.approx(0.0953, abs=1e-4))


def test_a_branch_without_its_rows_is_named(tiny):
    """Two branches with 35 bookings a week each; in the last week B2 has three, and B3 never had many."""
    branch = {"C1": "B1", "C2": "B2", "C3": "B3"}
    lines, last = [TXN_HEADER], MONDAY - timedelta(weeks=1)
    for day in DAYS:
        for hour in range(5):
            for customer in ("C1", "C2"):
                if customer == "C1" or day < last or (hour == 0 and day.day < 9):
                    at = datetime(day.year, day.month, day.day, 8 + hour)
                    lines.append(
                        booking(NO=f"{customer}{at:%j%H}", CUST=customer, DONE=str(at), LOADED=str(day))
                    )
    lines.append(booking(NO="once", CUST="C3", DONE="2024-03-05 08:00:00", LOADED="2024-03-05"))
    tiny.write("txn_1.csv", "".join(lines))
    tables = tiny.ingest()
    assert read_sources(tables, MONDAY, branch).silent == (("transactions", "B2"),)
    assert read_sources(tables, last, branch).silent == ()


def test_the_answers_of_one_questionnaire_are_missing_together(daily):
    """Two customers answer sixteen items every week but the last: nobody's rows are missing."""
    daily.declare_surveys("ITEM", "SCORE")
    weeks = [MONDAY - timedelta(weeks=k, days=-2) for k in range(2, 11)]
    answers = [
        f"{customer}-{day}-{item},{customer},{day},service,5"
        for day in weeks for customer in ("C1", "C2") for item in range(16)
    ]  # fmt: skip
    daily.write("ask.csv", "NO,CUST,DAY,ITEM,SCORE\n" + "\n".join(answers) + "\n")
    tables = daily.ingest()
    assert rhythm(tables, "surveys").rows.tolist()[-2:] == [32, 0]
    assert read_sources(tables, MONDAY, {"C1": "B1", "C2": "B1"}).silent == ()
