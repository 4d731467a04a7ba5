"""The bank's raw files as DuckDB relations, each row with the file and the line it came from."""

import codecs
import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from configs.errors import DataError
from configs.settings import Settings, Source, find_raw

BATCH_ROWS = 100_000
# A quoted field goes on over so many lines at most; more is an open quote, and only its own line is refused.
LINES_PER_ROW = 50


@dataclass(frozen=True)
class Reject:
    """A line that is no row of its file: too few or too many fields, an open quote."""

    file: str
    line: int
    reason: str


def open_sources(con: duckdb.DuckDBPyConnection, settings: Settings, raw: Path) -> dict[str, list[Reject]]:
    """Make one relation per source of the bank, named as in bank.toml; its unreadable lines are returned.

    CSV sources have text columns only, Parquet sources their own types; both end in ``_file`` (below ``raw``)
    and ``_line`` (for CSV the line on which the row begins, for Parquet the row, both from 1).
    Raises DataError for a file that is missing, empty, wrongly encoded or has a broken header.
    """
    if not raw.is_dir():
        raise DataError(f"there is no raw folder {raw}. Name the bank's extracts with RAW=<folder>.")
    return {
        name: open_source(con, name, spec, raw, find_raw(settings, raw, name))
        for name, spec in settings.sources.items()
    }


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
    columns = _same_header({path: _header(path, name, spec) for path in (*like, *files)}, name)
    names = ", ".join(f"{_quoted(column)} VARCHAR" for column in columns)
    con.execute(f"CREATE TEMP TABLE {_quoted(name)} ({names}, _file VARCHAR, _line BIGINT)")
    rejects = []
    for path in files:
        label = path.relative_to(raw).as_posix()
        if not _load_whole(con, name, path, spec, columns, label):
            rejects += _load_by_line(con, name, path, spec, columns, label)
        _refuse_second_header(con, name, path, columns, label)
    return rejects


def _open_parquet(
    con: duckdb.DuckDBPyConnection, name: str, raw: Path, files: list[Path], like: Sequence[Path]
) -> None:
    _same_header({path: _parquet_columns(con, path) for path in (*like, *files)}, name)
    listed = ", ".join(_text(str(path)) for path in files)
    below = len(str(files[0])) - len(str(files[0].relative_to(raw))) + 1
    con.execute(
        f"CREATE TEMP VIEW {_quoted(name)} AS SELECT * EXCLUDE (filename, file_row_number), "
        f"replace(filename[{below}:], '\\', '/') AS _file, file_row_number + 1 AS _line "
        f"FROM read_parquet([{listed}], filename = true, file_row_number = true, union_by_name = true)"
    )


def _parquet_columns(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    """The column names of one Parquet file, sorted, since Parquet is read by name."""
    try:
        found = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error:
        what = "cut off, or no Parquet at all" if path.stat().st_size else "empty"
        raise DataError(f"{path} is {what}. Deliver it again.") from None
    return tuple(sorted(row[0] for row in found))


def _header(path: Path, name: str, spec: Source) -> tuple[str, ...]:
    """The column names of one CSV file."""
    try:
        with path.open(encoding=_codec(spec), newline="") as file:
            columns = tuple(next(csv.reader(file, delimiter=spec.delimiter), ()))
    except UnicodeError:
        raise _wrong_encoding(path, name, spec) from None
    if not columns:
        raise DataError(f"{path} is empty: it has not even a header. Deliver it again.")
    lowered = [column.lower() for column in columns]
    twice = sorted({column for column in columns if lowered.count(column.lower()) > 1})
    if twice:
        raise DataError(
            f"{path} names the column {', '.join(twice)} twice in its header {_shown(columns)}. "
            "Deliver it with one name per column."
        )
    if not all(column.strip() for column in columns):
        raise DataError(
            f"{path} has a column without a name in its header {_shown(columns)}. "
            f"Deliver it with one name per column, or mend the delimiter {spec.delimiter!r} of "
            f"[sources.{name}] in bank.toml."
        )
    return columns


def _same_header(headers: dict[Path, tuple[str, ...]], name: str) -> tuple[str, ...]:
    first, *others = headers
    for path in others:
        if headers[path] != headers[first]:
            raise DataError(
                f"the files of source {name!r} differ: {path.name} has the columns {_shown(headers[path])}, "
                f"but {first.name} has {_shown(headers[first])}. Deliver them alike, or declare one source "
                "for each layout in bank.toml."
            )
    return headers[first]


def _load_whole(
    con: duckdb.DuckDBPyConnection, name: str, path: Path, spec: Source, columns: tuple[str, ...], label: str
) -> bool:
    """Let DuckDB read a file in which every line is one row; False, with nothing loaded, when one is not.

    DuckDB skips blank lines and loses all rows behind an open quote: its numbers are then no lines.
    """
    if _codec(spec) != "utf-8-sig":
        return False
    types = ", ".join(f"{_text(column)}: 'VARCHAR'" for column in columns)
    try:
        con.execute(
            f"INSERT INTO {_quoted(name)} SELECT *, ?, row_number() OVER () + 1 FROM read_csv(?, "
            f"header = true, auto_detect = false, columns = {{{types}}}, delim = ?, quote = '\"', escape = '\"')",
            [label, str(path), spec.delimiter],
        )
    except duckdb.InvalidInputException:
        return False
    rows = con.execute(f"SELECT count(*) FROM {_quoted(name)} WHERE _file = ?", [label]).fetchall()[0][0]
    if rows + 1 == _count_lines(path):
        return True
    con.execute(f"DELETE FROM {_quoted(name)} WHERE _file = ?", [label])
    return False


def _count_lines(path: Path) -> int:
    """Lines of a file; -1 where readers of CSV differ: over a lone carriage return, over blanks beside a quote."""
    lines = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 24) + file.readline():
            if chunk.count(b"\r") != chunk.count(b"\r\n") or b'" ' in chunk or b' "' in chunk:
                return -1
            lines += chunk.count(b"\n") + (not chunk.endswith(b"\n"))
    return lines


def _load_by_line(
    con: duckdb.DuckDBPyConnection, name: str, path: Path, spec: Source, columns: tuple[str, ...], label: str
) -> list[Reject]:
    """Read a file in which not every line is a row: exact lines, and no row lost but those refused."""
    rejects: list[Reject] = []
    batch: list[list[str | int | None]] = []
    names = [*columns, "_file", "_line"]
    types = pa.schema([(column, pa.int64() if column == "_line" else pa.string()) for column in names])

    def flush() -> None:
        rows = pa.Table.from_arrays(
            [
                pa.array(values, kind.type)
                for values, kind in zip(zip(*batch, strict=True), types, strict=True)
            ],
            schema=types,
        )
        con.register("_batch", rows)
        con.execute(f"INSERT INTO {_quoted(name)} SELECT * FROM _batch")
        con.unregister("_batch")
        batch.clear()

    try:
        with path.open(encoding=_codec(spec), newline="") as file:
            for number, row in _rows(file, spec.delimiter, len(columns)):
                if isinstance(row, str):
                    rejects.append(Reject(label, number, row))
                    continue
                batch.append([*(value or None for value in row), label, number])
                if len(batch) == BATCH_ROWS:
                    flush()
    except UnicodeError:
        raise _wrong_encoding(path, name, spec) from None
    if batch:
        flush()
    return rejects


def _rows(lines: Iterator[str], delimiter: str, width: int) -> Iterator[tuple[int, list[str] | str]]:
    """Each row below the header with the line on which it begins, or the reason why that line is no row.

    Reading goes on behind the refused line, so that an open quote costs one row and not all that follow.
    Blank lines are no rows. Whatever is read here is read as ``_load_whole`` reads it.
    """
    waiting: list[str] = []
    number, header = 1, True
    while line := waiting.pop(0) if waiting else next(lines, ""):
        taken = [line]
        row = _fields(taken, delimiter)
        while row is None and len(taken) < LINES_PER_ROW:
            more = waiting.pop(0) if waiting else next(lines, "")
            if not more:
                break
            taken.append(more)
            row = _fields(taken, delimiter)
        if isinstance(row, list):
            row = None if _swallows(row, delimiter) else _without_empty_tail(row, width)
        if row is None or isinstance(row, str) or len(row) != width:
            row = row if isinstance(row, str) else _why(row, width)
            waiting[:0] = taken[1:]
            taken = [line]
        if not header and line.strip("\r\n"):
            yield number, row
        number, header = number + len(taken), False


def _fields(lines: list[str], delimiter: str) -> list[str] | str | None:
    """The fields of one row; None while a quote is open, the reason when one is misplaced."""
    if len(lines) == 1 and '"' not in lines[0]:
        return lines[0].rstrip("\r\n").split(delimiter)
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return None if "unexpected end" in str(error) else f"a quoted field is broken: {error}"


def _swallows(row: list[str], delimiter: str) -> bool:
    """Whether a field over several lines holds a whole row: two open quotes that seem to make a pair."""
    enough = max(len(row) - 1, 3)
    later = [line for field in row if "\n" in field or "\r" in field for line in field.splitlines()[1:]]
    return any(line.count(delimiter) >= enough for line in later)


def _without_empty_tail(row: list[str], width: int) -> list[str]:
    """Delimiters at the end of a line are forgiven, as DuckDB does."""
    return row if any(row[width:]) else row[:width]


def _why(row: list[str] | None, width: int) -> str:
    if row is None:
        return "a quote is opened and never closed"
    return f"too {'few' if len(row) < width else 'many'} fields: {len(row)}, the header has {width}"


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


def _codec(spec: Source) -> str:
    """Python's name of the encoding; a byte order mark before UTF-8 is no part of the first column."""
    known = codecs.lookup(spec.encoding).name
    return "utf-8-sig" if known in ("utf-8", "ascii") else known


def _wrong_encoding(path: Path, name: str, spec: Source) -> DataError:
    return DataError(
        f"{path} is not {spec.encoding}: line {_undecodable_line(path, _codec(spec))} cannot be read. "
        f'Deliver it as {spec.encoding}, or set its encoding (for example "gb18030") in '
        f"[sources.{name}] of bank.toml."
    )


def _undecodable_line(path: Path, codec: str) -> int:
    decoder, line = codecs.getincrementaldecoder(codec)(), 1
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            state = decoder.getstate()
            try:
                line += decoder.decode(chunk).count("\n")
            except UnicodeError:
                decoder.setstate(state)
                return line + _line_ends_before_error(decoder, chunk)
    return line


def _line_ends_before_error(decoder: codecs.IncrementalDecoder, chunk: bytes) -> int:
    """Byte by byte, since some codecs do not say where in the chunk they failed."""
    ends = 0
    with suppress(UnicodeError):
        for byte in chunk:
            ends += decoder.decode(bytes([byte])).count("\n")
    return ends


def _shown(columns: tuple[str, ...]) -> str:
    return f"({', '.join(columns)})"


def _quoted(name: str) -> str:
    """A SQL name."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
