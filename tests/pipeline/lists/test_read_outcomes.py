"""Outcomes from a workbook: recorded as one, or refused row by row; read twice they are recorded once."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import select
from typer.testing import CliRunner

from configs.bank_folder import load_settings
from configs.call_lists import CallList
from configs.errors import DataError
from configs.published import Decision, Manager, Reason, Score
from pipeline.__main__ import app
from pipeline.context import Context
from pipeline.lists.filled_workbooks import LATER_NAMES, NAMES
from pipeline.lists.read_outcomes import read_outcomes
from serve.store import alert_feedback, audit, contacts, tables
from serve.store.contacts import LONGEST_NOTE, latest_of, opted_out
from serve.store.store import Store
from serve.texts.wording import TEXTS
from serve.workbooks.excel import write_lists
from tests.serve.conftest import published_run

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
SOON = datetime(2026, 12, 1)
MANAGER = Manager("M1", "张伟", "B1", 5)
OTHER = Manager("M2", "李雷", "B1", 5)


def score(customer, manager):
    reasons = (Reason("salary", "salary_gap", None, 1.0, "", ""),) if customer == "c1" else ()
    return Score(customer, "B1", manager, "affluent", "mature", False, 9, 7, "high", reasons, risk_90d=0.5)


def decided(one, rank):
    verdict = ("listed", "most_to_keep") if rank else ("beyond_capacity", "less_to_keep")
    return Decision(one.customer_id, one.branch_id, one.manager_id, *verdict, 2, rank)


def call_list(manager, listed, *others):
    decisions = [decided(score, rank) for rank, score in enumerate(listed, start=1)]
    decisions += [decided(score, None) for score in others]
    return CallList("B1", manager, tuple(listed), len(decisions), 1, 7, tuple(decisions))


def publish(bank, run_id="run-1"):
    """M1 is to call c1, c2, c3, but not c7; M2 c8; the branch c9."""
    own, other, alone = (
        [score(f"c{n}", m) for n in ns] for ns, m in (((1, 2, 3), "M1"), ((8,), "M2"), ((9,), None))
    )
    beyond = score("c7", "M1")
    lists = [call_list(MANAGER, own, beyond), call_list(OTHER, other), call_list(None, alone)]
    everyone = [*own, beyond, *other, *alone]
    run = published_run(run_id, cohort=len(everyone), excluded={})
    with Store(bank.home.store) as store:
        store.publish(run, everyone, [], lists)
    return lists


@pytest.fixture
def bank(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTRITION_USER", "li")
    bank = Context(load_settings("demo"), tmp_path, lambda: NINE)
    publish(bank)
    return bank


@pytest.fixture
def path(tmp_path):
    return tmp_path / "list.xlsx"


def row(customer, outcome=None, note=None, run_id="run-1", manager="M1", shown=None, **later):
    """``later``: follow_up, feedback."""
    place = {"customer": shown or customer, "customer_id": customer, "run_id": run_id, "manager_id": manager}
    return place | {"outcome": outcome, "note": note} | later


@pytest.fixture
def read(bank, path):
    """Reads rows from a workbook; they begin in its third row. It is of an earlier release where no row has
    what was added later.
    """

    def saved(*rows, called_by=""):
        later = LATER_NAMES if any(name in one for one in rows for name in LATER_NAMES) else ()
        names = (*NAMES, *later)
        book = Workbook()
        sheet = book.active
        sheet.title = "L"
        for cells in (names, names, *([one.get(name) for name in names] for one in rows)):
            sheet.append(cells)
        book.save(path)
        return read_outcomes(bank, path, called_by)

    return saved


def told(bank):
    """Customer, manager, outcome and note of all contacts, the oldest first."""
    columns = (tables.contacts.c[name] for name in ("customer_id", "manager_id", "outcome", "note"))
    with Store(bank.home.store) as store, store.read() as connection:
        return [
            tuple(one) for one in connection.execute(select(*columns).order_by(tables.contacts.c.contact_id))
        ]


def faults(read, *rows, **options):
    """The faults told, each without the sheet's name."""
    with pytest.raises(DataError) as raised:
        read(*rows, **options)
    first, *others = str(raised.value).splitlines()
    assert first.endswith("list.xlsx: nothing was recorded. Correct these rows and read the file again.")
    return [one.strip().removeprefix("sheet 'L', ") for one in others]


def test_outcomes_are_recorded_in_either_language_with_their_audit_entries(bank, read):
    found = read(row("c1", "愿意留下", "谈了续存"), row("c2", "No answer"), row("c3"))
    assert found == Counter(new=2, empty=1)
    assert told(bank) == [("c1", "M1", "will_stay", "谈了续存"), ("c2", "M1", "no_answer", None)]
    with Store(bank.home.store) as store, store.read() as connection:
        (contact,) = latest_of(connection, "c1", 9)
        assert (contact.run_id, contact.recorded_at) == ("run-1", NINE)
        entries = audit.entries(connection)
        logged = [(one.actor, one.action, one.subject) for one in entries]
        assert logged == [("li", "record contact", "c1"), ("li", "record contact", "c2")]
        assert audit.verify(connection, bank.audit_key) == []


def test_the_same_file_again_changes_nothing(bank, read):
    rows = row("c1", "愿意留下", "谈了"), row("c2", "未接通")
    read(*rows)
    before = told(bank)
    assert read(*rows) == Counter(same=2)
    assert told(bank) == before


def test_what_is_told_otherwise_is_a_further_contact_and_the_latest_counts(bank, read):
    read(row("c1", "未接通"))
    assert read(row("c1", "愿意留下")) == Counter(changed=1)
    assert read(row("c1", "愿意留下"))["same"] == 1
    assert read(row("c1", "未接通"))["changed"] == 1  # back to what it was is told otherwise too
    assert [one[2] for one in told(bank)] == ["no_answer", "will_stay", "no_answer"]
    assert read(row("c1")) == Counter(empty=1)  # nothing is taken back
    assert len(told(bank)) == 3


def kept(bank):
    """Customer and follow-up of all contacts; customer, manager, run, first reason and verdict of alerts."""
    with Store(bank.home.store) as store, store.read() as connection:
        days = [(one.customer_id, one.follow_up_on) for one in contacts.oldest_first(connection)]
        verdicts = alert_feedback.recorded_after(connection, 0, 99, 0)
        fields = ("customer_id", "manager_id", "run_id", "reason_group", "feedback")
        assert audit.verify(connection, bank.audit_key) == []
        return days, [tuple(getattr(one, name) for name in fields) for one in verdicts]


def test_a_follow_up_and_a_verdict_are_recorded_once_and_again_when_they_change(bank, read):
    """A day as Excel or as text has it; a verdict needs no call. Read again, also months later, nothing is
    new; a workbook without these columns tells nothing of them.
    """
    week = timedelta(weeks=1)
    rows = [
        row("c1", "愿意留下", "谈了", follow_up=SOON, feedback="有用"),
        row("c2", "No answer", follow_up=" 2026-12-02 "),
        row("c3", feedback="Transfer between own accounts"),
    ]
    days = [("c1", date(2026, 12, 1)), ("c2", date(2026, 12, 2))]
    verdicts = [("c1", "M1", "run-1", "salary", "useful"), ("c3", "M1", "run-1", "", "own_transfer")]
    assert read(*rows) == Counter(new=2, empty=1, feedback=2)
    assert kept(bank) == (days, verdicts)
    object.__setattr__(bank, "clock", lambda: NINE + 9 * week)
    earlier = [row("c1", "愿意留下", "谈了"), row("c2", "未接通"), row("c3")]
    for again in (rows, earlier):
        assert read(*again) == Counter(same=2, empty=1)
    assert kept(bank) == (days, verdicts)

    object.__setattr__(bank, "clock", lambda: NINE + week)
    changed = [
        rows[0] | {"follow_up": SOON + week, "feedback": "判断有误"},
        rows[1] | {"follow_up": None, "feedback": None},
    ]
    assert read(*changed) == Counter(changed=2, feedback=1)
    days += [("c1", date(2026, 12, 8)), ("c2", None)]
    assert kept(bank) == (days, [*verdicts, ("c1", "M1", "run-1", "salary", "wrong")])
    assert read(*changed) == Counter(same=2)
    with Store(bank.home.store) as store, store.read() as connection:
        monday = date(2026, 12, 7)
        due = contacts.newest_with_follow_up(connection, monday, monday - 4 * week, monday + week)
        assert due == {"c1": date(2026, 12, 8)}


def test_a_verdict_given_elsewhere_since_stays_the_newest(bank, read):
    """The same workbook again does not put its own verdict above the page's."""
    told = row("c1", feedback="有用")
    assert read(told)["feedback"] == 1
    with Store(bank.home.store) as store, store.write() as connection:
        newer = alert_feedback.AlertFeedback("page", "c1", "M1", "run-1", "salary", "purchase", NINE)
        alert_feedback.record(connection, newer, contacts.Author("li", bank.audit_key))
    assert read(told)["feedback"] == 0
    assert [verdict for *_, verdict in kept(bank)[1]] == ["useful", "purchase"]


def test_who_wants_no_more_calls_is_opted_out(bank, read):
    read(row("c1", "不愿再被联系"))
    with Store(bank.home.store) as store, store.read() as connection:
        assert opted_out(connection) == {"c1"}


def test_a_branchs_own_list_needs_to_know_who_called(bank, read):
    own = row("c9", "未接通", manager=None)
    assert faults(read, own) == ["row 3: on a list without a manager. Say who called in CALLED_BY."]
    assert faults(read, own, called_by="M3") == ["CALLED_BY: the run knows no manager 'M3'. Known: M1, M2."]
    assert read(own, called_by="M2")["new"] == 1
    assert read(own, called_by="M1")["same"] == 1  # the row tells nothing new
    assert told(bank) == [("c9", "M2", "no_answer", None)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (row("c2", "愿意"), "an unknown outcome. Did you mean '愿意留下'?"),
        (row("c2", "=1+1"), "a formula in outcome. Type what is meant."),
        (row("c2", "未接通", "=A1"), "a formula in note. Type what is meant."),
        (row("c2", None, "谈了"), "a note without an outcome. Choose an outcome."),
        (row("c2", "未接通", "谈" * (LONGEST_NOTE + 1)),
         "a note of 2001 characters, of at most 2000. Make it shorter."),
        (row("c8", "未接通"), "the customer is not on that list. Remove the row."),
        (row("c8", "未接通", manager="M3"), "the customer is not on that list. Remove the row."),
        (row("c9", "未接通"), "the customer is not on that list. Remove the row."),
        (row("c1x", "未接通"), "the customer is not on that list. Remove the row."),
        (row("c7", "未接通"), "the customer is not on that list. Remove the row."),
        (row("c2", "未接通", shown="c3"),
        "the customer's number was changed. Take the number of the list again."),
        (row(None, "未接通"), "something typed beside no customer. Move it to the customer's row."),
        (row(None, feedback="有用"), "something typed beside no customer. Move it to the customer's row."),
        (row("c2", follow_up=SOON), "a follow-up without an outcome. Choose an outcome."),
        (row("c2", feedback="有用", note="谈了"), "a note without an outcome. Choose an outcome."),
        (row("c2", feedback="有"), "an unknown feedback. Did you mean '有用'?"),
        (row("c8", feedback="有用"), "the customer is not on that list. Remove the row."),
        (row("c2", "未接通", follow_up="=TODAY()+7"), "a formula in follow_up. Type what is meant."),
        (row("c2", "未接通", follow_up=46357), "a follow-up that is no date. Type it as 2026-11-20."),
        (row("c2", "未接通", follow_up="2026-02-30"), "a follow-up that is no date. Type it as 2026-11-20."),
        (row("c2", "未接通", follow_up=datetime(2026, 11, 20)),
         "a follow-up of today or before, or more than 366 days ahead. Change or clear it."),
        (row("c2", "未接通", follow_up="2027-11-22"),
         "a follow-up of today or before, or more than 366 days ahead. Change or clear it."),
        (row("c2", "不愿再被联系", follow_up=SOON),
         "a follow-up of who wants no more calls. Keep one of the two."),
        (row("c2", "未接通", run_id="run-0"),
         "of run run-0, but the file is of run run-1. Read each file by itself."),
        (row("c1", "未接通"), "the same customer as in sheet 'L', row 3. Keep one of the two."),
    ],
)  # fmt: skip
def test_one_wrong_row_and_nothing_is_recorded(bank, read, wrong, said):
    assert faults(read, row("c1", "愿意留下"), wrong, row("c3", "未接通")) == [f"row 4: {said}"]
    assert told(bank) == []


def test_every_wrong_row_is_named_up_to_a_number(read, monkeypatch):
    rows = row("c1", "a"), row("c2", "b"), row("c3", None, "c")
    assert [one.split(":")[0] for one in faults(read, *rows)] == ["row 3", "row 4", "row 5"]
    monkeypatch.setattr("pipeline.lists.read_outcomes.MOST_FAULTS", 2)
    assert faults(read, *rows)[2:] == ["… and 1 more"]


def test_no_fault_repeats_what_stands_in_the_file(read):
    secret = "李雷 13800138000"
    rows = (
        row("c1", secret),
        row(secret, "未接通"),
        row("c2", None, secret),
        row("c3", "未接通", shown=secret, follow_up=secret),
        row("c2", "未接通", follow_up=secret),
        row("c3", feedback=secret),
    )
    said = "\n".join(faults(read, *rows))
    assert "13800138000" not in said
    assert "李雷" not in said


def test_a_list_of_an_earlier_run_is_read_and_one_of_a_run_that_is_gone_is_not(bank, read):
    publish(bank, "run-2")
    assert read(row("c1", "未接通"))["new"] == 1
    assert read(row("c1", "未接通", run_id="run-2"))["new"] == 1
    with pytest.raises(DataError, match="the score store has no run 'run-0'"):
        read(row("c1", "未接通", run_id="run-0"))


def test_a_file_in_which_nothing_was_typed_records_nothing(bank, read):
    assert read(row("c1"), row("c2")) == Counter(empty=2)
    assert told(bank) == []


def test_if_the_store_fails_half_way_nothing_is_recorded(bank, read, monkeypatch):
    from pipeline.lists import read_outcomes as module

    calls = []

    def failing(connection, contact, author):
        calls.append(contact)
        if len(calls) == 2:
            raise DataError("the disk is full")
        return record(connection, contact, author)

    record = module.record
    monkeypatch.setattr(module, "record", failing)
    with pytest.raises(DataError, match="the disk is full"):
        read(row("c1", "未接通"), row("c2", "未接通"))
    assert told(bank) == []


def test_the_command_counts(bank, read, path, monkeypatch):
    read(row("c1", "未接通"))
    monkeypatch.setattr("pipeline.commands.options.context_of", lambda *_: replace(bank))
    result = CliRunner().invoke(app, ["read-outcomes", "--file", str(path)])
    assert result.stdout == (
        "0 outcomes recorded, 0 changed since they were read before, 1 as before, 0 customers without one; "
        "0 verdicts on alerts recorded\n"
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_workbook_of_the_week_is_read_back_as_it_was_filled_in(bank, tmp_path, language):
    """Written by the weekly run, sorted and filled in by hand, saved by another program."""
    folder = tmp_path / "lists"
    lists = publish(bank)
    with Store(bank.home.store) as store, store.at_run() as read_session:
        write_lists(folder, read_session, lists, replace(bank.settings.list_terms, language=language))
    own, branch = folder / "manager_M1.xlsx", folder / "branch_B1.xlsx"
    assert read_outcomes(bank, own) == Counter(empty=3)
    fill_in(own, {"c1": "will_stay", "c3": "no_answer"}, language)
    assert read_outcomes(bank, own) == Counter(new=2, empty=1, feedback=2)
    fill_in(branch, {"c9": "leaving"}, language)
    assert read_outcomes(bank, branch, called_by="M2")["new"] == 1
    days, verdicts = kept(bank)
    assert sorted(days) == [(name, SOON.date()) for name in ("c1", "c3", "c9")]
    given = [("c1", "already_known"), ("c3", "already_known"), ("c9", "already_known")]
    assert sorted((customer, verdict) for customer, *_, verdict in verdicts) == given
    assert sorted(told(bank)) == [
        ("c1", "M1", "will_stay", "note on c1"),
        ("c3", "M1", "no_answer", "note on c3"),
        ("c9", "M2", "leaving", "note on c9"),
    ]


def fill_in(path, outcomes, language):
    """Turns the list upside down, and types outcomes and notes."""
    book = load_workbook(path)
    sheet = book[TEXTS[language]["list.sheet" if "manager" in path.name else "own.sheet"]]
    names = next(row for row in range(1, 9) if sheet.cell(row, 1).value == "rank")
    place = {cell.value: cell.column for cell in sheet[names]}
    first = last = names + 2
    while sheet.cell(last, place["customer_id"]).value:
        last += 1
    rows = [[cell.value for cell in sheet[number]] for number in range(first, last)]
    for number, cells in enumerate(reversed(rows), start=first):
        for column, value in enumerate(cells, start=1):
            sheet.cell(number, column, value)
        customer = sheet.cell(number, place["customer_id"]).value
        if customer in outcomes:
            sheet.cell(number, place["outcome"], TEXTS[language][f"outcome.{outcomes[customer]}"])
            sheet.cell(number, place["note"], f"note on {customer}")
            sheet.cell(number, place["follow_up"], SOON)
            sheet.cell(number, place["feedback"], TEXTS[language]["feedback.already_known"])
    book.save(path)
