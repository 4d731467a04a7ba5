"""The outcomes typed into a workbook of lists: all are recorded, or none, with the rows to correct."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from configs.errors import DataError, did_you_mean
from configs.published import OUTCOMES
from pipeline.context import Context
from pipeline.lists.filled_workbooks import Line, lines_of
from serve.store.contacts import LONGEST_NOTE, Author, Contact, record, with_keys
from serve.store.read_session import ReadSession
from serve.store.store import Store
from serve.texts.wording import TEXTS

MOST_FAULTS = 40  # that are named at once
# What may be typed: the words of either language, or the code itself.
CODES: Mapping[str, str] = {
    typed: code
    for code in OUTCOMES
    for typed in (code, *(text[f"outcome.{code}"] for text in TEXTS.values()))
}
Became = Literal["new", "changed", "same"]


@dataclass(frozen=True)
class Recorded:
    """Counts of rows: new, changed since they were read before, unchanged, and without an outcome."""

    new: int
    changed: int
    same: int
    empty: int


def read_outcomes(bank: Context, path: Path, called_by: str = "") -> Recorded:
    """Records what a workbook holds, in one transaction.

    ``called_by`` is the manager who called the customers of a branch's own list. Raises DataError, naming
    each row that is wrong, and then nothing is recorded.
    """
    lines = lines_of(path)
    filled = [line for line in lines if line.filled_in]
    with Store(bank.home.store) as store:
        if filled:
            run_id = next((line["run_id"] for line in filled if line["run_id"]), None)
            with store.at_run(run_id) as read_session:
                _refuse(path, list(_faults(read_session, filled, called_by)))
        author = Author(bank.user, bank.audit_key)
        contacts = [_contact(line, called_by, bank) for line in filled]
        with store.write() as connection:
            became = Counter(_record(connection, contact, author) for contact in contacts)
    return Recorded(became["new"], became["changed"], became["same"], len(lines) - len(filled))


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
    if called_by and called_by not in managers:
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
    """The fault of a row that does not fit the run's lists (manager_id by customer, None on a
    branch's own).
    """
    if line["run_id"] != read_session.run.run_id:
        file_run = read_session.run.run_id
        return f"of run {line['run_id']}, but the file is of run {file_run}. Read each file by itself."
    if line["customer_id"] not in lists or (lists[line["customer_id"]] or "") != line["manager_id"]:
        return "the customer is not on that list. Remove the row."
    if not (line["manager_id"] or called_by):
        return "on a branch's own list. Say who called in CALLED_BY."
    return ""


def _refuse(path: Path, faults: Sequence[str]) -> None:
    if faults:
        more = [f"… and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        named = "\n  ".join([*faults[:MOST_FAULTS], *more])
        raise DataError(f"{path}: nothing was recorded. Mend these rows and read the file again.\n  {named}")
