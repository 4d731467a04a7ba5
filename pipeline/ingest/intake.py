"""Counts of all loaded rows that the page of an intake shows, kept beside the tables; no value of a person.

Weeks are counted while the rows are written, and added to those of earlier deliveries. The rest is read
from the summaries.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import duckdb

from configs.tables import EVENT_TABLES, TABLES
from pipeline.artefacts import read_json, write_json
from pipeline.ingest.load import Ingestion, Weeks
from pipeline.ingest.relations import number, sql_text
from pipeline.ingest.words import columns_of

INTAKE = "intake.json"
MOST_VALUES = 50  # of a column
# What a reason says of one row alone, and what stands there instead: values in quotes, the place of another
# row, cells of a workbook, days and amounts.
OF_ONE_ROW = (
    ("(?s)'.*'", "…"), (r" (in|row of) .* line \d+", r" \1 …"), (r"cell ([A-Z]+)\d+", r"cell \1…"),
    (r"[+-]?\d+[.:-][\d.:-]*", "…"),
)  # fmt: skip


def write_intake(state: Ingestion, weeks: Mapping[str, Weeks], sums: Mapping[str, str]) -> None:
    """Keep the counts. ``weeks`` are of the rows written now, ``sums`` SQL of the summaries of all rows."""
    con = state.con
    kind = "reason"
    for pattern, instead in OF_ONE_ROW:
        kind = f"regexp_replace({kind}, {sql_text(pattern)}, {sql_text(instead)}, 'g')"
    words = {table: sums[f"{table}_words"] for table in weeks if f"{table}_words" in sums}
    by_customer = [table for table in words if TABLES[table].by_customer]
    noted = {
        "weeks": _weeks(state, weeks),
        "periods": {table: _period(con, summary) for table, summary in words.items()},
        "values": {table: values for table in words if (values := _values(con, table, words[table]))},
        "refused": [list(row) for row in con.execute(
            f"SELECT table_name, column_name, {kind} AS kind, count(*) AS number FROM quarantine "
            "GROUP BY ALL ORDER BY table_name, number DESC, column_name, kind"
        ).fetchall()],
        "customers": {table: _customers(con, sums[f"{table}_customers"]) for table in by_customer},
    }  # fmt: skip
    write_json(state.draft / INTAKE, noted)


def _weeks(state: Ingestion, weeks: Mapping[str, Weeks]) -> dict[str, dict[str, list[tuple[str, int]]]]:
    """Rows loaded by table, source and week of all deliveries; the week is empty where nothing happens."""
    source_of = {file: source for source, files in state.plan.raw.items() for file in files}
    counted: dict[str, dict[str, Counter[str]]] = {}
    base = state.plan.base
    before = read_json(base.tables.folder / INTAKE)["weeks"] if base else {}
    for table, by_file in weeks.items():
        sources = counted.setdefault(table, {})
        if TABLES[table].by_customer:  # any other table is whole in each delivery
            sources |= {name: Counter(dict(past)) for name, past in before.get(table, {}).items()}
        for (file, monday), rows in by_file.items():
            of_source = sources.setdefault(source_of.get(file, file), Counter())
            of_source[str(monday or "")] += rows
    return {
        table: {source: sorted(by_week.items()) for source, by_week in sources.items()}
        for table, sources in counted.items()
    }


def _period(con: duckdb.DuckDBPyConnection, summary: str) -> dict[str, Any]:
    """The first and the last day that happened and that was known, and the rows known late."""
    names = ("first", "last", "known", "late")
    (row,) = con.execute(
        f"SELECT min(first), max(last), max(known), sum(late)::BIGINT FROM {summary}"
    ).fetchall()
    return dict(zip(names, row, strict=True))


def _values(con: duckdb.DuckDBPyConnection, name: str, summary: str) -> dict[str, dict[str, int]]:
    """The rows of each flag, currency and code of a table, but of words that findings count."""
    table = TABLES[name]
    flags = [column.name for column in table.columns if column.type == "BOOLEAN" and column.name != "deleted"]
    codes = [] if name in EVENT_TABLES else columns_of(name)
    return {
        column: dict(con.execute(
            f"SELECT {column}::VARCHAR, sum(number)::BIGINT AS number FROM {summary} "
            f"WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY number DESC, 1 LIMIT {MOST_VALUES}"
        ).fetchall())
        for column in ("currency", *codes, *flags) if column in table.names
    }  # fmt: skip


def _customers(con: duckdb.DuckDBPyConnection, summary: str) -> int:
    return number(con, f"SELECT count(DISTINCT customer_id) FROM {summary}")
