"""Refused rows as they were delivered; each file with refused rows is read once more, and no other."""

import json
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from configs.settings import Settings, Source
from pipeline.artefacts import write_parquet
from pipeline.ingest.csv_files import header, opened_bytes, opened_text, rows
from pipeline.ingest.relations import RAW_TEXT, sql_text

BATCH_ROWS = 10_000
RAW_ROWS = "raw_rows.parquet"  # what a delivery keeps of the rows refused so far, for the next


@dataclass(frozen=True)
class RefusedLines:
    """The lines of one delivered file whose raw text is still to be kept."""

    file: str
    source: str
    path: Path
    one_row_per_line: bool
    lines: frozenset[int]

    def texts(self, settings: Settings) -> Iterator[tuple[str, int, str]]:
        """File, line and raw text of each."""
        spec = settings.sources[self.source]
        rows = raw_rows(self.path, self.source, spec, self.lines, one_row_per_line=self.one_row_per_line)
        return ((self.file, line, text) for line, text in rows)


def keep_raw(con: duckdb.DuckDBPyConnection, settings: Settings, table: str) -> None:
    """Put the raw text of one table's refused rows into ``raw_rows``.

    Memory is bounded by one batch of them.
    """
    for refused in list(refused_lines(con, table)):
        RAW_TEXT.insert(con, refused.texts(settings))


def refused_lines(con: duckdb.DuckDBPyConnection, table: str) -> Iterator[RefusedLines]:
    """By delivered file, the refused rows of a table that ``raw_rows`` lacks."""
    files = con.execute(
        "SELECT min(source), file, min(path), bool_and(one_row_per_line) FROM delivered WHERE file IN "
        "(SELECT file FROM quarantine WHERE table_name = ?) GROUP BY file ORDER BY file",
        [table],
    ).fetchall()
    for source, file, path, one_row_per_line in files:
        missing = con.execute(
            "SELECT DISTINCT line FROM quarantine WHERE table_name = ? AND file = ? "
            "AND line NOT IN (SELECT line FROM raw_rows WHERE file = ?)",
            [table, file, file],
        ).fetchall()
        if missing:
            yield RefusedLines(
                file, source, Path(path), one_row_per_line, frozenset(line for (line,) in missing)
            )


def write_raw(con: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Keep the raw text of what is refused still, so that the next delivery need not read the files again."""
    refused = con.sql(
        "SELECT file, line, raw FROM raw_rows SEMI JOIN quarantine USING (file, line) ORDER BY file, line"
    )
    write_parquet(refused.to_arrow_table(), target)


def raw_rows(
    path: Path, name: str, spec: Source, lines: Collection[int], *, one_row_per_line: bool
) -> Iterator[tuple[int, str]]:
    """The rows that begin on these lines.

    Their lines, and their text as it stands, without the last line end.

    Of a CSV file that is every physical line of the row; of any other source one JSON object of the row's
    columns. ``one_row_per_line``: each line is known to be a row of its own.
    """
    if spec.format != "csv":
        return _parquet_rows(path, lines)
    return _whole_lines(path, lines) if one_row_per_line else _csv_rows(path, name, spec, lines)


def _whole_lines(path: Path, lines: Collection[int]) -> Iterator[tuple[int, str]]:
    with opened_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            if number in lines:
                yield number, _without_end(line.decode("utf-8"))


def _csv_rows(path: Path, name: str, spec: Source, lines: Collection[int]) -> Iterator[tuple[int, str]]:
    width = len(header(path, name, spec))
    with opened_text(path, name, spec) as file:
        for number, _, text in rows(file, spec.delimiter, width):
            if number in lines:
                yield number, _without_end(text)


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


def _without_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
