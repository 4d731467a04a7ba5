"""What rows are held against: customers, products, managers and daily rates, and the latest valid date.

A row can be true up to a month after the bank's last bookings, whatever the clock says. A year mistyped in
all dates of a row makes a row that agrees with itself, 70 years ahead. The clock would refuse it, but then
the same files would not give the same tables on every day.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

import duckdb

from configs.tables import Table
from pipeline.ingest.checks import bucket_of
from pipeline.ingest.deliveries import Base, ReadAllError
from pipeline.ingest.incoming import Ingestion
from pipeline.ingest.relations import LATEST_VALID_DATE, TABLE_KEY, number, sql_text
from pipeline.tables import UNDATED

SLACK = timedelta(days=31)
GAP = timedelta(weeks=104)
LEAST_SHARE = 0.01
# Each rate stands until the next, and the last for 31 days.
DAILY = (
    "SELECT currency, day::DATE AS day, to_base FROM ("
    "SELECT currency, to_base, valued_on, lead(valued_on, 1, valued_on + INTERVAL 31 DAY) "
    "OVER (PARTITION BY currency ORDER BY valued_on) AS next_on FROM {rates}), "
    "generate_series(valued_on, next_on - INTERVAL 1 DAY, INTERVAL 1 DAY) AS days(day)"
)


def store_earlier_customers(state: Ingestion, base: Base) -> None:
    """Put the customers of earlier deliveries into ``ref_customers``."""
    state.con.execute(
        "INSERT INTO ref_customers "
        f"SELECT DISTINCT customer_id, {bucket_of('customer_id', base.tables.buckets)} "
        "FROM read_parquet(?, hive_partitioning = false)",
        [[str(path) for path in base.tables.parts("customers")]],
    )


def store_references(state: Ingestion, table: Table) -> None:
    """Keep what later tables refer to; what earlier deliveries rest on must still be there."""
    base, whole = state.plan.base, state.draft / table.name / f"{UNDATED}.parquet"
    if base and not table.by_customer:
        _compare(state, table, base)
    if table.name in TABLE_KEY:
        bucket = "any_value(_bucket)" if table.by_customer else "0"
        key = TABLE_KEY[table.name]
        state.con.execute(
            f"INSERT INTO ref_{table.name} SELECT {key}, {bucket} FROM good "
            f"WHERE {key} NOT IN (SELECT {key} FROM ref_{table.name}) GROUP BY {key}"
        )
    if table.name == "rates":
        state.con.execute(f"INSERT INTO ref_rates {DAILY.format(rates=f'read_parquet({sql_text(whole)})')}")


def _compare(state: Ingestion, table: Table, base: Base) -> None:
    """Raises ReadAllError when rows that earlier deliveries rest on are gone or read otherwise now."""
    daily = f"SELECT * FROM ({DAILY.replace('{rates}', '{0}')}) WHERE day <= '{base.noted['money_through']}'"
    rest_on = {"products": "SELECT * FROM {0}", "managers": "SELECT manager_id FROM {0}", "rates": daily}
    before, after = (
        rest_on[table.name].format(f"read_parquet({sql_text(path)})")
        for path in (base.tables.whole(table.name), state.draft / table.name / f"{UNDATED}.parquet")
    )
    if number(state.con, f"SELECT count(*) FROM ({before} EXCEPT {after})"):
        raise ReadAllError(f"{table.name} that were used have changed")


def weekly_bookings(
    con: duckdb.DuckDBPyConnection, select: str, earlier: Sequence[Path] = ()
) -> list[tuple[date, int]]:
    """The Mondays of the weeks in which bookings were known, ascending, with their numbers.

    ``select`` yields the transactions with their ``known_on``, ``earlier`` are the files of those in the
    tables already.
    """
    before = f"FROM read_parquet({[str(path) for path in earlier]}, hive_partitioning = false)"
    return con.execute(
        "SELECT date_trunc('week', day)::DATE AS monday, count(*) FROM "
        f"(SELECT TRY_CAST(known_on AS DATE) AS day FROM ({select}) "
        f"{'UNION ALL SELECT known_on ' + before if earlier else ''}) "
        "WHERE isfinite(day) AND year(day) BETWEEN 1900 AND 9998 GROUP BY monday ORDER BY monday"
    ).fetchall()


def store_latest_date(con: duckdb.DuckDBPyConnection, weeks: list[tuple[date, int]]) -> None:
    """Make ``latest_valid_date`` from ``weekly_bookings``; its day is NULL where there is no booking."""
    day = f"DATE '{last_bookings(weeks) + SLACK}'" if weeks else "NULL::DATE"
    LATEST_VALID_DATE.create_from(con, f"SELECT {day} AS day")


def last_bookings(weeks: list[tuple[date, int]]) -> date:
    """The Sunday of the bank's last week with bookings.

    ``weeks`` are Mondays with their numbers, ascending.

    From the week of the median booking on, a week counts if it has at least 1% of the usual number (the
    median over the weeks) and begins within two years of the last one that counted: an excerpt may lack a
    year.
    """
    least = LEAST_SHARE * sorted(number for _, number in weeks)[len(weeks) // 2]
    total = sum(number for _, number in weeks)
    middle = next(k for k, below in enumerate(accumulate(n for _, n in weeks)) if 2 * below >= total)
    last = weeks[middle][0] + timedelta(days=6)
    for monday, count in weeks[middle + 1 :]:
        if count >= least and monday - last <= GAP:
            last = monday + timedelta(days=6)
    return last
