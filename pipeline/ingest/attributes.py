"""The bank's own attributes of customers: which categories occur, and which attributes cannot be features."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from configs.attributes import MOST_CATEGORIES
from configs.errors import DataError, listed
from configs.settings import Settings
from configs.tables import TABLES
from pipeline.ingest.relations import number, sql_name, sql_text

Categories = Mapping[str, Mapping[str, int]]  # by attribute and category its customers, the most first
# What an attribute may not be under another name, as SQL.
PROTECTED = {"gender": "gender", "birth_year": "birth_year // 10"}
TELLS, BY_CHANCE = 0.95, 0.8  # shares of customers whose group is told by the attribute, or by the largest


def delivered_attributes(columns: Collection[str]) -> list[str]:
    """The attributes among the columns that customers.sql yields."""
    return [name for name in columns if name not in TABLES["customers"].names and not name.startswith("_")]


def refuse_attributes(con: duckdb.DuckDBPyConnection, settings: Settings, files: Sequence[Path]) -> None:
    """Raises DataError for an attribute with too many categories, or one that tells gender or age.

    ``files`` are those of the customers.
    """
    rows = f"read_parquet([{', '.join(map(sql_text, files))}], hive_partitioning = false)"
    select = f"configs/banks/{settings.bank}/customers.sql"
    for name in settings.features.attribute_names if files else ():
        categories = number(con, f"SELECT count(DISTINCT {sql_name(name)}) FROM {rows}")
        if categories > MOST_CATEGORIES:
            raise DataError(
                f"customers.{name} has {categories:,} categories, and {MOST_CATEGORIES} are the most "
                f"of which each can be a feature. Group them in {select}, for example CASE WHEN {name} "
                f"IN (…) THEN {name} ELSE 'other' END, or take {name} out of "
                "[[features.attributes]] and of the SELECT."
            )
        for column, group in PROTECTED.items():
            share, largest = _predicted(con, rows, sql_name(name), group)
            if share >= TELLS and largest <= BY_CHANCE:
                raise DataError(
                    f"customers.{name} tells {column} of {share:.0%} of the customers, and the law protects "
                    f"that: no model may decide by it. Take {name} out of [[features.attributes]] and of "
                    f"{select}; the fairness report compares by {column} itself."
                )


def _predicted(con: duckdb.DuckDBPyConnection, rows: str, name: str, group: str) -> tuple[float, float]:
    """The share of customers whose group is the commonest of their category; that of the largest group."""
    counted = (
        f"SELECT {name} AS category, {group} AS kind, count(DISTINCT customer_id) AS number FROM {rows} "
        f"WHERE {name} IS NOT NULL AND {group} IS NOT NULL GROUP BY ALL"
    )
    ((share, largest),) = con.execute(
        f"WITH counted AS ({counted}) SELECT (SELECT sum(most) FROM (SELECT max(number) AS most FROM counted "
        "GROUP BY category)) / sum(number), (SELECT max(total) FROM (SELECT sum(number) AS total FROM "
        "counted GROUP BY kind)) / sum(number) FROM counted"
    ).fetchall()
    return float(share or 0), float(largest or 1)


def count_categories(con: duckdb.DuckDBPyConnection, names: Sequence[str], customers: str) -> Categories:
    """The categories of each attribute in all rows of ``customers``, with the number of customers."""
    return {
        name: dict(
            con.execute(
                f"SELECT trim({sql_name(name)}) AS category, count(DISTINCT customer_id) AS number FROM "
                f"{customers} WHERE category IS NOT NULL GROUP BY category ORDER BY number DESC, category"
            ).fetchall()
        )
        for name in names
    }


def unlike_declared(settings: Settings, counted: Categories) -> Iterator[str]:
    """A sentence per attribute with categories that bank.toml lacks, or has and nobody holds."""
    for attribute in settings.features.attributes:
        counts = counted.get(attribute.name, {})
        declared = {category.strip() for category in attribute.categories}
        unknown = [f"{word!r} ({customers:,})" for word, customers in counts.items() if word not in declared]
        missing = [repr(category) for category in sorted(declared - set(counts))]
        where = f"of {attribute.name!r} in [[features.attributes]] of bank.toml"
        if unknown:
            yield (
                f"customers.{attribute.name}: no feature looks at {listed(unknown, MOST_CATEGORIES)}. "
                f"Declare them among the categories {where}, or group them in customers.sql."
            )
        if missing:
            yield (
                f"customers.{attribute.name}: nobody is {listed(missing)}. These features are 0: correct the "
                f"categories {where}."
            )
