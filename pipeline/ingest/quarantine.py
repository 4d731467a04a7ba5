"""Rows that are not loaded: what is wrong with them, where they stand, and how they were delivered.

Each file with refused rows is read once more for their raw text, and no other.
"""

import csv
import json
import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from configs.settings import Settings, Source
from configs.tables import TABLES, Sensitivity, Table
from pipeline.artefacts import whole_text, write_parquet
from pipeline.ingest import relations
from pipeline.ingest.checks import key_hash, repeats
from pipeline.ingest.csv_files import header, opened_text, rows
from pipeline.ingest.load import Ingestion
from pipeline.ingest.relations import contract_columns, number, sql_text
from pipeline.ingest.sources import Reject, files_of

HEADER = ("table", "file", "line", "column", "reason", "corrected_in", "raw")
BATCH_ROWS = 10_000
ROWS_PER_PART = 10_000_000  # rows whose keys are counted together; bounds the memory
FORMULA = ("=", "+", "-", "@", "\t", "\r")
RAW_ROWS = "raw_rows.parquet"  # what a delivery keeps of the rows refused so far, for the next


@dataclass(frozen=True)
class RefusedLines:
    """The lines of one delivered file whose raw text is still to be kept."""

    file: str
    source: str
    path: Path
    lines: frozenset[int]

    def texts(self, settings: Settings) -> Iterator[tuple[str, int, str]]:
        """File, line and raw text of each."""
        rows = raw_rows(self.path, self.source, settings.sources[self.source], self.lines)
        return ((self.file, line, text) for line, text in rows)


def refuse(con: duckdb.DuckDBPyConnection, table: Table, rejects: list[Reject]) -> None:
    """Put the rows that break the contract into the quarantine; the others are ``good``."""
    relations.QUARANTINE.insert(
        con, ((table.name, reject.file, reject.line, "", reject.reason) for reject in rejects)
    )
    # A reason of the contract begins with its column: "amount: 'abc' is not …".
    con.execute(
        "INSERT INTO quarantine SELECT ?, _file, _line, split_part(_reason, ': ', 1), "
        "_reason[strpos(_reason, ': ') + 2:] FROM checked WHERE _reason IS NOT NULL ORDER BY _file, _line",
        [table.name],
    )
    relations.GOOD.create_from(
        con, "SELECT rowid AS _row, * FROM checked WHERE _reason IS NULL", contract_columns(table)
    )


def find_repeats(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make ``repeated``, the rows whose key comes more than once; conflicts go into the quarantine."""
    parts = 1 + number(con, "SELECT count(*) FROM good") // ROWS_PER_PART
    keys = f"SELECT {key_hash(table)} AS hash FROM"
    relations.REPEATED_KEYS.create(con)
    for part in range(parts):
        con.execute(
            f"INSERT INTO repeated_keys SELECT hash FROM ({keys} good UNION ALL {keys} earlier) "
            f"WHERE hash % {parts} = {part} GROUP BY hash HAVING count(*) > 1"
        )
    relations.REPEATED.create_from(con, repeats(table))
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
    rows = (row.values() for batch in reader for row in batch.to_pylist())
    write_csv(target, chain([HEADER], rows))


def write_csv(target: Path, rows: Iterable[Iterable[str | int]]) -> None:
    """Write a page that people open in a spreadsheet."""
    with whole_text(target) as file:
        csv.writer(file, lineterminator="\n").writerows(map(no_formula, row) for row in rows)


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


def keep_raw(state: Ingestion, table: str) -> None:
    """Put the raw text of one table's refused rows into ``raw_rows``, in memory a batch at a time."""
    for refused in refused_lines(state, table):
        relations.RAW_TEXT.insert(state.con, refused.texts(state.settings))


def refused_lines(state: Ingestion, table: str) -> list[RefusedLines]:
    """By delivered file, the refused rows of a table that ``raw_rows`` lacks."""
    files = state.con.execute(
        "SELECT file, list(DISTINCT line) FROM quarantine ANTI JOIN raw_rows USING (file, line) "
        "WHERE table_name = ? GROUP BY file ORDER BY file",
        [table],
    ).fetchall()
    delivered = {
        label: (name, path.resolve())
        for name in sorted(state.settings.sources, reverse=True)  # of two sources of a file the first one
        for label, path in files_of(state.settings, state.raw, state.fetched, name).items()
    }
    return [
        RefusedLines(file, *delivered[file], frozenset(lines)) for file, lines in files if file in delivered
    ]


def write_raw(con: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Keep the raw text of what is refused still, so that the next delivery need not read the files again."""
    refused = con.sql(
        "SELECT file, line, raw FROM raw_rows SEMI JOIN quarantine USING (file, line) ORDER BY file, line"
    )
    write_parquet(refused.to_arrow_table(), target)


def raw_rows(path: Path, name: str, spec: Source, lines: Collection[int]) -> Iterator[tuple[int, str]]:
    """The rows that begin on these lines.

    Their lines, and their text as it stands, without the last line end.

    Of a CSV file that is every physical line of the row; of any other source one JSON object of the row's
    columns.
    """
    return _csv_rows(path, name, spec, lines) if spec.format == "csv" else _parquet_rows(path, lines)


def _csv_rows(path: Path, name: str, spec: Source, lines: Collection[int]) -> Iterator[tuple[int, str]]:
    width = len(header(path, name, spec))
    with opened_text(path, name, spec) as file:
        for number, _, text in rows(file, spec.delimiter, width, lines):
            yield number, text.removesuffix("\n").removesuffix("\r")


def _parquet_rows(path: Path, lines: Collection[int]) -> Iterator[tuple[int, str]]:
    with duckdb.connect() as con:
        con.execute("SET preserve_insertion_order = true")
        con.register("wanted", pa.table({"line": pa.array(sorted(lines), pa.int64())}))
        reader = con.sql(
            "SELECT file_row_number + 1 AS file_row_number, * EXCLUDE (file_row_number) "
            f"FROM read_parquet({sql_text(path)}, file_row_number = true, hive_partitioning = false) "
            "WHERE file_row_number + 1 IN (SELECT line FROM wanted)"
        ).to_arrow_reader(BATCH_ROWS)
        for batch in reader:
            for row in batch.to_pylist():
                yield row.pop("file_row_number"), as_json(row)


def as_json(row: dict[str, Any]) -> str:
    """One row as JSON; numbers that are exact, dates and what JSON has no word for are written as text."""
    plain = {name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
             for name, value in row.items()}  # fmt: skip
    return json.dumps(plain, ensure_ascii=False, default=str)
