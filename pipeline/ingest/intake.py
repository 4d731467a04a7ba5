"""Counts of all loaded rows that the page of an intake shows, kept beside the tables; no value of a person.

Weeks are counted while the rows are written, and added to those of earlier deliveries. The rest is read
column by column from the tables.
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
LATE_DAYS = 7  # from which a row counts as known late
MOST_VALUES = 50  # of a column
# What a reason says of one row alone, and what stands there instead: values in quotes, the place of another
# row, cells of a workbook, days and amounts.
OF_ONE_ROW = (
    ("(?s)'.*'", "…"), (r" (in|row of) .* line \d+", r" \1 …"), (r"cell ([A-Z]+)\d+", r"cell \1…"),
    (r"[+-]?\d+[.:-][\d.:-]*", "…"),
)  # fmt: skip


def write_intake(state: Ingestion, weeks: Mapping[str, Weeks], rows: Mapping[str, str]) -> None:
    """Keep the counts. ``weeks`` are of the rows written now, ``rows`` SQL of all rows by table."""
    con = state.con
    kind = "reason"
    for pattern, instead in OF_ONE_ROW:
        kind = f"regexp_replace({kind}, {sql_text(pattern)}, {sql_text(instead)}, 'g')"
    by_customer = [table for table in rows if TABLES[table].by_customer]
    noted = {
        "weeks": _weeks(state, weeks),
        "periods": {table: _period(con, table, sql) for table, sql in rows.items()},
        "values": {table: values for table in rows if (values := _values(con, table, rows[table]))},
        "refused": [list(row) for row in con.execute(
            f"SELECT table_name, column_name, {kind} AS kind, count(*) AS number FROM quarantine "
            "GROUP BY ALL ORDER BY table_name, number DESC, column_name, kind"
        ).fetchall()],
        "customers": {table: _customers(con, rows[table]) for table in by_customer},
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


def _period(con: duckdb.DuckDBPyConnection, name: str, rows: str) -> dict[str, Any]:
    """The first and the last day that happened and that was known, and the rows known late."""
    table = TABLES[name]
    happened = f"{table.happened}::DATE" if table.happened else "NULL::DATE"
    known = "known_on" if "known_on" in table.names else "NULL::DATE"
    row = con.execute(
        f"SELECT min({happened}), max({happened}), max({known}), "
        f"count(*) FILTER ({known} > {happened} + {LATE_DAYS}) FROM {rows}"
    ).fetchone()
    return dict(zip(("first", "last", "known", "late"), row or (), strict=False))


def _values(con: duckdb.DuckDBPyConnection, name: str, rows: str) -> dict[str, dict[str, int]]:
    """The rows of each flag, currency and code of a table, but of words that findings count."""
    table = TABLES[name]
    flags = [column.name for column in table.columns if column.type == "BOOLEAN" and column.name != "deleted"]
    codes = [] if name in EVENT_TABLES else columns_of(name)
    return {
        column: dict(con.execute(
            f"SELECT {column}::VARCHAR, count(*) AS number FROM {rows} WHERE {column} IS NOT NULL "
            f"GROUP BY 1 ORDER BY number DESC, 1 LIMIT {MOST_VALUES}"
        ).fetchall())
        for column in ("currency", *codes, *flags) if column in table.names
    }  # fmt: skip


def _customers(con: duckdb.DuckDBPyConnection, rows: str) -> int:
    return number(con, f"SELECT count(DISTINCT customer_id) FROM {rows}")
