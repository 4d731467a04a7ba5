"""Reads what was typed into the lists of a workbook, row by row.

It is an .xlsx from outside, so that nothing in it is trusted. Each sheet with a list has a row of names above
its headings, hidden from people: ``outcome``, ``customer_id``, …
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from configs.errors import DataError

NAMES = ("run_id", "manager_id", "customer", "customer_id", "outcome", "note")
LATER_NAMES = ("follow_up", "feedback")  # which a workbook of an earlier release lacks
MOST_BYTES = 5_000_000  # of the file; a list of 1,000 customers takes about 0.2 MB
MOST_UNPACKED = 20_000_000  # of all its parts together
MOST_ROWS, MOST_COLUMNS, TITLE_ROWS = 5_000, 100, 10  # of a sheet; the row of names is among the first


@dataclass(frozen=True)
class Line:
    """One row of a list below its headings: the text by name, and the names of those with a formula."""

    sheet: str
    number: int
    texts: Mapping[str, str]
    formulas: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")

    @property
    def filled_in(self) -> bool:
        return bool(self.formulas or any(self[name] for name in ("outcome", "note", *LATER_NAMES)))

    @property
    def key(self) -> str:
        """Of what the row records, without its last part: how many times the row was changed."""
        return f"workbook/{self['run_id']}/{self['customer_id']}/"

    @property
    def follow_up_on(self) -> date | None:
        """Raises ValueError for what is no day."""
        return date.fromisoformat(self["follow_up"]) if self["follow_up"] else None

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
            # The rows that can be of a list, and one more where there are too many.
            sheets = {
                sheet.title: list(islice(sheet.iter_rows(max_col=MOST_COLUMNS), MOST_ROWS + 1))
                for sheet in book.worksheets
            }
    except Exception as error:  # a damaged part lets openpyxl fail in any way
        raise _unreadable(path, f"{type(error).__name__} in it") from None
    places = {title: place for title, rows in sheets.items() if (place := _place_of_names(rows))}
    if not places:
        raise DataError(
            f"{path} has no sheet with a list: none has a row of the names {', '.join(NAMES)}. Give the "
            "workbook that was written for the week, with its sheets and columns as they were."
        )
    return tuple(
        line for title, place in places.items() for line in _lines(path, title, sheets[title], place)
    )


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
            if any(b"<!DOCTYPE" in parts.read(part) for part in parts.infolist()):
                raise _unreadable(path, "it declares entities")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        raise _unreadable(path, "it is damaged, of another kind, or has a password") from None
    return content


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} cannot be read as an .xlsx workbook: {why}. "
        "Save the list anew from the workbook of the week."
    )


def _place_of_names(rows: list[tuple[Any, ...]]) -> int:
    """The number of the row of names, from 1; 0 for a sheet without a list."""
    first = enumerate(rows[:TITLE_ROWS], start=1)
    return next((number for number, cells in first if set(NAMES) <= {cell.value for cell in cells}), 0)


def _lines(path: Path, title: str, rows: list[tuple[Any, ...]], names: int) -> Iterator[Line]:
    """The rows below the row ``names`` and the headings that are about a customer."""
    if len(rows) > MOST_ROWS:
        raise _unreadable(path, f"sheet {title!r} has more than {MOST_ROWS:,} rows")
    place = {cell.value: column for column, cell in enumerate(rows[names - 1])}
    for number, cells in enumerate(rows[names + 1 :], start=names + 2):
        known = [name for name in (*NAMES, *LATER_NAMES) if name in place]
        of = {name: cells[place[name]] for name in known if place[name] < len(cells)}
        line = Line(
            title,
            number,
            {name: _text(of[name].value) if name in of else "" for name in known},
            tuple(name for name, cell in of.items() if cell.data_type == "f"),
        )
        if line["customer_id"] or line.filled_in:  # below the list stand notes, in other columns
            yield line


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return unescape(str(value)).replace("\r\n", "\n").strip()
