"""The rows of a list that somebody has filled in: an .xlsx from outside, so that nothing in it is trusted.

Each sheet with a list has a row of names above its headings, hidden from people: ``outcome``,
``customer_id``, …
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from configs.errors import DataError

NAMES = ("run_id", "manager_id", "customer", "customer_id", "outcome", "note")
MOST_BYTES = 5_000_000  # of the file; a list of 1,000 customers takes about 0.2 MB
MOST_UNPACKED = 20_000_000  # of all its parts together
MOST_ROWS, MOST_COLUMNS, TITLE_ROWS = 5_000, 100, 10  # of a sheet; the row of names is among the first


@dataclass(frozen=True)
class Line:
    """One row of a list below its headings: the text in each of NAMES, and those of them with a formula."""

    sheet: str
    number: int
    texts: Mapping[str, str]
    formulas: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        return self.texts[name]

    @property
    def filled_in(self) -> bool:
        return bool(self["outcome"] or self["note"] or self.formulas)

    def __str__(self) -> str:
        return f"sheet {self.sheet!r}, row {self.number}"


def lines_of(path: Path) -> tuple[Line, ...]:
    """The rows of all lists in a workbook.

    Raises DataError for what is no workbook, too large, or without a list.
    """
    content = _guarded(path)
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of what it does not keep
            book = load_workbook(BytesIO(content), read_only=True, keep_links=False)
            sheets = {sheet.title: _rows(sheet) for sheet in book.worksheets}
    except Exception as error:  # a damaged part lets openpyxl fail in any way
        raise _unreadable(path, f"{type(error).__name__} in it") from None
    lines = [line for title, rows in sheets.items() for line in _lines(path, title, rows)]
    if not any(_place_of_names(rows) for rows in sheets.values()):
        raise DataError(
            f"{path} has no sheet with a list: none has a row of the names {', '.join(NAMES)}. Give the "
            "workbook "
            "that was written for the week, with its sheets and columns as they were."
        )
    return tuple(lines)


SheetRow = tuple[Any, ...]


def _guarded(path: Path) -> bytes:
    """The bytes of a file that unpacks to something of a sensible size, without declarations of entities."""
    if not path.is_file():
        raise DataError(f"there is no file {path}. Name a workbook in FILE.")
    if path.stat().st_size > MOST_BYTES:
        raise _unreadable(path, f"it has {path.stat().st_size:,} bytes of at most {MOST_BYTES:,}")
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(BytesIO(content)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())  # no more than that is ever unpacked
            if unpacked > MOST_UNPACKED:
                raise _unreadable(path, f"it unpacks to {unpacked:,} bytes of at most {MOST_UNPACKED:,}")
            declared = any(b"<!DOCTYPE" in parts.read(part) for part in parts.infolist())
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        raise _unreadable(path, "it is damaged, of another kind, or has a password") from None
    if declared:
        raise _unreadable(path, "it declares entities")
    return content


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} cannot be read as an .xlsx workbook: {why}. Save the list anew from the workbook of the "
        "week."
    )


def _rows(sheet: Any) -> list[SheetRow]:
    """The rows that can be of a list, and one more where there are too many."""
    return list(islice(sheet.iter_rows(max_col=MOST_COLUMNS), MOST_ROWS + 1))


def _place_of_names(rows: list[SheetRow]) -> int:
    """The number of the row of names, from 1; 0 for a sheet without a list."""
    for number, cells in enumerate(rows[:TITLE_ROWS], start=1):
        if set(NAMES) <= {cell.value for cell in cells}:
            return number
    return 0


def _lines(path: Path, title: str, rows: list[SheetRow]) -> Iterator[Line]:
    names = _place_of_names(rows)
    if not names:
        return
    if len(rows) > MOST_ROWS:
        raise _unreadable(path, f"sheet {title!r} has more than {MOST_ROWS:,} rows")
    place = {cell.value: column for column, cell in enumerate(rows[names - 1])}
    for number, cells in enumerate(rows[names + 1 :], start=names + 2):  # after names come the headings
        of = {name: cells[place[name]] for name in NAMES if place[name] < len(cells)}
        line = Line(
            title,
            number,
            {name: _text(of[name].value) if name in of else "" for name in NAMES},
            tuple(name for name, cell in of.items() if cell.data_type == "f"),
        )
        if line["customer_id"] or line.filled_in:  # below the list stand notes, in other columns
            yield line


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return unescape(str(value)).replace("\r\n", "\n").strip()
