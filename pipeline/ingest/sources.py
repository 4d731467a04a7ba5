"""The bank's raw files as DuckDB relations, each row with the file and the line it came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from configs.bank_folder import find_raw
from configs.errors import ConfigError, DataError
from configs.settings import Settings
from configs.source import Source, Unpivot
from pipeline.ingest.csv_files import (
    codec,
    count_lines,
    file_rows,
    header,
    is_gzip,
    opened_text,
    shown,
)
from pipeline.ingest.file_kinds import refuse_other_kind
from pipeline.ingest.relations import PLACE, Relation, number, sql_name, sql_text
from pipeline.ingest.unpivot import fixed_columns, unpivot, wide_columns
from pipeline.ingest.values import Notation

FETCHED = "postgres:"  # begins the _file of rows that were fetched from a database
MOST_FOOTER = 20  # lines of a footer
# Names that the relation of a source needs for itself, and DuckDB while it reads Parquet.
RESERVED = {
    "csv": ("_file", "_line"),
    "xlsx": ("_file", "_line"),
    "parquet": ("_file", "_line", "filename", "file_row_number"),
}


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


def notation_of(settings: Settings, table: str, sources: Sequence[str]) -> Notation:
    """The notation of all sources of a SELECT. Raises ConfigError where their marks differ."""
    specs = [settings.sources[name] for name in sources]
    marks = sorted(
        {(spec.decimal or ".", spec.thousands) for spec in specs if spec.decimal or spec.thousands}
    )
    if len(marks) > 1:
        raise ConfigError(
            f"{table}.sql of bank {settings.bank!r} reads sources with different marks in their numbers: "
            f"{' and '.join(sources)}. Let a SELECT read the numbers of sources alike, or replace the marks "
            "of one of them in the SELECT and leave its decimal and thousands out."
        )
    if not marks and specs and all(spec.format == "postgres" for spec in specs):
        marks = [(".", "")]
    decimal, thousands = marks[0] if marks else ("", "")
    return Notation(decimal, thousands, settings.time_zone)


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
    if spec.format not in ("csv", "xlsx"):
        label = sql_text(FETCHED + name) if spec.format == "postgres" else _below(raw, files[0])
        _open_parquet(con, name, spec, files, schema_like, label)
        return []
    headers = {path: header(path, name, spec) for path in (*schema_like, *files)}
    names = _same_header(headers, name, spec)
    read = [CsvFile(name, path, path.relative_to(raw).as_posix(), spec, headers[path]) for path in files]
    if spec.unpivot:
        rows, rejects = _load_wide(con, name, spec.unpivot, names, read)
    else:
        rows, rejects = _load(con, name, names, read)
    con.execute(f"CREATE OR REPLACE TEMP VIEW {sql_name(name)} AS SELECT *{_amount(spec)} FROM ({rows})")
    return rejects


def drop_rows(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Drop what is stored of a source; of one that lies in Parquet that is nothing."""
    for kind in ("rows", "long"):
        con.execute(f"DROP TABLE IF EXISTS {sql_name(f'{name} {kind}')}")


def _load(
    con: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], files: Sequence[CsvFile]
) -> tuple[str, list[Reject]]:
    """SQL: the rows of files with the same columns, all of them text; beside it the lines that are no rows.

    They lie in one table in the order of the files. Its ``_line`` is the row's line less its place there: one
    number for all rows of a file in which every line is a row, so that no thread has to count.
    """
    stored = {f"c{place}": column for place, column in enumerate(columns)}
    relation = Relation(f"{name} rows", dict.fromkeys(stored, "VARCHAR") | PLACE)
    relation.create(con)
    rejects: list[Reject] = []
    for file in files:
        if file.spec.footer:
            _check_footer(file.path, name, file.spec)
        first = number(con, f"SELECT count(*) FROM {sql_name(relation.name)}")
        if not _load_whole(con, relation.name, first, file):
            rows = enumerate(_readable_rows(file, rejects), start=first)
            relation.insert(con, ((*values, file.label, line - place) for place, (line, values) in rows))
        _refuse_second_header(con, relation.name, first, file)
    named = "".join(f"{place} AS {sql_name(column)}, " for place, column in stored.items())
    return f"SELECT {named}_file, rowid + _line AS _line FROM {sql_name(relation.name)}", rejects


def _check_footer(path: Path, name: str, spec: Source) -> None:
    """Raises DataError where a file has no footer, or rows below it."""
    below = None
    with opened_text(path, name, spec) as file:
        for line in file:
            if below is None and line.startswith(spec.footer):
                below = 0
            elif below is not None and line.strip():
                below += 1
    if below is None or below >= MOST_FOOTER:
        has_it = below is not None
        what = f"has {below:,} lines below the one that" if has_it else "is cut off: no line"
        raise DataError(
            f"{path} {what} begins with its footer {spec.footer!r}. Deliver it again, or correct footer in "
            f"[sources.{name}] of bank.toml."
        )


def _load_wide(
    con: duckdb.DuckDBPyConnection, name: str, spec: Unpivot, fixed: Sequence[str], files: Sequence[CsvFile]
) -> tuple[str, list[Reject]]:
    """SQL: the long rows of wide files, which have the ``fixed`` columns and others each; and the rejects."""
    long = Relation(f"{name} long", dict.fromkeys((*fixed, spec.header, spec.value), "VARCHAR") | PLACE)
    long.create(con)
    rejects: list[Reject] = []
    for file in files:
        says = wide_columns(name, spec, file.path, file.columns)
        rows, refused = _load(con, name, file.columns, [file])
        rejects += refused
        wide = unpivot(spec, f"({rows})", dict.fromkeys(file.columns, "VARCHAR"), says)
        con.execute(f"INSERT INTO {sql_name(long.name)} BY NAME {wide}")
    return f"FROM {sql_name(long.name)}", rejects


def _amount(spec: Source) -> str:
    """SQL: one more column ``amount``, credit less debit as text; no number where both are filled."""
    if not spec.credit:
        return ""
    credit, debit = (f"CAST({sql_name(column)} AS VARCHAR)" for column in (spec.credit, spec.debit))
    no_credit, no_debit = (
        f"coalesce(regexp_full_match({text}, '[0.,\\s]*'), true)" for text in (credit, debit)
    )
    return (
        f", CASE WHEN {no_credit} AND {no_debit} THEN coalesce(nullif(trim({credit}), ''), {debit}) "
        f"WHEN {no_debit} THEN {credit} "
        f"WHEN {no_credit} AND ltrim({debit})[1] NOT IN ('-', '+') THEN '-' || ltrim({debit}) "
        f"ELSE concat_ws(' ', 'credit', {credit}, 'debit', {debit}) END AS amount"
    )


def _open_parquet(
    con: duckdb.DuckDBPyConnection,
    name: str,
    spec: Source,
    files: list[Path],
    schema_like: Sequence[Path],
    label: str,
) -> None:
    """Make a Parquet source; ``label`` is the SQL of its ``_file``."""
    _same_header(
        {path: _parquet_columns(con, path, name, spec) for path in (*schema_like, *files)}, name, spec
    )
    listed = ", ".join(sql_text(path) for path in files)
    rows = (
        f"SELECT * EXCLUDE (filename, file_row_number), {label} AS _file, file_row_number + 1 AS _line"
        f"{_amount(spec)} FROM read_parquet([{listed}], "
        "filename = true, file_row_number = true, union_by_name = true, hive_partitioning = false)"
    )
    if spec.unpivot:
        described = con.execute(f"DESCRIBE {rows}").fetchall()
        types = {column: kind for column, kind, *_ in described if column not in PLACE}
        for path in files:
            wide_columns(name, spec.unpivot, path, _parquet_columns(con, path, name, spec))
        says = wide_columns(name, spec.unpivot, "Parquet", list(types))
        rows = unpivot(spec.unpivot, f"({rows})", types, says)
    con.execute(f"CREATE OR REPLACE TEMP VIEW {sql_name(name)} AS {rows}")


def _below(raw: Path, path: Path) -> str:
    """SQL: the path of a file below ``raw``, as ``path`` lies there."""
    start = len(str(path)) - len(str(path.relative_to(raw))) + 1
    return f"replace(filename[{start}:], '\\', '/')"


def _parquet_columns(con: duckdb.DuckDBPyConnection, path: Path, name: str, spec: Source) -> tuple[str, ...]:
    """The column names of one Parquet file, sorted, since Parquet is read by name."""
    try:
        columns = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error:
        with path.open("rb") as file:
            refuse_other_kind(path, file.read(1024), name, spec)
        what = "cut off, or no Parquet at all" if path.stat().st_size else "empty"
        raise DataError(f"{path} is {what}. Deliver it again.") from None
    return tuple(sorted(column[0] for column in columns))


def _same_header(headers: dict[Path, tuple[str, ...]], name: str, spec: Source) -> tuple[str, ...]:
    """The columns of all files, of wide ones those that do not become rows; raises DataError where they
    differ."""
    headers = {path: fixed_columns(spec, columns) for path, columns in headers.items()}
    first, *others = headers
    taken = [column for column in headers[first] if column.lower() in RESERVED.get(spec.format, ())]
    sides = [column for column in (spec.credit, spec.debit) if column and column not in headers[first]]
    if sides or (spec.credit and "amount" in [column.lower() for column in headers[first]]):
        what = f"no column {sides[0]!r}" if sides else "a column amount already"
        raise DataError(
            f"{first} has {what} in {shown(headers[first])}. Correct credit and debit in [sources.{name}] of "
            "bank.toml, or leave them out."
        )
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


def _load_whole(con: duckdb.DuckDBPyConnection, table: str, first: int, file: CsvFile) -> bool:
    """Let DuckDB read a file in which every line is one row; False, with nothing loaded, when one is not.

    DuckDB skips blank lines and loses all rows behind an open quote: its rows are then no lines. ``first`` is
    the place of the first row in the table.
    """
    spec = file.spec
    quick = spec.format == "csv" and codec(spec) == "utf-8-sig" and not spec.footer
    lines = count_lines(file.path, spec.escape.encode()) if quick else -1
    above = spec.skip + (0 if spec.columns else 1)
    if lines < 0:
        return False
    types = ", ".join(f"{sql_text(column)}: 'VARCHAR'" for column in file.columns)
    con.begin()  # what is rolled back leaves no gap in the places of rows
    try:
        inserted = con.execute(
            f"INSERT INTO {sql_name(table)} SELECT *, ?, {above + 1 - first} "
            f"FROM read_csv(?, header = {not spec.columns}, skip = {spec.skip}, nullstr = ?, "
            f"auto_detect = false, columns = {{{types}}}, delim = ?, "
            "quote = '\"', escape = '\"', compression = ?, hive_partitioning = false)",
            [
                file.label,
                str(file.path),
                ["", *spec.nulls],
                spec.delimiter,
                "gzip" if is_gzip(file.path) else "none",
            ],
        )
        ((rows_loaded,),) = inserted.fetchall()
    except (duckdb.InvalidInputException, duckdb.IOException):  # the latter of gzip that is padded
        rows_loaded = -1
    is_whole = bool(rows_loaded + above == lines)
    (con.commit if is_whole else con.rollback)()
    return is_whole


def _readable_rows(file: CsvFile, rejects: list[Reject]) -> Iterator[tuple[int, list[str | None]]]:
    """The rows of a file in which not every line is a row, with exact lines; others go into ``rejects``."""
    nulls = {"", *file.spec.nulls}
    for line, row, _ in file_rows(file.path, file.source, file.spec, file.columns):
        if isinstance(row, str):
            rejects.append(Reject(file.label, line, row))
        else:
            yield line, [None if value in nulls else value for value in row]


def _refuse_second_header(con: duckdb.DuckDBPyConnection, table: str, first: int, file: CsvFile) -> None:
    # Files that were joined keep the byte order mark of the second before its header; the first column is
    # looked at last, since to trim it in every row takes long.
    cells = ["ltrim(c0, '\ufeff')", *(f"c{place}" for place in range(1, len(file.columns)))]
    equal = [f"lower({sql}) = lower({sql_text(name)})" for sql, name in zip(cells, file.columns, strict=True)]
    same = " AND ".join(reversed(equal))
    line = number(con, f"SELECT min(rowid + _line) FROM {sql_name(table)} WHERE rowid >= {first} AND {same}")
    if line:
        raise DataError(
            f"{file.path} repeats its header in line {line}, as if two files had been joined. "
            "Deliver each as a file of its own, or without the second header."
        )
