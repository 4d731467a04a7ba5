"""Delivered files as text: gzip, encoding, header, the rows with their lines; of Parquet, rows as JSON."""

import codecs
import csv
import gzip
import io
import json
import math
import os
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

import duckdb
import pyarrow as pa

from configs.errors import DataError, listed
from configs.source import Source
from pipeline.ingest.file_kinds import refuse_other_kind
from pipeline.ingest.relations import sql_text
from pipeline.ingest.workbooks import workbook_header, workbook_rows

# A quoted field goes on over so many lines at most; more is an open quote, and only its own line is refused.
LINES_PER_ROW = 50
LONGEST_HEADER = 100_000  # characters
LONGEST_LINE = 10_000_000  # bytes
MOST_COLUMNS = 2_000  # of a file
# Bytes that are no text in the file's encoding come as these characters, and go out as the bytes they were.
KEPT, _BYTE = "ingest-kept", 0xDC00
_BYTES = re.compile("[\udc00-\udcff]")


def _kept(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return "".join(chr(_BYTE + byte) for byte in error.object[error.start : error.end]), error.end
    if isinstance(error, UnicodeEncodeError) and _BYTES.match(error.object, error.start):
        return bytes([ord(error.object[error.start]) - _BYTE]), error.start + 1
    raise error


codecs.register_error(KEPT, _kept)


def readable(text: str) -> str:
    """A text whose bytes that are none are shown as such, \\xd5."""
    return text if text.isascii() else _BYTES.sub(lambda match: f"\\x{ord(match[0]) - _BYTE:02x}", text)


def is_gzip(path: Path) -> bool:
    """True where the file's first two bytes say gzip; its name may end in anything."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def opened_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unzipped where it is gzip. Raises DataError for gzip that is broken."""
    with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
        try:
            yield cast(BinaryIO, file)
        except EOFError:
            raise DataError(
                f"{path} is gzip that is cut off: its end is missing. Deliver it again."
            ) from None
        except (gzip.BadGzipFile, zlib.error):
            raise DataError(f"{path} is broken gzip: it cannot be unzipped. Deliver it again.") from None


@contextmanager
def opened_text(path: Path, name: str, spec: Source) -> Iterator[TextIO]:
    """The text of a file with its line ends as they are. Bytes that are no text are kept as KEPT says.

    Raises DataError for a file that is no text at all.
    """
    with opened_bytes(path) as file:
        try:
            yield io.TextIOWrapper(file, encoding=codec(spec), errors=KEPT, newline="")
        except UnicodeError:
            line = _undecodable_line(path, codec(spec))
            raise _wrong_encoding(path, name, spec, f"line {line}") from None


def _wrong_encoding(path: Path, name: str, spec: Source, what: str) -> DataError:
    return DataError(
        f"{path} is not {spec.encoding}: {what} cannot be read. Deliver it as {spec.encoding}, or set its "
        f'encoding (for example "gb18030") in [sources.{name}] of bank.toml.'
    )


def header(path: Path, name: str, spec: Source) -> tuple[str, ...]:
    """The column names of one CSV file. Raises DataError for a header that names no table."""
    columns = workbook_header(path, name, spec) if spec.format == "xlsx" else _text_header(path, name, spec)
    if len(columns) > MOST_COLUMNS:
        raise DataError(
            f"{path} has {len(columns):,} columns in its header; at most {MOST_COLUMNS:,} are read. Deliver "
            "only the columns that the SELECTs name."
        )
    if not columns:
        raise DataError(f"{path} is empty: it has not even a header. Deliver it again.")
    lowered = [column.lower() for column in columns]
    twice = sorted({column for column in columns if lowered.count(column.lower()) > 1})
    if twice:
        raise DataError(
            f"{path} names the column {', '.join(twice)} twice in its header {shown(columns)}. "
            "Deliver it with one name per column."
        )
    if not all(column.strip() for column in columns):
        raise DataError(
            f"{path} has a column without a name in its header {shown(columns)}. "
            f"Deliver it with one name per column, or mend the delimiter {spec.delimiter!r} of "
            f"[sources.{name}] in bank.toml."
        )
    return columns


def _text_header(path: Path, name: str, spec: Source) -> tuple[str, ...]:
    with opened_bytes(path) as head:
        refuse_other_kind(path, head.read(1024), name, spec)
    with opened_text(path, name, spec) as file:
        for _ in range(spec.skip):
            file.readline(LONGEST_LINE)
        if spec.columns:
            return spec.columns
        columns = tuple(next(csv.reader(_first_lines(file, path), delimiter=spec.delimiter), ()))
    if _BYTES.search("".join(columns)):
        raise _wrong_encoding(path, name, spec, f"its header ({readable(', '.join(columns))})")
    return columns


def _first_lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a header, one after the other. Raises DataError where it does not end in time."""
    read = 0
    while line := file.readline(LONGEST_HEADER - read + 1):
        read += len(line)
        if read > LONGEST_HEADER:
            raise DataError(
                f"{path} has no end of its header within {LONGEST_HEADER:,} characters. Deliver it with one "
                "row per line."
            )
        yield line


def count_lines(path: Path, escape: bytes = b"") -> int:
    """The number of lines of a file.

    It is -1 where readers of CSV differ: over a lone carriage return, blanks beside a quote, an ``escape``.
    """
    lines = 0
    with opened_bytes(path) as file:
        while chunk := file.read(1 << 24) + (rest := file.readline(LONGEST_LINE)):
            if len(rest) == LONGEST_LINE:
                raise DataError(
                    f"{path} has a line of more than {LONGEST_LINE:,} bytes below line {lines:,}. Deliver "
                    "it with one row per line."
                )
            returns = chunk.count(b"\r")
            if returns and returns != chunk.count(b"\r\n"):
                return -1
            if b'"' in chunk and (b'" ' in chunk or b' "' in chunk):
                return -1
            if escape and escape in chunk:
                return -1
            lines += chunk.count(b"\n") + (not chunk.endswith(b"\n"))
    return lines


def rows(
    lines: Iterator[str], width: int, spec: Source, only: Collection[int] | None = None
) -> Iterator[tuple[int, list[str] | str, str]]:
    """Each row below the header: the line on which it begins, its fields or why it is no row, its raw text.

    Reading goes on behind the refused line, so that an open quote costs one row and not all that follow.
    Blank lines are no rows. Whatever is read here is read as DuckDB reads it
    from a file in which every line is a row. ``only``: lines on which rows begin; no others are read.
    """
    waiting: list[str] = []
    _leave_out(lines, spec.skip)
    number = spec.skip + 1
    header = 0 if spec.columns else number
    ahead = iter(sorted(only or ()))
    while line := waiting.pop(0) if waiting else next(lines, ""):
        if spec.footer and line.startswith(spec.footer):
            break
        if only is not None and number not in only:
            following = next((wanted for wanted in ahead if wanted > number), None)
            if following is None:
                break
            between = following - number - 1
            _leave_out(lines, between - len(waiting[:between]))
            del waiting[:between]
            number = following
            continue
        taken = [line]
        row = _fields(taken, spec)
        while row is None and len(taken) < LINES_PER_ROW:
            more = waiting.pop(0) if waiting else next(lines, "")
            if not more:
                break
            taken.append(more)
            row = _fields(taken, spec)
        if isinstance(row, list):
            row = None if _swallows(row, spec.delimiter) else _without_empty_tail(row, width)
        if row is None or isinstance(row, str) or len(row) != width:
            row = row if isinstance(row, str) else _why(row, width)
            waiting[:0] = taken[1:]
            taken = [line]
        text = "".join(taken)
        bad = None if text.isascii() else _BYTES.search(text)
        if bad:
            row = (
                f"cannot be read as {spec.encoding}: {readable(bad[0])} is no character; where all files of "
                "its source are so, set its encoding in bank.toml, for example gb18030 or cp1252"
            )
        if number != header and line.strip("\r\n"):
            yield number, row, text
        number += len(taken)


def _leave_out(lines: Iterator[str], count: int) -> None:
    next(islice(lines, count, count), None)


def _fields(lines: list[str], spec: Source) -> list[str] | str | None:
    """The fields of one row; None while a quote is open, the reason when one is misplaced."""
    escape = spec.escape
    if len(lines) == 1 and '"' not in lines[0] and not (escape and escape in lines[0]):
        return lines[0].rstrip("\r\n").split(spec.delimiter)
    try:
        quoting: dict[str, Any] = {"doublequote": False, "escapechar": escape} if escape else {}
        return next(csv.reader(lines, delimiter=spec.delimiter, strict=True, **quoting))
    except csv.Error as error:
        return None if "unexpected end" in str(error) else f"a quoted field is broken: {error}"


def _swallows(row: list[str], delimiter: str) -> bool:
    """True where a field over several lines holds a whole row: two open quotes that seem to make a pair."""
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


def codec(spec: Source) -> str:
    """Python's name of the encoding; a byte order mark before UTF-8 is no part of the first column."""
    encoding = codecs.lookup(spec.encoding).name
    return "utf-8-sig" if encoding in ("utf-8", "ascii") else encoding


def _undecodable_line(path: Path, codec: str) -> int:
    """In the chunk that fails, byte by byte, since some codecs do not say where in it they failed."""
    decoder, line, size = codecs.getincrementaldecoder(codec)(), 1, 1 << 16
    with opened_bytes(path) as file:
        while chunk := file.read(size):
            state = decoder.getstate()
            try:
                line += decoder.decode(chunk).count("\n")
            except UnicodeError:
                if size == 1:
                    break
                decoder.setstate(state)
                file.seek(-len(chunk), os.SEEK_CUR)
                size = 1
    return line


def shown(columns: tuple[str, ...]) -> str:
    return f"({listed(columns)})"


def raw_rows(path: Path, name: str, spec: Source, lines: Collection[int]) -> Iterator[tuple[int, str]]:
    """The rows that begin on these lines: their lines, and their text without the last line end.

    Of a CSV file that is every physical line of the row; of any other source one JSON object of the row's
    columns.
    """
    if spec.format not in ("csv", "xlsx"):
        yield from _parquet_rows(path, lines)
        return
    for line, _, text in file_rows(path, name, spec, header(path, name, spec), lines):
        yield line, text.removesuffix("\n").removesuffix("\r")


def file_rows(
    path: Path, name: str, spec: Source, columns: Sequence[str], only: Collection[int] | None = None
) -> Iterator[tuple[int, list[str] | str, str]]:
    """The ``rows`` of a CSV file or workbook; those of a workbook have a raw text where ``only`` is given."""
    if spec.format == "csv":
        with opened_text(path, name, spec) as file:
            yield from rows(file, len(columns), spec, only)
        return
    for line, row in workbook_rows(path, name, spec, len(columns), only):
        as_text = (
            "" if only is None or isinstance(row, str) else as_json(dict(zip(columns, row, strict=True)))
        )
        yield line, row, row if isinstance(row, str) else as_text


def _parquet_rows(path: Path, lines: Collection[int]) -> Iterator[tuple[int, str]]:
    with duckdb.connect() as con:
        con.register("wanted", pa.table({"line": pa.array(sorted(lines), pa.int64())}))
        reader = con.sql(
            "SELECT file_row_number + 1 AS file_row_number, * EXCLUDE (file_row_number) "
            f"FROM read_parquet({sql_text(path)}, file_row_number = true, hive_partitioning = false) "
            "WHERE file_row_number + 1 IN (SELECT line FROM wanted)"
        ).to_arrow_reader(10_000)
        for batch in reader:
            columns = {name: _objects(column) for name, column in zip(batch.schema.names, batch, strict=True)}
            for values in zip(*columns.values(), strict=True):
                row = dict(zip(columns, values, strict=True))
                yield row.pop("file_row_number"), as_json(row)


def _objects(column: "pa.Array[Any]") -> list[Any]:
    """The values as Python has them; as text where it has not, such as a day in the year 20000 or none."""
    try:
        return column.to_pylist()
    except (OverflowError, ValueError):
        with duckdb.connect() as con:
            con.register("given", pa.table({"value": column}))
            return [text for (text,) in con.sql("SELECT CAST(value AS VARCHAR) FROM given").fetchall()]


def as_json(row: dict[str, Any]) -> str:
    """One row as JSON; numbers that are exact, dates and what JSON has no word for are written as text."""
    plain = {name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
             for name, value in row.items()}  # fmt: skip
    return json.dumps(plain, ensure_ascii=False, default=str)
