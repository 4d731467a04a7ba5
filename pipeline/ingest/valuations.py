"""How far the days of balances and bookings lie apart, and accounts that are in no snapshot any more.

A balance stands until its account's next row. Where a bank values at month-ends alone, a window of four weeks
sees one valuation or none; where it delivers every account each time, one that is missing has been closed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from configs.settings import Settings

DAILY = 8  # days between two days with rows, from which on a table is named
SNAPSHOT = 0.8  # share of an account's days with a row, from which on a table holds whole snapshots


def count_days(con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> dict[str, Any]:
    """By table its days with rows: their number, the first, the last, and the median of days between two.

    Tables with rows on most days are left out. Of holdings also the accounts that ``missing`` counts.
    """
    counted: dict[str, Any] = {}
    for table in ("holdings", "transactions"):
        if table not in tables:
            continue
        ((days, first, last, interval),) = con.execute(
            "SELECT count(*), min(day), max(day), median(day - before) FROM (SELECT day, lag(day) OVER "
            f"(ORDER BY day) AS before FROM {tables[f'{table}_days']})"
        ).fetchall()
        if days == 1 or (interval and interval >= DAILY):
            counted[table] = {
                "number": days,
                "first": str(first),
                "last": str(last),
                "interval": interval or 0,
            }
    if "holdings" in counted and counted["holdings"]["number"] > 1:
        counted["holdings"] |= _missing(con, tables["holdings"])
    return counted


def _missing(con: duckdb.DuckDBPyConnection, holdings: str) -> dict[str, Any]:
    """The number of accounts that end before their product does, with money, and its sum in base currency."""
    rows = f"""
        WITH newest AS (
            SELECT customer_id, product_id, account_id, valued_on, arg_max(
                CASE WHEN superseded_on IS DISTINCT FROM known_on THEN balance_base ELSE 0 END, known_on
            ) AS balance FROM {holdings} GROUP BY ALL
        ), days AS (
            SELECT product_id, valued_on, row_number() OVER product AS place
            FROM (SELECT DISTINCT product_id, valued_on FROM newest)
            WINDOW product AS (PARTITION BY product_id ORDER BY valued_on)
        ), accounts AS (
            SELECT product_id, count(*) / (max(place) - min(place) + 1) AS filled, max(valued_on) AS last_on,
                arg_max(balance, valued_on) AS balance
            FROM newest JOIN days USING (product_id, valued_on) GROUP BY product_id, customer_id, account_id
        )
        SELECT count(*) FILTER (last_on < newest_on AND balance <> 0),
            coalesce(sum(balance) FILTER (last_on < newest_on AND balance <> 0), 0)::BIGINT, median(filled)
        FROM accounts JOIN (SELECT product_id, max(valued_on) AS newest_on FROM days GROUP BY 1)
        USING (product_id)"""
    ((accounts, money, filled),) = con.execute(rows).fetchall()
    return {"missing": accounts, "money": money} if filled >= SNAPSHOT else {}


def doubts(settings: Settings, counted: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on what a bank's settings ask of tables that cannot say it."""
    toml, horizon = f"configs/banks/{settings.bank}/bank.toml", settings.label.horizon_days
    for table, rows in counted.items():
        if rows["number"] == 1:
            continue
        spacing = f"{table}: rows lie {rows['interval']:.0f} days apart"
        short = [weeks for weeks in settings.features.windows if 7 * weeks < 2 * rows["interval"]]
        if short:
            long = [weeks for weeks in settings.features.windows if weeks not in short] or [13, 26, 52]
            yield (
                f"{spacing} ({rows['number']:,} days from {rows['first']} to {rows['last']}): features over "
                f"{' and '.join(map(str, short))} weeks see one of them or none, and say more of the "
                f"calendar than of customers. Set windows = {long} under [features] in {toml}."
            )
        if horizon < rows["interval"]:
            yield (
                f"{spacing}, and label.horizon_days = {horizon}: an outcome window may hold none, and "
                f"whoever leaves in it counts as staying. Set a longer horizon in {toml}."
            )
    missing = counted.get("holdings", {}).get("missing", 0)
    if missing:
        money = f"{counted['holdings']['money']:,} {settings.base_currency}"
        yield (
            f"holdings: {missing:,} accounts with {money} in all have no row on the last day of their "
            "product, though nearly all others have one each time: a balance stands until the account's next "
            "row. Deliver 0 for what has been closed."
        )


def remarks(settings: Settings, counted: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on features that are empty, or were left out, because rows are few."""
    for table, rows in counted.items():
        shortest = settings.features.windows[0]
        if rows["number"] == 1:
            yield (
                f"{table}: all rows are of one day, {rows['last']}: nothing can be seen to change. Features "
                "of changes are 0 or empty, and no outcome is known before the next delivery."
            )
        elif 7 * shortest >= 2 * rows["interval"]:
            yield (
                f"{table}: rows lie {rows['interval']:.0f} days apart, and what they say stands until the "
                f"next. Features over less than {shortest} weeks are left out or empty, by features.windows."
            )
