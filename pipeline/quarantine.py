"""Rows that are not loaded: what is wrong with them, where they stand, and the page that lists them all."""

import csv
import io
import re

import duckdb

from configs.tables import TABLES, Sensitivity, Table
from pipeline.checks import repeats
from pipeline.sources import Reject


def refuse(con: duckdb.DuckDBPyConnection, table: Table, rejects: list[Reject]) -> int:
    """Put the rows that break the contract into the quarantine; their number."""
    con.executemany(
        "INSERT INTO quarantine VALUES (?, ?, ?, ?)",
        [(table.name, reject.file, reject.line, reject.reason) for reject in rejects],
    ) if rejects else None
    con.execute(
        "INSERT INTO quarantine SELECT ?, _file, _line, _reason FROM checked WHERE _reason IS NOT NULL "
        "ORDER BY _file, _line",
        [table.name],
    )
    con.execute(
        "CREATE OR REPLACE TEMP VIEW good AS "
        "SELECT rowid AS _row, * EXCLUDE (_reason, _given) FROM checked WHERE _reason IS NULL"
    )
    return one(con, f"SELECT count(*) FROM quarantine WHERE table_name = '{table.name}'")


def find_repeats(con: duckdb.DuckDBPyConnection, table: Table) -> tuple[int, int]:
    """Judge the rows whose key comes more than once; the numbers of conflicts and of duplicates."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE repeated AS {repeats(table)}")
    con.execute(
        "INSERT INTO quarantine SELECT ?, _file, _line, ? || ': ''' || key_values || ''' stands with another "
        "content in ' || kept_at || ', which is kept' "
        "FROM repeated WHERE verdict = 'conflict' ORDER BY _file, _line",
        [table.name, ", ".join(table.key)],
    )
    conflicts = one(con, "SELECT count(*) FROM repeated WHERE verdict = 'conflict'")
    return conflicts, one(con, "SELECT count(*) FROM repeated WHERE verdict = 'duplicate'")


def as_csv(con: duckdb.DuckDBPyConnection) -> str:
    """What was refused so far, as CSV."""
    rows = con.execute("SELECT * FROM quarantine ORDER BY ALL").fetchall()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("table", "file", "line", "reason"), *rows])
    return text.getvalue()


def most_common(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """The reason met most often, with its first line; what is about a person stays in the quarantine."""
    found = con.execute(
        "SELECT split_part(reason, ':', 1) AS subject, arg_min(reason, (file, line)), "
        "arg_min(file, (file, line)), arg_min(line, (file, line)) FROM quarantine WHERE table_name = ? "
        "GROUP BY subject ORDER BY count(*) DESC, subject LIMIT 1",
        [table],
    ).fetchall()
    personal = {column.name for column in TABLES[table].columns if column.sensitivity is Sensitivity.PERSONAL}
    return "".join(
        f"; most often, first in {file} line {line}: "
        + (re.sub("'.*'", "'…'", reason) if personal & set(subject.split(", ")) else reason)
        for subject, reason, file, line in found
    )


def one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The single number that a query yields; 0 for NULL."""
    ((value,),) = con.execute(sql).fetchall()
    return int(value or 0)
