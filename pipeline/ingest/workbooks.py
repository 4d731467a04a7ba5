"""Rows of Excel workbooks (.xlsx) as text: what a cell shows by its value, or a reason why it shows none.

Numbers have the 15 digits that Excel shows, whole ones no decimals; days and moments are ISO. A cell with an
error, a formula that nobody has computed, and merged cells have no value of their own: such rows are refused.
Lines are those that Excel shows.
"""

import re
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from html import unescape
from pathlib import Path
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from configs.errors import DataError
from configs.source import Source
from pipeline.ingest.file_kinds import refuse_other_kind

_CELL = re.compile(rb'<(?:\w+:)?c r="([A-Z]+)(\d+)"([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)', re.DOTALL)
_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
_VALUE = re.compile(rb"<(?:\w+:)?v>[^<]")


def visible_sheets(path: Path) -> list[str]:
    """The names of a workbook's visible sheets; none of a file that is no workbook."""
    try:
        with CalamineWorkbook.from_path(path) as book:
            return _visible(book)
    except (CalamineError, PasswordError):
        return []


def _visible(book: CalamineWorkbook) -> list[str]:
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    return [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]


def workbook_header(path: Path, name: str, spec: Source) -> tuple[str, ...]:
    """The column names of a workbook's sheet. Raises DataError for a workbook or header that is none."""
    with _opened(path, name, spec) as sheet:
        if spec.columns:
            return spec.columns
        rows = sheet.to_python(skip_empty_area=False, nrows=spec.skip + 1)
        merged = [
            cells for cells in sheet.merged_cell_ranges or () if cells[0][0] <= spec.skip <= cells[1][0]
        ]
    header = [cell_text(cell, spec) for cell in rows[spec.skip]] if len(rows) > spec.skip else []
    while header and not header[-1]:
        header.pop()
    if not header:
        raise DataError(f"{path} has no header in row {spec.skip + 1}. Set skip in [sources.{name}].")
    if merged:
        raise DataError(
            f"{path} has merged cells in its header, row {spec.skip + 1}: a column would have no name. "
            f"Unmerge them, or set skip and columns in [sources.{name}] of bank.toml."
        )
    return tuple(header)


def workbook_rows(
    path: Path, name: str, spec: Source, width: int, only: Collection[int] | None = None
) -> Iterator[tuple[int, list[str] | str]]:
    """Each row below the header: its line, its cells as text or why it is none. Blank rows are no rows."""
    with _opened(path, name, spec) as sheet:
        rows = sheet.to_python(skip_empty_area=False)
        faults = _merged(sheet) | _without_value(path, sheet.name)
    first = spec.skip + (0 if spec.columns else 1)
    for line, cells in enumerate(rows[first:], start=first + 1):
        if only is not None and line not in only:
            continue
        texts = [cell_text(cell, spec) for cell in cells]
        if line in faults:
            yield line, faults[line]
        elif any(texts[width:]):
            yield line, f"too many fields: {len(texts)}, the header has {width}"
        elif any(texts):
            yield line, [*texts[:width], *[""] * (width - len(texts))]


def cell_text(cell: Any, spec: Source) -> str:
    """The value of a cell as text, numbers with the decimal mark of the source."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float):
        text = str(int(cell)) if cell == int(cell) and abs(cell) < 1e15 else f"{cell:.15g}"
        return text.replace(".", spec.decimal or ".")
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)


@contextmanager
def _opened(path: Path, name: str, spec: Source) -> Iterator[CalamineSheet]:
    """The sheet of a workbook that a source reads: the one of its settings, else its only visible one."""
    with path.open("rb") as file:
        refuse_other_kind(path, file.read(1024), name, spec)
    try:
        with CalamineWorkbook.from_path(path) as book:
            sheets = [sheet.name for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
            visible = _visible(book)
            chosen = spec.sheet or (visible[0] if len(visible) == 1 else "")
            if chosen not in sheets:
                what = f"no sheet {spec.sheet!r}" if spec.sheet else "several sheets"
                raise DataError(
                    f"{path} has {what}: {', '.join(sheets)}. Set sheet in [sources.{name}] of bank.toml."
                )
            yield book.get_sheet_by_name(chosen)
    except PasswordError:
        raise DataError(f"{path} has a password. Deliver it without one.") from None
    except CalamineError:
        raise DataError(f"{path} is cut off, or no Excel workbook at all. Deliver it again.") from None


def _merged(sheet: CalamineSheet) -> dict[int, str]:
    """By line, that cells of it are merged."""
    return {
        line + 1: "cells are merged: only the first of them holds the value"
        for (top, _), (bottom, _) in sheet.merged_cell_ranges or ()
        for line in range(top, bottom + 1)
    }


def _without_value(path: Path, sheet: str) -> dict[int, str]:
    """By line, a cell that is an error or a formula without its value: for both a reader finds nothing."""
    content = _content(path, sheet)
    faults: dict[int, str] = {}
    if b't="e"' not in content and not _FORMULA.search(content):
        return faults
    for column, line, attributes, inner in _CELL.findall(content):
        cell = f"cell {column.decode()}{line.decode()}"
        if b't="e"' in attributes:
            faults.setdefault(int(line), f"{cell} is an error, such as #N/A")
        elif b't="str"' not in attributes and _FORMULA.search(inner) and not _VALUE.search(inner):
            faults.setdefault(int(line), f"{cell} is a formula without a value: open it in Excel and save it")
    return faults


def _content(path: Path, sheet: str) -> bytes:
    """The XML of a sheet."""
    with zipfile.ZipFile(path) as archive:
        book = archive.read("xl/workbook.xml").decode("utf-8", "replace")
        links = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
        for tag in re.findall(r"<(?:\w+:)?sheet [^>]*>", book):
            attributes = dict(re.findall(r'([\w:]+)="([^"]*)"', tag))
            if unescape(attributes.get("name", "")) == sheet:
                link = attributes.get("r:id") or next(v for k, v in attributes.items() if k.endswith(":id"))
                for relation in re.findall(r"<(?:\w+:)?Relationship [^>]*>", links):
                    parts = dict(re.findall(r'(\w+)="([^"]*)"', relation))
                    if parts.get("Id") == link:
                        target = parts["Target"]
                        return archive.read(target.lstrip("/") if target.startswith("/") else f"xl/{target}")
    return b""
