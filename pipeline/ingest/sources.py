"""The bank's raw files as DuckDB relations, each row with the file and the line it came from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from configs.bank_folder import find_raw
from configs.errors import DataError
from configs.settings import Settings, Source
from pipeline.ingest.csv_files import codec, count_lines, header, is_gzip, opened_text, rows, shown

BATCH_ROWS = 100_000
FETCHED = "postgres:"  # begins the _file of rows that were fetched from a database
# Names that the relation of a source needs for itself, and DuckDB while it reads Parquet.
RESERVED = {"csv": ("_file", "_line"), "parquet": ("_file", "_line", "filename", "file_row_number")}


@dataclass(frozen=True)
class Reject:
    """A line that is no row of its file: too few or too many fields, an open quote."""

    file: str
    line: int
    reason: str


def open_sources(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    raw: Path,
    fetched: Mapping[str, Path],
    apart: Collection[str] = (),
) -> dict[str, list[Reject]]:
    """Make one relation per source of the bank, named as in bank.toml; its unreadable lines are returned.

    CSV sources have text columns only, Parquet sources their own types; both end in ``_file`` (below ``raw``)
    and ``_line`` (for CSV the line on which the row begins, for Parquet the row, both from 1). Of a database
    the rows lie in ``fetched``: their ``_file`` is postgres:<source>, their ``_line`` the row.
    Of the sources ``apart`` only the headers are compared: their relations have the right columns, but those
    of CSV have no rows.
    Raises DataError for a file that is missing, empty, cut off, wrongly encoded or has
    a broken header.
    """
    if not raw.is_dir():
        raise DataError(f"there is no raw folder {raw}. Name the bank's extracts with RAW=<folder>.")
    list_delivered(con, settings, raw, fetched)
    for name, path in fetched.items():
        open_fetched(con, name, path)
    rejects: dict[str, list[Reject]] = {name: [] for name in fetched}
    for name, spec in settings.sources.items():
        if name not in fetched:
            files = find_raw(settings, raw, name)
            rows, like = ([], files) if name in apart and spec.format == "csv" else (files, [])
            rejects[name] = open_source(con, name, spec, raw, rows, like)
    return rejects


def list_delivered(
    con: duckdb.DuckDBPyConnection, settings: Settings, raw: Path, fetched: Mapping[str, Path]
) -> None:
    """Make ``delivered`` of all files; see ``note_delivered``."""
    files = [(name, FETCHED + name, str(path)) for name, path in fetched.items()]
    for name in settings.sources:
        files += [
            (name, path.relative_to(raw).as_posix(), str(path)) for path in find_raw(settings, raw, name)
        ]
    note_delivered(con, files)


def note_delivered(con: duckdb.DuckDBPyConnection, files: list[tuple[str, str, str]]) -> None:
    """Make ``delivered``: one row per source and file, where it lies, and ``by_line``: each line is known to be a row.

    Nothing is known of a file before it is opened.
    """
    con.execute("CREATE TEMP TABLE delivered (source VARCHAR, file VARCHAR, path VARCHAR, by_line BOOLEAN)")
    con.executemany("INSERT INTO delivered VALUES (?, ?, ?, false)", files)


def open_source(
    con: duckdb.DuckDBPyConnection,
    name: str,
    spec: Source,
    raw: Path,
    files: list[Path],
    like: Sequence[Path] = (),
) -> list[Reject]:
    """One source with these files only, as ``open_sources`` makes it; ``like`` are others of the same layout."""
    if spec.format == "parquet":
        _open_parquet(con, name, raw, files, like)
        return []
    columns = _same_header({path: header(path, name, spec) for path in (*like, *files)}, name, "csv")
    names = ", ".join(f"{_quoted(column)} VARCHAR" for column in columns)
    con.execute(f"CREATE TEMP TABLE {_quoted(name)} ({names}, _file VARCHAR, _line BIGINT)")
    rejects = []
    for path in files:
        label = path.relative_to(raw).as_posix()
        by_line = _load_whole(con, name, path, spec, columns, label)
        if not by_line:
            rejects += _load_row_by_row(con, name, path, spec, columns, label)
        con.execute("UPDATE delivered SET by_line = ? WHERE source = ? AND file = ?", [by_line, name, label])
        _refuse_second_header(con, name, path, columns, label)
    return rejects


def _open_parquet(
    con: duckdb.DuckDBPyConnection, name: str, raw: Path, files: list[Path], like: Sequence[Path]
) -> None:
    _same_header({path: _parquet_columns(con, path) for path in (*like, *files)}, name, "parquet")
    listed = ", ".join(_text(str(path)) for path in files)
    below = len(str(files[0])) - len(str(files[0].relative_to(raw))) + 1
    con.execute(
        f"CREATE TEMP VIEW {_quoted(name)} AS SELECT * EXCLUDE (filename, file_row_number), "
        f"replace(filename[{below}:], '\\', '/') AS _file, file_row_number + 1 AS _line "
        f"FROM read_parquet([{listed}], "
        "filename = true, file_row_number = true, union_by_name = true, hive_partitioning = false)"
    )


def open_fetched(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    _same_header({path: _parquet_columns(con, path)}, name, "parquet")
    label = FETCHED + name
    con.execute(
        f"CREATE TEMP VIEW {_quoted(name)} AS SELECT * EXCLUDE (file_row_number), {_text(label)} AS _file, "
        f"file_row_number + 1 AS _line FROM read_parquet({_text(str(path))}, file_row_number = true)"
    )


def _parquet_columns(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    """The column names of one Parquet file, sorted, since Parquet is read by name."""
    try:
        found = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error:
        what = "cut off, or no Parquet at all" if path.stat().st_size else "empty"
        raise DataError(f"{path} is {what}. Deliver it again.") from None
    return tuple(sorted(row[0] for row in found))


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


def _load_whole(
    con: duckdb.DuckDBPyConnection, name: str, path: Path, spec: Source, columns: tuple[str, ...], label: str
) -> bool:
    """Let DuckDB read a file in which every line is one row; False, with nothing loaded, when one is not.

    DuckDB skips blank lines and loses all rows behind an open quote: its numbers are then no lines.
    """
    lines = count_lines(path) if codec(spec) == "utf-8-sig" else -1
    if lines < 0:
        return False
    types = ", ".join(f"{_text(column)}: 'VARCHAR'" for column in columns)
    try:
        inserted = con.execute(
            f"INSERT INTO {_quoted(name)} SELECT *, ?, row_number() OVER () + 1 FROM read_csv(?, header = true, "
            f"auto_detect = false, columns = {{{types}}}, delim = ?, quote = '\"', escape = '\"', "
            "compression = ?, hive_partitioning = false)",
            [label, str(path), spec.delimiter, "gzip" if is_gzip(path) else "none"],
        )
    except duckdb.InvalidInputException:
        return False
    ((found,),) = inserted.fetchall()
    if found + 1 == lines:
        return True
    con.execute(f"DELETE FROM {_quoted(name)} WHERE _file = ?", [label])
    return False


def _load_row_by_row(
    con: duckdb.DuckDBPyConnection, name: str, path: Path, spec: Source, columns: tuple[str, ...], label: str
) -> list[Reject]:
    """Read a file in which not every line is a row: exact lines, and no row lost but those refused."""
    rejects: list[Reject] = []
    batch: list[list[str | int | None]] = []
    names = [*columns, "_file", "_line"]
    types = pa.schema([(column, pa.int64() if column == "_line" else pa.string()) for column in names])

    def flush() -> None:
        table = pa.Table.from_arrays(
            [
                pa.array(values, kind.type)
                for values, kind in zip(zip(*batch, strict=True), types, strict=True)
            ],
            schema=types,
        )
        con.register("_batch", table)
        con.execute(f"INSERT INTO {_quoted(name)} SELECT * FROM _batch")
        con.unregister("_batch")
        batch.clear()

    with opened_text(path, name, spec) as file:
        for number, row, _ in rows(file, spec.delimiter, len(columns)):
            if isinstance(row, str):
                rejects.append(Reject(label, number, row))
                continue
            batch.append([*(value or None for value in row), label, number])
            if len(batch) == BATCH_ROWS:
                flush()
    if batch:
        flush()
    return rejects


def _refuse_second_header(
    con: duckdb.DuckDBPyConnection, name: str, path: Path, columns: tuple[str, ...], label: str
) -> None:
    # Files that were joined keep the byte order mark of the second before its header.
    same = " AND ".join(
        f"lower(ltrim({_quoted(column)}, '\ufeff')) = lower({_text(column)})" for column in columns
    )
    found = con.execute(
        f"SELECT min(_line) FROM {_quoted(name)} WHERE _file = ? AND {same}", [label]
    ).fetchall()[0][0]
    if found is not None:
        raise DataError(
            f"{path} repeats its header in line {found}, as if two files had been joined. "
            "Deliver each as a file of its own, or without the second header."
        )


def _quoted(name: str) -> str:
    """A SQL name."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
