"""Workbooks from outside: what is read of them, and that none of them does harm."""

import random
import zipfile
from io import BytesIO

import pytest
from openpyxl import Workbook

from configs.errors import DataError
from pipeline.lists import filled_workbooks as workbooks
from pipeline.lists.filled_workbooks import NAMES, lines_of

HEADINGS = ["客户号", "结果", "备注", "run", "manager", "customer"]
ORDER = ("customer", "outcome", "note", "run_id", "manager_id", "customer_id")  # any order is read


def book(*rows, title="联系名单", names=ORDER):
    """As the weekly run writes it: a title, names, headings, rows, a blank row and a note to the reader."""
    made = Workbook()
    sheet = made.active
    sheet.title = title
    for row in (["Customers to call"], list(names), HEADINGS, *rows, [], ["Money at risk: …"]):
        sheet.append(row)
    return made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "list.xlsx"


@pytest.fixture
def read(path):
    def saved(made):
        made.save(path)
        return lines_of(path)

    return saved


def refused(path) -> str:
    with pytest.raises(DataError) as raised:
        lines_of(path)
    return str(raised.value)


def test_a_row_is_read_by_the_names_of_its_columns(read):
    first, second = read(
        book(["c1", "未接通", " 周五再打 ", "run-1", "M1", "c1"], ["c2", None, None, "run-1", "M1", "c2"])
    )
    values = ("c1", "未接通", "周五再打", "run-1", "M1", "c1")
    assert first.texts == dict(zip(ORDER, values, strict=True))
    assert (str(first), first.filled_in, first.formulas) == ("sheet '联系名单', row 4", True, ())
    assert not second.filled_in


def test_numbers_and_escaped_characters_are_the_text_they_were(read):
    (line,) = read(book([12345, "x", "a_x000D_\nb_x005F_x", 7.0, None, "a_x0001_b"]))
    assert (line["customer"], line["run_id"], line["manager_id"]) == ("12345", "7", "")
    assert (line["note"], line["customer_id"]) == ("a\nb_x", "a\x01b")


def test_a_formula_is_named_and_not_reckoned(read):
    (line,) = read(book(["c1", '=HYPERLINK("http://evil.example")', "=1+1", "run-1", "M1", "c1"]))
    assert (line.formulas, line.filled_in) == (("outcome", "note"), True)


def test_every_sheet_with_a_list_is_read_and_others_are_not(read):
    made = book(["c1", "x", "", "run-1", "", "c1"])
    made.create_sheet("汇总").append(["customer", "outcome"])
    other = made.create_sheet("B")
    for row in (list(ORDER), HEADINGS, ["c9", "y", "", "run-1", "", "c9"]):
        other.append(row)
    assert [str(line) for line in read(made)] == ["sheet '联系名单', row 4", "sheet 'B', row 3"]


def test_a_workbook_without_a_list_is_refused(path):
    book(["c1"], names=ORDER[:-1]).save(path)
    assert "has no sheet with a list: none has a row of the names run_id, manager_id" in refused(path)
    assert "Name a workbook in FILE" in refused(path.with_name("none.xlsx"))


def test_what_is_no_workbook_is_refused(path):
    for content in (b"", b"customer,outcome\nc1,x\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0" + b"\0" * 600):
        path.write_bytes(content)
        assert "damaged, of another kind, or has a password" in refused(path)
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("word/document.xml", "<w/>")
    assert "cannot be read as an .xlsx workbook" in refused(path)


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(path, monkeypatch):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("xl/worksheets/sheet1.xml", b"\0" * (workbooks.MOST_UNPACKED + 1))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    assert "it unpacks to 20,000,001 bytes of at most 20,000,000" in refused(path)


def test_a_file_that_is_too_large_is_not_opened(path):
    with path.open("wb") as file:
        file.truncate(workbooks.MOST_BYTES + 1)
    assert "it has 5,000,001 bytes of at most 5,000,000" in refused(path)


def test_a_workbook_that_declares_entities_is_refused(path):
    book(["c1"]).save(path)
    with zipfile.ZipFile(path, "a") as parts:
        parts.writestr("xl/extra.xml", '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>')
    assert "it declares entities" in refused(path)


def test_a_list_that_is_too_long_is_refused(path, monkeypatch):
    monkeypatch.setattr(workbooks, "MOST_ROWS", 9)
    rows = [[f"c{number}", None, None, "run-1", "M1", f"c{number}"] for number in range(7)]
    book(*rows[:4]).save(path)
    assert len(lines_of(path)) == 4
    book(*rows).save(path)
    assert "has more than 9 rows" in refused(path)


def test_a_cell_far_away_costs_nothing(read):
    made = book(["c1", "x", "", "run-1", "M1", "c1"])
    made.active.cell(9, 16_384, "far")
    assert len(read(made)) == 1


def test_a_damaged_workbook_is_read_or_refused_and_nothing_else(path):
    """Bytes changed in the file, and in its parts before they are packed."""
    book(["c1", "x", "y", "run-1", "M1", "c1"]).save(path)
    whole, chance = path.read_bytes(), random.Random(7)
    with zipfile.ZipFile(BytesIO(whole)) as parts:
        texts = {name: parts.read(name) for name in parts.namelist()}
    refusals = 0
    for _ in range(150):
        path.write_bytes(damaged(whole, chance))
        refusals += is_refused(path)
        name = chance.choice(sorted(texts))
        with zipfile.ZipFile(path, "w") as parts:
            for other, content in texts.items():
                parts.writestr(other, damaged(content, chance) if other == name else content)
        refusals += is_refused(path)
    assert 30 < refusals < 300


def damaged(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def is_refused(path) -> bool:
    try:
        lines_of(path)
    except DataError:
        return True
    return False


def test_the_names_are_those_that_are_needed():
    assert set(ORDER) == set(NAMES)
