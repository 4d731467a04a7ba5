"""The bank's raw files as DuckDB relations, each row with the file and the line it came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from configs.bank_folder import find_raw
from configs.errors import DataError
from configs.settings import Settings, Source
from pipeline.ingest.csv_files import codec, count_lines, header, is_gzip, opened_text, rows, shown
from pipeline.ingest.relations import PLACE, Relation, number, sql_name, sql_text

FETCHED = "postgres:"  # begins the _file of rows that were fetched from a database
# Names that the relation of a source needs for itself, and DuckDB while it reads Parquet.
RESERVED = {"csv": ("_file", "_line"), "parquet": ("_file", "_line", "filename", "file_row_number")}


@dataclass(frozen=True)
class Reject:
    """A line that is no row of its file: too few or too many fields, an open quote."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class CsvFile:
    """One delivered file of a CSV source and the columns of its header."""

    source: str
    path: Path
    label: str
    spec: Source
    columns: tuple[str, ...]


def files_of(settings: Settings, raw: Path, fetched: Mapping[str, Path], name: str) -> dict[str, Path]:
    """The files of a source by their ``_file``: the path below ``raw``, or postgres:<source>."""
    if name in fetched:
        return {FETCHED + name: fetched[name]}
    return {path.relative_to(raw).as_posix(): path for path in find_raw(settings, raw, name)}


def open_source(
    con: duckdb.DuckDBPyConnection,
    name: str,
    spec: Source,
    raw: Path,
    files: list[Path],
    schema_like: Sequence[Path] = (),
) -> list[Reject]:
    """Make the relation of one source, named as in bank.toml; the lines that are no rows are returned.

    CSV sources have text columns only, Parquet sources their own types; both end in ``_file`` (below ``raw``)
    and ``_line`` (for CSV the line on which the row begins, for Parquet the row, both from 1). Rows of a
    database are in Parquet: their ``_file`` is postgres:<source>, their ``_line`` the row. The relation holds
    ``files`` only; ``schema_like`` are others that must have the same columns.
    Raises DataError for a file that is empty, cut off, wrongly encoded or has a broken header.
    """
    if spec.format != "csv":
        label = sql_text(FETCHED + name) if spec.format == "postgres" else _below(raw, files[0])
        _open_parquet(con, name, files, schema_like, label)
        return []
    names = _same_header({path: header(path, name, spec) for path in (*schema_like, *files)}, name, "csv")
    relation = Relation(name, dict.fromkeys(names, "VARCHAR") | PLACE)
    relation.create(con)
    rejects: list[Reject] = []
    for path in files:
        file = CsvFile(name, path, path.relative_to(raw).as_posix(), spec, names)
        if not _load_whole(con, file):
            relation.insert(con, _readable_rows(file, rejects))
        _refuse_second_header(con, file)
    return rejects


def _open_parquet(
    con: duckdb.DuckDBPyConnection, name: str, files: list[Path], schema_like: Sequence[Path], label: str
) -> None:
    """Make a Parquet source; ``label`` is the SQL of its ``_file``."""
    _same_header({path: _parquet_columns(con, path) for path in (*schema_like, *files)}, name, "parquet")
    listed = ", ".join(sql_text(path) for path in files)
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW {sql_name(name)} AS SELECT * EXCLUDE (filename, file_row_number), "
        f"{label} AS _file, file_row_number + 1 AS _line "
        f"FROM read_parquet([{listed}], "
        "filename = true, file_row_number = true, union_by_name = true, hive_partitioning = false)"
    )


def _below(raw: Path, path: Path) -> str:
    """SQL: the path of a file below ``raw``, as ``path`` lies there."""
    start = len(str(path)) - len(str(path.relative_to(raw))) + 1
    return f"replace(filename[{start}:], '\\', '/')"


def _parquet_columns(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    """The column names of one Parquet file, sorted, since Parquet is read by name."""
    try:
        columns = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error:
        what = "cut off, or no Parquet at all" if path.stat().st_size else "empty"
        raise DataError(f"{path} is {what}. Deliver it again.") from None
    return tuple(sorted(column[0] for column in columns))


def _same_header(headers: dict[Path, tuple[str, ...]], name: str, kind: str) -> tuple[str, ...]:
    first, *others = headers
    taken = [column for column in headers[first] if column.lower() in RESERVED[kind]]
    if taken:
        raise DataError(
            f"{first} has a column {taken[0]!r}, a name that ingest needs for itself: in a SELECT _file and "
            "_line say where a row stands. Deliver it under another name."
        )
    for path in others:
        if headers[path] != headers[first]:
            raise DataError(
                f"the files of source {name!r} differ: {path.name} has the columns {shown(headers[path])}, "
                f"but {first.name} has {shown(headers[first])}. Deliver them alike, or declare one source "
                "for each layout in bank.toml."
            )
    return headers[first]


def _load_whole(con: duckdb.DuckDBPyConnection, file: CsvFile) -> bool:
    """Let DuckDB read a file in which every line is one row; False, with nothing loaded, when one is not.

    DuckDB skips blank lines and loses all rows behind an open quote: its numbers are then no lines.
    """
    lines = count_lines(file.path) if codec(file.spec) == "utf-8-sig" else -1
    if lines < 0:
        return False
    types = ", ".join(f"{sql_text(column)}: 'VARCHAR'" for column in file.columns)
    try:
        inserted = con.execute(
            f"INSERT INTO {sql_name(file.source)} SELECT *, ?, row_number() OVER () + 1 "
            f"FROM read_csv(?, header = true, auto_detect = false, columns = {{{types}}}, delim = ?, "
            "quote = '\"', escape = '\"', compression = ?, hive_partitioning = false)",
            [file.label, str(file.path), file.spec.delimiter, "gzip" if is_gzip(file.path) else "none"],
        )
    except duckdb.InvalidInputException:
        return False
    ((rows_loaded,),) = inserted.fetchall()
    if rows_loaded + 1 == lines:
        return True
    con.execute(f"DELETE FROM {sql_name(file.source)} WHERE _file = ?", [file.label])
    return False


def _readable_rows(file: CsvFile, rejects: list[Reject]) -> Iterator[tuple[str | int | None, ...]]:
    """The rows of a file in which not every line is a row, with exact lines.

    The others go into ``rejects``.
    """
    with opened_text(file.path, file.source, file.spec) as text:
        for line, row, _ in rows(text, file.spec.delimiter, len(file.columns)):
            if isinstance(row, str):
                rejects.append(Reject(file.label, line, row))
            else:
                yield (*(value or None for value in row), file.label, line)


def _refuse_second_header(con: duckdb.DuckDBPyConnection, file: CsvFile) -> None:
    # Files that were joined keep the byte order mark of the second before its header.
    same = " AND ".join(
        f"lower(ltrim({sql_name(column)}, '\ufeff')) = lower({sql_text(column)})" for column in file.columns
    )
    query = f"SELECT min(_line) FROM {sql_name(file.source)} WHERE _file = {sql_text(file.label)} AND {same}"
    line = number(con, query)
    if line:
        raise DataError(
            f"{file.path} repeats its header in line {line}, as if two files had been joined. "
            "Deliver each as a file of its own, or without the second header."
        )
