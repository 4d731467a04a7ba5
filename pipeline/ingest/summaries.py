"""Summaries of all rows, kept with each delivery for the next: findings and the page of an intake read them.

A row of an earlier delivery never changes, but for the day on which it is superseded, of which no summary
takes note. So a delivery sums its own rows, and adds what the one before it kept of all rows until then.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from configs.tables import TABLES, Table
from pipeline.artefacts import write_parquet
from pipeline.ingest.relations import sql_text
from pipeline.ingest.words import columns_of

SUMMARIES = "summaries"  # the folder of a delivery that holds them
LATE_DAYS = 7  # from which a row counts as known late
OVERDUE_DAYS = 31  # after the day on which a balance fell due
BANKS_OWN = ("fee", "interest", "loan")  # kinds of bookings that the bank makes by itself
# Versions of the balance of one day follow each other by the day on which they were known.
_AT = "(valued_on - DATE '1900-01-01') * 100000 + (known_on - DATE '1900-01-01')"
_HELD = "FILTER (balance <> 0)"


@dataclass(frozen=True)
class Summary:
    """One row per ``keys`` of a table; ``values`` are by column the SQL over rows, and over summaries."""

    name: str
    table: str
    keys: Mapping[str, str]
    values: Mapping[str, tuple[str, str]]

    def of_rows(self, rows: str) -> str:
        """SQL: the summary of a relation of rows."""
        keys = [f"{sql} AS {name}" for name, sql in self.keys.items()]
        values = [f"{sql} AS {name}" for name, (sql, _) in self.values.items()]
        return f"SELECT {', '.join([*keys, *values])} FROM {rows} GROUP BY ALL"

    def added(self, summaries: Iterable[str]) -> str:
        """SQL: several summaries as one, sorted."""
        values = [f"{sql} AS {name}" for name, (_, sql) in self.values.items()]
        keys = ", ".join(self.keys)
        return (
            f"SELECT {', '.join([keys, *values])} FROM ({' UNION ALL BY NAME '.join(summaries)}) "
            f"GROUP BY {keys} ORDER BY {keys}"
        )


def summaries_of(table: Table) -> Iterator[Summary]:
    """All summaries of one table; of one that is not by customer it is ``<table>_words`` alone."""
    yield Summary(f"{table.name}_words", table.name, _words(table), _period(table))
    if table.name in ("transactions", "holdings"):
        yield Summary(f"{table.name}_days", table.name, {"day": f"{table.happened}::DATE"}, {})
    if table.name == "transactions":
        last = f"(max(booked_at) FILTER (kind NOT IN {BANKS_OWN}))::DATE"
        yield _by_customer(
            table,
            ("account_id",),
            ends_on=("max(booked_at)::DATE", "max(ends_on)"),
            last_on=(last, "max(last_on)"),
        )
    elif table.name == "holdings":
        yield _by_customer(table, ("product_id", "account_id"), **_BALANCES)
        overdue = f"count(*) FILTER (balance > 0 AND valued_on > matures_on + {OVERDUE_DAYS})"
        values = {"number": ("count(*)", "sum(number)::BIGINT"), "overdue": (overdue, "sum(overdue)::BIGINT")}
        yield Summary(
            "holdings_products", "holdings", {"product_id": "product_id", "currency": "currency"}, values
        )
    elif table.by_customer:
        yield _by_customer(table)


def _by_customer(table: Table, others: Sequence[str] = (), **values: tuple[str, str]) -> Summary:
    """Per customer the first day; ``others`` are further keys."""
    first = {"first_on": (f"min({table.happened})::DATE", "min(first_on)")}
    keys = {name: name for name in ("customer_id", *others)}
    return Summary(f"{table.name}_customers", table.name, keys, first | values)


# The first and the last balance that is not 0, and the newest at all.
_BALANCES = {
    "begins": (f"min(valued_on) {_HELD}", "min(begins)"),
    "first": (f"arg_min(balance, {_AT}) {_HELD}", "arg_min(first, first_at)"),
    "first_at": (f"min({_AT}) {_HELD}", "min(first_at)"),
    "ends": (f"max(valued_on) {_HELD}", "max(ends)"),
    "last": (f"arg_max(balance, {_AT}) {_HELD}", "arg_max(last, last_at)"),
    "last_at": (f"max({_AT}) {_HELD}", "max(last_at)"),
    "newest": (f"arg_max(balance, {_AT})", "arg_max(newest, newest_at)"),
    "newest_at": (f"max({_AT})", "max(newest_at)"),
}


def _words(table: Table) -> dict[str, str]:
    """Every column of words, flags or currencies, and whether the amount is below 0."""
    flags = [column.name for column in table.columns if column.type == "BOOLEAN" and column.name != "deleted"]
    currency = ["currency"] if "currency" in table.names else []
    below = "amount_base < 0" if table.name == "transactions" else "false"
    return {name: name for name in (*columns_of(table.name), *currency, *flags)} | {"below": below}


def _period(table: Table) -> dict[str, tuple[str, str]]:
    """The number of rows, the first and the last day that happened and that was known, and the late rows."""
    happened = f"{table.happened}::DATE" if table.happened else "NULL::DATE"
    known = "known_on" if "known_on" in table.names else "NULL::DATE"
    return {
        "number": ("count(*)", "sum(number)::BIGINT"),
        "first": (f"min({happened})", "min(first)"),
        "last": (f"max({happened})", "max(last)"),
        "known": (f"max({known})", "max(known)"),
        "late": (f"count(*) FILTER ({known} > {happened} + {LATE_DAYS})", "sum(late)::BIGINT"),
    }


def write_summaries(
    con: duckdb.DuckDBPyConnection,
    tables: Mapping[str, str],
    new: Callable[[str], Sequence[Path]],
    before: Path | None,
    folder: Path,
) -> dict[str, str]:
    """SQL by name of the summaries of all rows, those of customers kept in ``folder``.

    ``tables`` are SQL of all rows, ``new`` the files that this delivery adds, ``before`` the delivery whose
    summaries they are added to; where it has none, all rows are summed.
    """
    relations = {}
    for name, rows in tables.items():
        for summary in summaries_of(TABLES[name]):
            if not TABLES[name].by_customer:
                relations[summary.name] = f"({summary.of_rows(rows)})"
                continue
            earlier = before / SUMMARIES / f"{summary.name}.parquet" if before else None
            if earlier and earlier.is_file():
                files = [str(path) for path in new(name)]
                added = f"read_parquet({files}, hive_partitioning = false)"
                parts = [f"FROM read_parquet({sql_text(earlier)})"]
                parts += [summary.of_rows(added)] if files else []
            else:
                parts = [summary.of_rows(rows)]
            target = folder / SUMMARIES / f"{summary.name}.parquet"
            write_parquet(con.sql(summary.added(parts)).to_arrow_table(), target)
            relations[summary.name] = f"read_parquet({sql_text(target)})"
    return relations
