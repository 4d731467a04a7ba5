"""Rates by day: those that a bank fixes for good, and those of its table, which stand until the next."""

from pathlib import Path

import duckdb

from configs.errors import DataError
from configs.settings import Settings

# Each rate stands until the next, and the last for 31 days.
DAILY = (
    "SELECT currency, day::DATE AS day, to_base FROM ("
    "SELECT currency, to_base, valued_on, lead(valued_on, 1, valued_on + INTERVAL 31 DAY) "
    "OVER (PARTITION BY currency ORDER BY valued_on) AS next_on FROM {rates}), "
    "generate_series(valued_on, next_on - INTERVAL 1 DAY, INTERVAL 1 DAY) AS days(day)"
)


def store_fixed_rates(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Put the rates that never change into ``ref_rates``, for every day that a table may hold."""
    for currency, rate in settings.fixed_rates.items():
        con.execute(
            "INSERT INTO ref_rates SELECT ?, day::DATE, ?::DECIMAL(18,8) FROM "
            "generate_series(DATE '1900-01-01', DATE '2199-12-31', INTERVAL 1 DAY) AS days(day)",
            [currency, f"{rate:.8f}"],
        )


def refuse_repeated_rates(con: duckdb.DuckDBPyConnection, settings: Settings, rates: Path) -> None:
    """Raises DataError where a currency of fixed_rates is in the table ``rates`` too."""
    fixed = list(settings.fixed_rates)
    query = "SELECT DISTINCT currency FROM read_parquet(?) WHERE list_contains(?, currency) ORDER BY 1"
    both = [currency for (currency,) in con.execute(query, [str(rates), fixed]).fetchall()]
    if both:
        raise DataError(
            f"fixed_rates in configs/banks/{settings.bank}/bank.toml names {', '.join(both)}, and the "
            "table rates has rows of it too. Leave one of the two out."
        )
