"""The bank's raw files as DuckDB relations, each row with the file and the line it came from."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from configs.bank_folder import find_raw
from configs.errors import DataError
from configs.settings import Settings, Source
from pipeline.ingest.csv_files import codec, count_lines, header, is_gzip, opened_text, rows, shown
from pipeline.ingest.relations import DELIVERED, PLACE, insert_rows, number, sql_name, sql_text

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
    """One delivered file of a CSV source.

    ``columns`` are those of the source's relation with their SQL types.
    """

    source: str
    path: Path
    label: str
    spec: Source
    columns: Mapping[str, str]

    @property
    def delivered_columns(self) -> tuple[str, ...]:
        return tuple(column for column in self.columns if column not in PLACE)


def open_sources(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    raw: Path,
    fetched: Mapping[str, Path],
    headers_only: Collection[str] = (),
) -> dict[str, list[Reject]]:
    """Make one relation per source of the bank, named as in bank.toml; its unreadable lines are returned.

    CSV sources have text columns only, Parquet sources their own types; both end in ``_file`` (below ``raw``)
    and ``_line`` (for CSV the line on which the row begins, for Parquet the row, both from 1). Of a database
    the rows lie in ``fetched``: their ``_file`` is postgres:<source>, their ``_line`` the row.
    Of the sources ``headers_only`` the relations have the right columns, but those of CSV have no rows.
    Raises DataError for a file that is missing, empty, cut off, wrongly encoded or has a broken header.
    """
    list_delivered(con, settings, raw, fetched)
    for name, path in fetched.items():
        open_fetched(con, name, path)
    rejects: dict[str, list[Reject]] = {name: [] for name in fetched}
    for name, spec in settings.sources.items():
        if name not in fetched:
            files = find_raw(settings, raw, name)
            rows, others = ([], files) if name in headers_only and spec.format == "csv" else (files, [])
            rejects[name] = open_source(con, name, spec, raw, rows, others)
    return rejects


def list_delivered(
    con: duckdb.DuckDBPyConnection, settings: Settings, raw: Path, fetched: Mapping[str, Path]
) -> None:
    """Put all files into ``delivered``; of none it is known yet that each line is a row."""
    files = [(name, FETCHED + name, str(path), False) for name, path in fetched.items()]
    for name in settings.sources:
        paths = find_raw(settings, raw, name)
        files += [(name, path.relative_to(raw).as_posix(), str(path), False) for path in paths]
    DELIVERED.insert(con, files)


def open_source(
    con: duckdb.DuckDBPyConnection,
    name: str,
    spec: Source,
    raw: Path,
    files: list[Path],
    schema_like: Sequence[Path] = (),
) -> list[Reject]:
    """Make one source with these files only; ``schema_like`` are others that must have the same columns."""
    if spec.format == "parquet":
        _open_parquet(con, name, raw, files, schema_like)
        return []
    headers = {path: header(path, name, spec) for path in (*schema_like, *files)}
    columns = dict.fromkeys(_same_header(headers, name, "csv"), "VARCHAR") | PLACE
    declared = ", ".join(f"{sql_name(column)} {kind}" for column, kind in columns.items())
    con.execute(f"CREATE TEMP TABLE {sql_name(name)} ({declared})")
    rejects: list[Reject] = []
    for path in files:
        file = CsvFile(name, path, path.relative_to(raw).as_posix(), spec, columns)
        one_row_per_line = _load_whole(con, file)
        if not one_row_per_line:
            insert_rows(con, name, columns, _readable_rows(file, rejects))
        con.execute(
            "UPDATE delivered SET one_row_per_line = ? WHERE source = ? AND file = ?",
            [one_row_per_line, name, file.label],
        )
        _refuse_second_header(con, file)
    return rejects


def _open_parquet(
    con: duckdb.DuckDBPyConnection, name: str, raw: Path, files: list[Path], schema_like: Sequence[Path]
) -> None:
    _same_header({path: _parquet_columns(con, path) for path in (*schema_like, *files)}, name, "parquet")
    listed = ", ".join(sql_text(path) for path in files)
    below = len(str(files[0])) - len(str(files[0].relative_to(raw))) + 1
    con.execute(
        f"CREATE TEMP VIEW {sql_name(name)} AS SELECT * EXCLUDE (filename, file_row_number), "
        f"replace(filename[{below}:], '\\', '/') AS _file, file_row_number + 1 AS _line "
        f"FROM read_parquet([{listed}], "
        "filename = true, file_row_number = true, union_by_name = true, hive_partitioning = false)"
    )


def open_fetched(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    _same_header({path: _parquet_columns(con, path)}, name, "parquet")
    label = FETCHED + name
    con.execute(
        f"CREATE TEMP VIEW {sql_name(name)} AS "
        f"SELECT * EXCLUDE (file_row_number), {sql_text(label)} AS _file, "
        f"file_row_number + 1 AS _line FROM read_parquet({sql_text(path)}, file_row_number = true)"
    )


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
    types = ", ".join(f"{sql_text(column)}: 'VARCHAR'" for column in file.delivered_columns)
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
        for line, row, _ in rows(text, file.spec.delimiter, len(file.delivered_columns)):
            if isinstance(row, str):
                rejects.append(Reject(file.label, line, row))
            else:
                yield (*(value or None for value in row), file.label, line)


def _refuse_second_header(con: duckdb.DuckDBPyConnection, file: CsvFile) -> None:
    # Files that were joined keep the byte order mark of the second before its header.
    same = " AND ".join(
        f"lower(ltrim({sql_name(column)}, '\ufeff')) = lower({sql_text(column)})"
        for column in file.delivered_columns
    )
    query = f"SELECT min(_line) FROM {sql_name(file.source)} WHERE _file = {sql_text(file.label)} AND {same}"
    line = number(con, query)
    if line:
        raise DataError(
            f"{file.path} repeats its header in line {line}, as if two files had been joined. "
            "Deliver each as a file of its own, or without the second header."
        )
