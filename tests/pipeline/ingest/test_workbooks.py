"""Cells of a workbook come through as the values that Excel shows, or their row is refused."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from configs.errors import DataError
from pipeline.ingest.quarantine import export_refused
from tests.pipeline.ingest.test_sources import read

HEADER = ["id", "x"]


def book(raw: Path, rows: list[list[Any]], name: str = "a.xlsx", **sheets: list[list[Any]]) -> Path:
    """A workbook as openpyxl writes it, which computes no formula."""
    file = openpyxl.Workbook()
    for number, (title, cells) in enumerate({"S": rows, **sheets}.items()):
        sheet = file.active if number == 0 else file.create_sheet()
        sheet.title = title
        for row in cells:
            sheet.append(row)
    file.save(raw / name)
    return raw


def sheet_of(raw: Path, **source: Any) -> Any:
    return read(raw, files="*.xlsx", format="xlsx", **source)


CELLS = [
    (12345, "12345"),
    ("00123", "00123"),
    ("12345", "12345"),
    (12.5, "12.5"),
    (0.1 + 0.2, "0.3"),
    (-7, "-7"),
    (1e-7, "1e-07"),
    (999999999999999, "999999999999999"),
    (12345678901234567890, "1.23456789012346e+19"),  # more digits than Excel holds: an id is then refused
    (date(2024, 3, 1), "2024-03-01"),
    (datetime(2024, 3, 1, 10, 30, 15), "2024-03-01 10:30:15"),
    (datetime(2024, 3, 1, 23, 59, 59, 500_000), "2024-03-01 23:59:59.500000"),
    (date(1900, 1, 1), "1900-01-01"),
    (date(1900, 2, 28), "1900-02-28"),
    (date(1900, 3, 1), "1900-03-01"),
    (time(10, 30), "10:30:00"),
    (timedelta(hours=30), "1 day, 6:00:00"),
    (True, "true"),
    (" a ", " a "),
    ("活期", "活期"),
    ("2024-03-01", "2024-03-01"),
    (45352, "45352"),  # a day without a format of days: refused as a date
]


@pytest.mark.parametrize(("cell", "text"), CELLS)
def test_a_cell_is_what_it_shows(tmp_path: Path, cell: Any, text: str) -> None:
    assert sheet_of(book(tmp_path, [HEADER, ["k", cell]])) == ([("k", text, "a.xlsx", 2)], [])


def test_days_count_from_1904_where_the_workbook_says_so(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx", {"date_1904": True}) as file:
        sheet, day = file.add_worksheet(), file.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ["k"])
        sheet.write_datetime(1, 1, datetime(2024, 3, 1), day)
    assert sheet_of(tmp_path)[0] == [("k", "2024-03-01", "a.xlsx", 2)]


def test_numbers_have_the_decimal_mark_of_the_source(tmp_path: Path) -> None:
    book(tmp_path, [HEADER, [12.5, "1.234,50"]])
    assert sheet_of(tmp_path, decimal=",", thousands=".")[0] == [("12,5", "1.234,50", "a.xlsx", 2)]


def test_lines_are_those_of_the_sheet_and_blank_rows_are_none(tmp_path: Path) -> None:
    book(tmp_path, [["Report of March"], [], HEADER, ["k", 1], [], ["l", None, "more"], ["m", "NULL"], ["n"]])
    rows, rejects = sheet_of(tmp_path, skip=2, nulls=("NULL",))
    assert rows == [("k", "1", "a.xlsx", 4), ("m", None, "a.xlsx", 7), ("n", None, "a.xlsx", 8)]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (6, "too many fields: 3, the header has 2")
    ]


def test_a_sheet_without_a_header(tmp_path: Path) -> None:
    assert sheet_of(book(tmp_path, [["k", 1]]), columns=("id", "x"))[0] == [("k", "1", "a.xlsx", 1)]
    with pytest.raises(DataError, match=r"a\.xlsx has no header in row 6"):
        sheet_of(tmp_path, skip=5)


def test_cells_without_a_value_are_refused_with_their_place(tmp_path: Path) -> None:
    book(tmp_path, [HEADER, ["k", "#N/A"], ["l", "=1+1"], ["m", 3], ["n", "#DIV/0!"]])
    rows, rejects = sheet_of(tmp_path)
    assert rows == [("m", "3", "a.xlsx", 4)]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (2, "cell B2 is an error, such as #N/A"),
        (3, "cell B3 is a formula without a value: open it in Excel and save it"),
        (5, "cell B5 is an error, such as #N/A"),
    ]


def test_a_formula_with_its_value_is_that_value(tmp_path: Path) -> None:
    formulas = {"=1+1": 2, '="a"': "a", "=1/0": "#DIV/0!"}
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as file:
        sheet = file.add_worksheet("A & B <1>")
        sheet.write_row(0, 0, HEADER)
        for line, (formula, result) in enumerate(formulas.items(), start=1):
            sheet.write(line, 0, f"k{line}")
            sheet.write_formula(line, 1, formula, None, result)
    rows, rejects = sheet_of(tmp_path)
    assert [row[1] for row in rows] == ["2", "a"]
    assert [reject.line for reject in rejects] == [4]


def test_merged_cells(tmp_path: Path) -> None:
    book(tmp_path, [HEADER, ["k", 1], ["l", 2], ["m", 3]])
    for cells, line in (("A2:A3", None), ("A1:B1", 1)):
        file = openpyxl.load_workbook(tmp_path / "a.xlsx")
        file.active.merge_cells(cells)
        file.save(tmp_path / "a.xlsx")
        if line is None:
            rows, rejects = sheet_of(tmp_path)
            assert rows == [("m", "3", "a.xlsx", 4)]
            assert {(reject.line, reject.reason.partition(":")[0]) for reject in rejects} == {
                (2, "cells are merged"), (3, "cells are merged"),
            }  # fmt: skip
    with pytest.raises(DataError, match=r"has merged cells in its header, row 1"):
        sheet_of(tmp_path)


def test_which_of_several_sheets(tmp_path: Path) -> None:
    book(tmp_path, [HEADER, ["k", 1]], Other=[HEADER, ["l", 2]])
    with pytest.raises(
        DataError, match=r"a\.xlsx has several sheets: S, Other\. Set sheet in \[sources\.txn\]"
    ):
        sheet_of(tmp_path)
    with pytest.raises(DataError, match=r"has no sheet 'Otter': S, Other\. Set sheet"):
        sheet_of(tmp_path, sheet="Otter")
    assert sheet_of(tmp_path, sheet="Other")[0] == [("l", "2", "a.xlsx", 2)]
    file = openpyxl.load_workbook(tmp_path / "a.xlsx")
    file["Other"].sheet_state = "hidden"
    file.save(tmp_path / "a.xlsx")
    assert sheet_of(tmp_path)[0] == [("k", "1", "a.xlsx", 2)]


def test_a_broken_workbook(tmp_path: Path) -> None:
    content = (book(tmp_path, [HEADER, ["k", 1]]) / "a.xlsx").read_bytes()
    for broken in (content[:2000], b"", b"id,x\n"):
        (tmp_path / "a.xlsx").write_bytes(broken)
        with pytest.raises(DataError, match=r"a\.xlsx is cut off, or no Excel workbook at all"):
            sheet_of(tmp_path)


def test_a_bank_whose_bookings_come_in_workbooks(tiny: Any) -> None:
    header, *lines = [line.split(",") for line in (tiny.raw / "txn_1.csv").read_text("utf-8").splitlines()]
    typed = [
        [
            no,
            cust,
            acct,
            datetime.fromisoformat(done),
            float(amount),
            ccy,
            kind,
            date.fromisoformat(known),
            memo,
        ]
        for no, cust, acct, done, amount, ccy, kind, known, memo in lines
    ]
    typed.append([12345.0, "C1", 1.5e18, datetime(2024, 3, 1), 12.505, "CNY", "other", date(2024, 3, 1), ""])
    (tiny.raw / "txn_1.csv").unlink()
    book(tiny.raw, [header, *typed], "txn_1.xlsx")
    tiny.declare('"txn_*.csv"', '"txn_*.xlsx", format = "xlsx"')
    count = tiny.count("transactions")
    assert (count.loaded, count.quarantined) == (10, 1)
    ((_, file, line, reason),) = tiny.quarantine()
    assert (file, line, reason) == (
        "txn_1.xlsx", 12,
        "account_id: '1.5e+18' is an id that a spreadsheet or a float has damaged: deliver it as text",
    )  # fmt: skip
    (exported,) = export_refused(tiny.settings(), tiny.raw, tiny.home, tiny.raw.parent / "out")
    assert (exported.target, exported.rows) == (None, 1)
    book(tiny.raw, [header, [*typed[0][:4], 99.25, *typed[0][5:7], date(2024, 3, 20), ""]], "txn_2.xlsx")
    assert tiny.count("transactions").loaded == 11
