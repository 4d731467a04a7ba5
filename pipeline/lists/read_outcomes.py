"""The outcomes typed into a workbook of lists: all are recorded, or none, with the rows to correct."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from configs.errors import DataError, did_you_mean
from configs.published import ALERT_FEEDBACK, OUTCOMES, Score
from pipeline.context import Context
from pipeline.lists.filled_workbooks import Line, lines_of
from serve.store import alert_feedback
from serve.store.alert_feedback import AlertFeedback
from serve.store.contact_entries import LONGEST_AGO, ContactError, check_times
from serve.store.contacts import LONGEST_NOTE, Author, Contact, record, with_keys
from serve.store.read_session import ReadSession
from serve.store.store import Store
from serve.texts.wording import TEXTS

MOST_FAULTS = 40  # that are named at once
# What may be typed: the words of either language, or the code itself.
CODES: Mapping[str, Mapping[str, str]] = {
    kind: {
        typed: code
        for code in known
        for typed in (code, *(text[f"{kind}.{code}"] for text in TEXTS.values()))
    }
    for kind, known in (("outcome", OUTCOMES), ("feedback", ALERT_FEEDBACK))
}
Became = Literal["new", "changed", "same", "empty", "feedback"]


def read_outcomes(bank: Context, path: Path, called_by: str = "") -> Counter[Became]:
    """Records what a workbook holds, in one transaction; the number of rows by what became of them.

    They are new, changed since they were read before, the same, or empty: without an outcome. ``feedback`` is
    the number of verdicts recorded, with or without an outcome. ``called_by`` is the manager who called the
    customers of a branch's own list. Raises DataError, naming each row that is wrong, and then nothing is
    recorded.
    """
    lines = lines_of(path)
    filled = [line for line in lines if line.filled_in]
    reason_groups: dict[str, str] = {}
    at = bank.clock()
    with Store(bank.home.store) as store:
        if filled:
            run_id = next((line["run_id"] for line in filled if line["run_id"]), None)
            with store.at_run(run_id) as read_session:
                faults = list(_faults(read_session, filled, called_by, at))
                if faults:
                    raise _refusal(path, faults)
                reason_groups = _reason_groups(read_session, filled)
        author = Author(bank.user, bank.audit_key)
        became: Counter[Became] = Counter()
        with store.write() as connection:
            for line in filled:
                if line["outcome"]:
                    became[_record(connection, _contact(line, called_by, at), line, author)] += 1
                if line["feedback"]:
                    verdict = _verdict(line, called_by, at, reason_groups[line["customer_id"]])
                    became["feedback"] += _record_verdict(connection, verdict, author)
    became["empty"] = sum(not line["outcome"] for line in lines)
    return became


def _record(connection: Connection, contact: Contact, line: Line, author: Author) -> Became:
    """A row that tells otherwise than before is a further contact, and the latest one counts.

    What was recorded stays, as whoever returns a list a second time has mostly called a second time.
    """
    before = with_keys(connection, contact.customer_id, contact.key)
    if before and _tells_the_same(line, contact, before[-1]):
        return "same"
    record(connection, replace(contact, key=f"{contact.key}{len(before) + 1}"), author)
    return "changed" if before else "new"


def _tells_the_same(line: Line, contact: Contact, before: Contact) -> bool:
    """A workbook without the column of follow-ups tells nothing of them."""
    follow_up_on = contact.follow_up_on if "follow_up" in line.texts else before.follow_up_on
    content = (contact.outcome, contact.note, follow_up_on)
    return content == (before.outcome, before.note, before.follow_up_on)


def _record_verdict(connection: Connection, verdict: AlertFeedback, author: Author) -> bool:
    """False where the row tells the verdict that it told before."""
    before = alert_feedback.with_keys(connection, verdict.customer_id, verdict.key)
    if before and before[-1].feedback == verdict.feedback:
        return False
    alert_feedback.record(connection, replace(verdict, key=f"{verdict.key}{len(before) + 1}"), author)
    return True


def _contact(line: Line, called_by: str, at: datetime) -> Contact:
    return Contact(
        key=line.key,
        customer_id=line["customer_id"],
        manager_id=line["manager_id"] or called_by,
        run_id=line["run_id"],
        outcome=CODES["outcome"][line["outcome"]],
        note=line["note"],
        recorded_at=at,
        follow_up_on=line.follow_up_on,
    )


def _verdict(line: Line, called_by: str, at: datetime, reason_group: str) -> AlertFeedback:
    return AlertFeedback(
        key=line.key,
        customer_id=line["customer_id"],
        manager_id=line["manager_id"] or called_by,
        run_id=line["run_id"],
        reason_group=reason_group,
        feedback=CODES["feedback"][line["feedback"]],
        recorded_at=at,
    )


def _reason_groups(read_session: ReadSession, lines: Sequence[Line]) -> dict[str, str]:
    """The group of the first reason in the run, by customer of a line with a verdict; empty without one."""
    groups = {}
    for line in lines:
        if line["feedback"]:
            score = read_session.customer(line["customer_id"])
            reasons = score.reasons if isinstance(score, Score) else ()
            groups[line["customer_id"]] = reasons[0].group if reasons else ""
    return groups


def _faults(read_session: ReadSession, lines: Sequence[Line], called_by: str, at: datetime) -> Iterator[str]:
    """The fault of each row, without a word of its content, which is about a customer."""
    managers = [manager.manager_id for manager in read_session.managers()]
    if called_by and managers and called_by not in managers:
        yield f"CALLED_BY: the run knows no manager {called_by!r}. {did_you_mean(called_by, managers)}"
    decisions = read_session.decisions({line["customer_id"] for line in lines}).values()
    lists = {decision.customer_id: decision.manager_id for decision in decisions if decision.rank is not None}
    rows: dict[str, Line] = {}
    for line in lines:
        fault = (
            _fault_within(line)
            or _fault_of_list(line, read_session, lists, called_by)
            or _fault_of_day(line, read_session, called_by, at)
        )
        twice = rows.setdefault(line["customer_id"], line)
        if fault:
            yield f"{line}: {fault}"
        elif twice is not line:
            yield f"{line}: the same customer as in {twice}. Keep one of the two."


def _fault_within(line: Line) -> str:
    if line.formulas:
        return f"a formula in {', '.join(line.formulas)}. Type what is meant."
    if not line["customer_id"]:
        return "something typed beside no customer. Move it to the customer's row."
    if line["customer"] != line["customer_id"]:
        return "the customer's number was changed. Take the number of the list again."
    for kind, known in CODES.items():
        if line[kind] and line[kind] not in known:
            return f"an unknown {kind}. {did_you_mean(line[kind], known)}"
    for name, called in (("note", "a note"), ("follow_up", "a follow-up")):
        if line[name] and not line["outcome"]:
            return f"{called} without an outcome. Choose an outcome."
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


def _fault_of_day(line: Line, read_session: ReadSession, called_by: str, at: datetime) -> str:
    """The fault of the follow-up; that of a row which was recorded before may be over."""
    if not line["follow_up"]:
        return ""
    try:
        contact = _contact(line, called_by, at)
    except ValueError:
        return f"a follow-up that is no date. Type it as {at.date()}."
    if contact.outcome == "no_contact":
        return "a follow-up of who wants no more calls. Keep one of the two."
    before = with_keys(read_session.connection, contact.customer_id, contact.key)
    if before and _tells_the_same(line, contact, before[-1]):
        return ""
    try:
        check_times(contact)
    except ContactError:
        most = LONGEST_AGO.days
        return f"a follow-up of today or before, or more than {most} days ahead. Change or clear it."
    return ""


def _refusal(path: Path, faults: Sequence[str]) -> DataError:
    more = [f"… and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    named = "\n  ".join([*faults[:MOST_FAULTS], *more])
    return DataError(f"{path}: nothing was recorded. Correct these rows and read the file again.\n  {named}")
