"""The bank's raw files as DuckDB relations, each row with the file and the line it came from."""

import csv
from dataclasses import dataclass
from pathlib import Path

import duckdb

from configs.errors import DataError
from configs.settings import Settings, Source, find_raw


@dataclass(frozen=True)
class Reject:
    """A line that is no row of its file: too few or too many fields, an open quote."""

    file: str
    line: int
    reason: str


def open_sources(con: duckdb.DuckDBPyConnection, settings: Settings, raw: Path) -> dict[str, list[Reject]]:
    """Make one relation per source of the bank, named as in bank.toml; its unreadable lines are returned.

    CSV sources have text columns only, Parquet sources their own types; both end in ``_file`` and ``_line``
    (for CSV the line of the file when no field holds a line break, for Parquet the row, both from 1).
    Raises DataError for a file that is missing, empty, wrongly encoded or has a broken header.
    """
    if not raw.is_dir():
        raise DataError(f"there is no raw folder {raw}. Name the bank's extracts with RAW=<folder>.")
    return {
        name: _open_source(con, name, spec, find_raw(settings, raw, name))
        for name, spec in settings.sources.items()
    }


def _open_source(con: duckdb.DuckDBPyConnection, name: str, spec: Source, files: list[Path]) -> list[Reject]:
    if spec.format == "parquet":
        _open_parquet(con, name, files)
        return []
    headers = {path: _header(path, spec) for path in files}
    columns = _same_header(headers, name)
    names = ", ".join(f'"{column}" VARCHAR' for column in columns)
    con.execute(f'CREATE TEMP TABLE "{name}" ({names}, _file VARCHAR, _line BIGINT)')
    return [reject for path in files for reject in _load_csv(con, name, path, spec, columns)]


def _open_parquet(con: duckdb.DuckDBPyConnection, name: str, files: list[Path]) -> None:
    for path in files:
        try:
            con.execute("SELECT 1 FROM read_parquet(?) LIMIT 1", [str(path)]).fetchall()
        except duckdb.Error as error:
            raise DataError(
                f"{path} is not readable as Parquet: {_first_line(error)}. Deliver it again."
            ) from None
    listed = ", ".join(_text(str(path)) for path in files)
    con.execute(
        f'CREATE TEMP VIEW "{name}" AS SELECT * EXCLUDE (filename, file_row_number), '
        "parse_filename(filename) AS _file, file_row_number + 1 AS _line "
        f"FROM read_parquet([{listed}], filename = true, file_row_number = true, union_by_name = true)"
    )


def _header(path: Path, spec: Source) -> tuple[str, ...]:
    """The column names of one CSV file."""
    try:
        with path.open(encoding="utf-8-sig" if spec.encoding == "utf-8" else spec.encoding, newline="") as file:
            columns = tuple(next(csv.reader(file, delimiter=spec.delimiter), ()))
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, spec, str(error)) from None
    if not columns:
        raise DataError(f"{path} is empty: not even a header. Deliver the file again.")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise DataError(f"{path} names columns {twice} twice in its header {list(columns)}. Deliver it again.")
    return columns


def _same_header(headers: dict[Path, tuple[str, ...]], name: str) -> tuple[str, ...]:
    paths = list(headers)
    for path in paths[1:]:
        if headers[path] != headers[paths[0]]:
            raise DataError(
                f"source {name!r}: {path.name} has the header {list(headers[path])}, but {paths[0].name} has "
                f"{list(headers[paths[0]])}. Give files of one layout one source each in bank.toml."
            )
    return headers[paths[0]] if paths else ()


def _load_csv(
    con: duckdb.DuckDBPyConnection, name: str, path: Path, spec: Source, columns: tuple[str, ...]
) -> list[Reject]:
    types = ", ".join(f"{_text(column)}: 'VARCHAR'" for column in columns)
    encoding = _duckdb_encoding(path, spec)
    try:
        con.execute(
            f'INSERT INTO "{name}" SELECT *, ?, row_number() OVER () + 1 FROM read_csv(?, header = true, '
            f"auto_detect = false, columns = {{{types}}}, delim = ?, quote = '\"', escape = '\"', "
            f"encoding = ?, store_rejects = true, rejects_limit = 0)",
            [path.name, str(path), spec.delimiter, encoding],
        )
        found = con.execute(
            "SELECT line, min(error_type::VARCHAR || ': ' || error_message) FROM reject_errors "
            "GROUP BY line ORDER BY line"
        ).fetchall()
    except duckdb.Error as error:
        raise DataError(f"{path} is not readable as CSV: {_first_line(error)}. Deliver it again.") from None
    con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    rejects = [Reject(path.name, int(line), reason) for line, reason in found]
    if any("ENCODING" in reject.reason for reject in rejects):
        raise _wrong_encoding(path, spec, f"line {rejects[0].line}")
    _shift_lines(con, name, path, [reject.line for reject in rejects])
    return rejects


def _shift_lines(con: duckdb.DuckDBPyConnection, name: str, path: Path, rejected: list[int]) -> None:
    """Lines are numbered over accepted rows; make room for each rejected line, the first one first."""
    for line in rejected:
        con.execute(
            f'UPDATE "{name}" SET _line = _line + 1 WHERE _file = ? AND _line >= ?', [path.name, line]
        )


def _duckdb_encoding(path: Path, spec: Source) -> str:
    if spec.encoding.lower() in {"utf-8", "utf-16", "latin-1"}:
        return spec.encoding
    raise DataError(
        f"{path}: encoding {spec.encoding!r} cannot be read; known: utf-8, utf-16, latin-1. "
        "Set it in [sources.<name>] of bank.toml, or convert the file."
    )


def _wrong_encoding(path: Path, spec: Source, where: str) -> DataError:
    return DataError(
        f"{path} is not {spec.encoding} ({where}). Deliver it as {spec.encoding}, or set its encoding "
        "in [sources.<name>] of bank.toml."
    )


def _text(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
