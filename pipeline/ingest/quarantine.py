"""Rows that are not loaded: what is wrong with them, where they stand, and the page that lists them all."""

import csv
import re
from pathlib import Path

import duckdb

from configs.tables import TABLES, Sensitivity, Table
from pipeline.artefacts import whole_text
from pipeline.ingest.checks import key_hash, repeats
from pipeline.ingest.relations import GOOD, QUARANTINE, REPEATED, REPEATED_KEYS, contract_columns, number
from pipeline.ingest.sources import Reject

HEADER = ("table", "file", "line", "column", "reason", "corrected_in", "raw")
BATCH_ROWS = 10_000
ROWS_PER_PART = 10_000_000  # rows whose keys are counted together; bounds the memory
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def refuse(con: duckdb.DuckDBPyConnection, table: Table, rejects: list[Reject]) -> None:
    """Put the rows that break the contract into the quarantine; the others are ``good``."""
    QUARANTINE.insert(con, ((table.name, reject.file, reject.line, "", reject.reason) for reject in rejects))
    # A reason of the contract begins with its column: "amount: 'abc' is not …".
    con.execute(
        "INSERT INTO quarantine SELECT ?, _file, _line, split_part(_reason, ': ', 1), "
        "_reason[strpos(_reason, ': ') + 2:] FROM checked WHERE _reason IS NOT NULL ORDER BY _file, _line",
        [table.name],
    )
    GOOD.create_from(
        con, "SELECT rowid AS _row, * FROM checked WHERE _reason IS NULL", contract_columns(table)
    )


def find_repeats(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make ``repeated``, the rows whose key comes more than once; conflicts go into the quarantine."""
    parts = 1 + number(con, "SELECT count(*) FROM good") // ROWS_PER_PART
    keys = f"SELECT {key_hash(table)} AS hash FROM"
    REPEATED_KEYS.create(con)
    for part in range(parts):
        con.execute(
            f"INSERT INTO repeated_keys SELECT hash FROM ({keys} good UNION ALL {keys} earlier) "
            f"WHERE hash % {parts} = {part} GROUP BY hash HAVING count(*) > 1"
        )
    REPEATED.create_from(con, repeats(table))
    con.execute(
        "INSERT INTO quarantine SELECT ?, _file, _line, ?, '''' || key_values || ''' stands with another "
        "content in ' || kept_at || ', which is kept' "
        "FROM repeated WHERE verdict = 'conflict' ORDER BY _file, _line",
        [table.name, ", ".join(table.key)],
    )


def write_quarantine(con: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Write what was refused so far as CSV: one line per refused row, with its raw text.

    It holds personal data: it stays where the bank's tables lie. People open it in a spreadsheet, which would
    take a text that begins with = + - @ for a formula and run it; such a cell gets an apostrophe in front.
    To correct rows, take ``quarantine-export``, which changes no byte.
    """
    reader = con.sql(
        "SELECT table_name, file, line, column_name, reason, coalesce(corrected_in, '') AS corrected_in, "
        "coalesce(raw, '') AS raw FROM quarantine LEFT JOIN raw_rows USING (file, line) "
        "LEFT JOIN corrected USING (table_name, file) ORDER BY ALL"
    ).to_arrow_reader(BATCH_ROWS)
    with whole_text(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for batch in reader:
            writer.writerows([no_formula(cell) for cell in row.values()] for row in batch.to_pylist())


def no_formula(cell: str | int) -> str | int:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def most_common(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """The reason met most often, with its first line; what is about a person stays in the quarantine."""
    reasons = con.execute(
        "SELECT if(column_name = '', split_part(reason, ':', 1), column_name) AS subject, "
        "arg_min(if(column_name = '', '', column_name || ': ') || reason, (file, line)), "
        "arg_min(file, (file, line)), arg_min(line, (file, line)) FROM quarantine WHERE table_name = ? "
        "GROUP BY subject ORDER BY count(*) DESC, subject LIMIT 1",
        [table],
    ).fetchall()
    personal = {column.name for column in TABLES[table].columns if column.sensitivity is Sensitivity.PERSONAL}
    return "".join(
        f"; most often, first in {file} line {line}: "
        + (re.sub("'.*'", "'…'", reason) if personal & set(subject.split(", ")) else reason)
        for subject, reason, file, line in reasons
    )
