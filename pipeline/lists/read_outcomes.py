"""The outcomes typed into a workbook of lists: all are recorded, or none, with the rows to correct.

It is an .xlsx from outside, so that nothing in it is trusted. Each sheet with a list has a row of names above
its headings, hidden from people: ``outcome``, ``customer_id``, …
"""

import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from openpyxl import load_workbook
from openpyxl.utils.escape import unescape
from sqlalchemy import Connection

from configs.errors import DataError, did_you_mean
from configs.published import OUTCOMES
from pipeline.context import Context
from serve.store.contacts import LONGEST_NOTE, Author, Contact, record, with_keys
from serve.store.read_session import ReadSession
from serve.store.store import Store
from serve.texts.wording import TEXTS

NAMES = ("run_id", "manager_id", "customer", "customer_id", "outcome", "note")
MOST_BYTES = 5_000_000  # of the file; a list of 1,000 customers takes about 0.2 MB
MOST_UNPACKED = 20_000_000  # of all its parts together
MOST_ROWS, MOST_COLUMNS, TITLE_ROWS = 5_000, 100, 10  # of a sheet; the row of names is among the first
MOST_FAULTS = 40  # that are named at once
# What may be typed: the words of either language, or the code itself.
CODES: Mapping[str, str] = {
    typed: code
    for code in OUTCOMES
    for typed in (code, *(text[f"outcome.{code}"] for text in TEXTS.values()))
}
Became = Literal["new", "changed", "same", "empty"]


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


def read_outcomes(bank: Context, path: Path, called_by: str = "") -> Counter[Became]:
    """Records what a workbook holds, in one transaction; the number of rows by what became of them.

    They are new, changed since they were read before, the same, or empty: without an outcome. ``called_by``
    is the manager who called the customers of a branch's own list. Raises DataError, naming each row that is
    wrong, and then nothing is recorded.
    """
    lines = lines_of(path)
    filled = [line for line in lines if line.filled_in]
    with Store(bank.home.store) as store:
        if filled:
            run_id = next((line["run_id"] for line in filled if line["run_id"]), None)
            with store.at_run(run_id) as read_session:
                faults = list(_faults(read_session, filled, called_by))
            if faults:
                raise _refusal(path, faults)
        author = Author(bank.user, bank.audit_key)
        with store.write() as connection:
            became = Counter(_record(connection, _contact(line, called_by, bank), author) for line in filled)
    became["empty"] = len(lines) - len(filled)
    return became


def _record(connection: Connection, contact: Contact, author: Author) -> Became:
    """A row with another outcome or note than before is a further contact, and the latest one counts.

    What was recorded stays, as whoever returns a list a second time has mostly called a second time.
    """
    before = with_keys(connection, contact.customer_id, contact.key)
    if before and (before[-1].outcome, before[-1].note) == (contact.outcome, contact.note):
        return "same"
    record(connection, replace(contact, key=f"{contact.key}{len(before) + 1}"), author)
    return "changed" if before else "new"


def _contact(line: Line, called_by: str, bank: Context) -> Contact:
    """The key lacks its last part: how many times the row was changed."""
    return Contact(
        key=f"workbook/{line['run_id']}/{line['customer_id']}/",
        customer_id=line["customer_id"],
        manager_id=line["manager_id"] or called_by,
        run_id=line["run_id"],
        outcome=CODES[line["outcome"]],
        note=line["note"],
        recorded_at=bank.clock(),
    )


def _faults(read_session: ReadSession, lines: Sequence[Line], called_by: str) -> Iterator[str]:
    """The fault of each row, without a word of its content, which is about a customer."""
    managers = [manager.manager_id for manager in read_session.managers()]
    if called_by and managers and called_by not in managers:
        yield f"CALLED_BY: the run knows no manager {called_by!r}. {did_you_mean(called_by, managers)}"
    decisions = read_session.decisions({line["customer_id"] for line in lines}).values()
    lists = {decision.customer_id: decision.manager_id for decision in decisions if decision.rank is not None}
    rows: dict[str, Line] = {}
    for line in lines:
        fault = _fault_within(line) or _fault_of_list(line, read_session, lists, called_by)
        twice = rows.setdefault(line["customer_id"], line)
        if fault:
            yield f"{line}: {fault}"
        elif twice is not line:
            yield f"{line}: the same customer as in {twice}. Keep one of the two."


def _fault_within(line: Line) -> str:
    if line.formulas:
        return f"a formula in {', '.join(line.formulas)}. Type what is meant."
    if not line["customer_id"]:
        return "an outcome beside no customer. Move it to the customer's row."
    if line["customer"] != line["customer_id"]:
        return "the customer's number was changed. Take the number of the list again."
    if not line["outcome"]:
        return "a note without an outcome. Choose an outcome."
    if line["outcome"] not in CODES:
        return f"an unknown outcome. {did_you_mean(line['outcome'], CODES)}"
    if len(line["note"]) > LONGEST_NOTE or "\x00" in line["note"]:
        return f"a note of {len(line['note'])} characters, of at most {LONGEST_NOTE}. Make it shorter."
    return ""


def _fault_of_list(
    line: Line, read_session: ReadSession, lists: Mapping[str, str | None], called_by: str
) -> str:
    """The fault of a row by the run's lists: manager_id by customer, None on a branch's own."""
    if line["run_id"] != read_session.run.run_id:
        return (
            f"of run {line['run_id']}, but the file is of run {read_session.run.run_id}. "
            "Read each file by itself."
        )
    if line["customer_id"] not in lists or (lists[line["customer_id"]] or "") != line["manager_id"]:
        return "the customer is not on that list. Remove the row."
    if not (line["manager_id"] or called_by):
        return "on a list without a manager. Say who called in CALLED_BY."
    return ""


def _refusal(path: Path, faults: Sequence[str]) -> DataError:
    more = [f"… and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    named = "\n  ".join([*faults[:MOST_FAULTS], *more])
    return DataError(f"{path}: nothing was recorded. Correct these rows and read the file again.\n  {named}")


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
