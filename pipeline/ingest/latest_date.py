"""The latest valid date of an ingest: a row can be true up to a month after the bank's last bookings.

A year mistyped in all dates of a row makes a row that agrees with itself, 70 years ahead. The clock would
refuse it, but then the same files would not give the same tables on every day.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

import duckdb

from pipeline.ingest import relations
from pipeline.ingest.relations import sql_text
from pipeline.ingest.values import NO_NOTATION, typed

SILENCE, MOST_SILENT = timedelta(weeks=8, days=1), timedelta(weeks=104)  # without bookings
MONTH = timedelta(days=31)  # within which balances begin, where they are known from the first booking on
TEXT_DAY = typed("known_on", "DATE", "VARCHAR", NO_NOTATION)


def weekly_bookings(
    con: duckdb.DuckDBPyConnection, select: str, earlier: Sequence[Path] = (), day: str = TEXT_DAY
) -> list[tuple[date, int]]:
    """The Mondays of the weeks in which bookings were known, ascending, with their numbers.

    ``select`` yields the transactions with their ``known_on``, ``earlier`` are the files of those in the
    tables already. ``day`` is the SQL of ``known_on`` as a date.
    """
    before = f"FROM read_parquet({[str(path) for path in earlier]}, hive_partitioning = false)"
    return con.execute(
        "SELECT date_trunc('week', day)::DATE AS monday, count(*) FROM "
        f"(SELECT {day} AS day FROM ({select}) "
        f"{'UNION ALL SELECT known_on ' + before if earlier else ''}) "
        "WHERE isfinite(day) AND year(day) BETWEEN 1900 AND 9998 GROUP BY monday ORDER BY monday"
    ).fetchall()


def store_latest_date(con: duckdb.DuckDBPyConnection, weeks: list[tuple[date, int]]) -> None:
    """Make ``latest_valid_date`` from ``weekly_bookings``; its day is NULL where there is no booking."""
    day = f"DATE '{last_bookings(weeks) + timedelta(days=31)}'" if weeks else "NULL::DATE"
    relations.LATEST_VALID_DATE.create_from(con, f"SELECT {day} AS day")


def last_bookings(weeks: list[tuple[date, int]]) -> date:
    """The Sunday of the bank's last week with bookings.

    ``weeks`` are Mondays with their numbers, ascending.

    From the week of the median booking on, a week counts if it has at least 1% of the usual number (the
    median over the weeks) and begins within two years of the last one that counted: an excerpt may lack a
    year. After a silence of more than eight weeks it counts only if at least as many weeks with bookings
    as were silent come from it on: a file whose dates lie a year ahead is no year of bookings.
    """
    least = 0.01 * sorted(number for _, number in weeks)[len(weeks) // 2]
    total = sum(number for _, number in weeks)
    middle = next(k for k, below in enumerate(accumulate(n for _, n in weeks)) if 2 * below >= total)
    last = weeks[middle][0] + timedelta(days=6)
    counted = [monday for monday, count in weeks[middle + 1 :] if count >= least]
    for place, monday in enumerate(counted):
        silent, follow = monday - last, timedelta(weeks=len(counted) - place + 1)
        if silent <= SILENCE or (silent <= MOST_SILENT and silent <= follow):
            last = monday + timedelta(days=6)
    return last


def first_days(booked: date, valued: date | None) -> dict[str, date | None]:
    """The first day of the history, beside the first booking and the first balance; None without balances.

    It is that of the first balance where that comes more than a month after the first booking: before,
    nobody's AUM is known.
    """
    begins = valued if valued and valued > booked + MONTH else booked
    return {"first_day": begins, "first_booked": booked, "first_valued": valued}


def newly_known(con: duckdb.DuckDBPyConnection, after: Sequence[Path], before: Sequence[Path]) -> list[date]:
    """The earliest ``known_on`` of the rows of ``after`` that ``before`` lacks; nothing where there is none.

    Both are files of a table that is whole in each delivery; a file that is not there has no rows.
    """
    rows = [f"SELECT * FROM read_parquet({sql_text(path)})" for path in (*after, *before) if path.is_file()]
    if not any(path.is_file() for path in after):
        return []
    days = con.execute(f"SELECT min(known_on) FROM ({' EXCEPT '.join(rows)})").fetchall()
    return [day for (day,) in days if day]
