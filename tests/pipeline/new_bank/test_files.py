"""Files as a folder holds them: encodings, delimiters, headers, and which make one source."""

import gzip
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import DataError
from pipeline.new_bank.files import file_groups

HEADER = "客户号{0}姓名\n"
ROWS = "1{0}张伟\n2{0}王芳\n3{0}李娜\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encoding_and_delimiter(tmp_path, encoding, delimiter):
    (tmp_path / "cust.csv").write_bytes((HEADER + ROWS).format(delimiter).encode(encoding))
    named, passed_over = file_groups(tmp_path)
    spec = named["cust"].spec
    assert (spec.encoding, spec.delimiter) == (encoding.removesuffix("-sig"), delimiter)
    assert named["cust"].uncertain_encoding == (encoding == "gb18030")
    assert passed_over == {}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Müller;Büßer\nJäger;Köln\n", "cp1252"), ("Jméno;Příjmení\nŘehoř;Dvořáček\n", "cp1250")],
)
def test_code_pages_of_europe(tmp_path, text, encoding):
    (tmp_path / "names.csv").write_bytes(text.encode(encoding))
    assert file_groups(tmp_path)[0]["names"].spec.encoding == encoding


def write(raw: Path, *names: str, header: str = "a,b") -> None:
    for name in names:
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text(f"{header}\n{','.join('x' for _ in header.split(','))}\n")


def test_numbered_and_dated_names_are_one_source(tmp_path):
    write(tmp_path, "txn_20240101.csv", "txn_20240108.csv", "txn_types.csv", "rate_2.csv")
    write(tmp_path, "cust_20240101.csv", header="c,d")
    write(tmp_path, "part/log-0001.csv", "part/log-0002.csv", "_hidden.csv", "txn.csv.crc")
    patterns = {name: group.spec.files for name, group in file_groups(tmp_path)[0].items()}
    assert patterns == {
        "cust": "cust_*.csv", "log": "part/log-*.csv", "rate": "rate_2.csv", "txn": "txn_[0-9]*.csv",
        "txn_types": "txn_types.csv",
    }  # fmt: skip


def test_files_of_other_layouts_are_sources_of_their_own(tmp_path):
    write(tmp_path, "txn_1.csv", "txn_2.csv")
    write(tmp_path, "txn_3.csv", header="a,b2")
    patterns = {name: group.spec.files for name, group in file_groups(tmp_path)[0].items()}
    assert patterns == {"txn": "txn_[12].csv", "txn_2": "txn_3.csv"}


def test_a_file_that_no_pattern_reaches_with_the_others_is_named(tmp_path):
    write(tmp_path, "txn_1.csv", "txn_20.csv")
    write(tmp_path, "txn_3.csv", header="a,b2")
    named, passed_over = file_groups(tmp_path)
    assert [path.name for path in named["txn"].paths] == ["txn_1.csv"]
    assert passed_over == {"txn_20.csv": "no pattern of names reaches it with txn_1.csv and no other file"}


def test_files_of_one_layout_whose_names_begin_alike_are_one_source(tmp_path):
    write(tmp_path, "bookings_card.csv", "bookings_salary_1.csv", "other_card.csv", header="a,b,c")
    write(tmp_path, "bookings_notes.txt", header="d,e")
    patterns = {name: group.spec.files for name, group in file_groups(tmp_path)[0].items()}
    assert patterns == {"bookings": "bookings*.csv", "bookings_notes": "bookings_notes.txt",
                        "other_card": "other_card.csv"}  # fmt: skip


def test_gzip_parquet_and_what_is_no_table(tmp_path):
    (tmp_path / "card.csv.gz").write_bytes(gzip.compress(b"a|b\n1|2\n"))
    pq.write_table(pa.table({"x": [1], "y": [2]}), tmp_path / "event.parquet")
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04rest")
    (tmp_path / "numbers.csv").write_text("1,2\n3,4\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "image").write_bytes(b"\x89\x00\x01")
    named, passed_over = file_groups(tmp_path)
    assert {name: group.spec.format for name, group in named.items()} == {"card": "csv", "event": "parquet"}
    assert {name: why.split(":")[0] for name, why in passed_over.items()} == {
        "book.xlsx": "is a zip archive, not xlsx", "numbers.csv": "no header", "empty.csv": "empty",
        "image": "no text and no Parquet",
    }  # fmt: skip


def test_workbooks_and_lines_above_the_header(tmp_path):
    workbook = openpyxl.Workbook()
    for row in (["CUST_NO", "BAL"], ["C1", 12.5]):
        workbook.active.append(row)
    workbook.save(tmp_path / "hold.xlsx")
    (tmp_path / "txn.csv").write_text("Umsatzanzeige\n\nKonto;Betrag\nA1;5\nA2;7\n")
    specs = {name: group.spec for name, group in file_groups(tmp_path)[0].items()}
    assert specs["hold"].format == "xlsx"
    assert (specs["txn"].skip, specs["txn"].delimiter) == (2, ";")


def test_a_broken_parquet_file_is_named(tmp_path):
    (tmp_path / "event.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"event\.parquet is cut off"):
        file_groups(tmp_path)


def test_each_sheet_of_a_workbook_is_a_source(tmp_path):
    workbook = openpyxl.Workbook()
    workbook.active.title = "Kunden 2024"
    workbook.active.append(["CUST_NO", "NAME"])
    workbook.active.append(["C1", "x"])
    workbook.create_sheet("Konten").append(["ACCT", "CUST_NO"])
    workbook.create_sheet("Notes")
    workbook.create_sheet("Old").sheet_state = "hidden"
    workbook.save(tmp_path / "core.xlsx")
    named, passed_over = file_groups(tmp_path)
    sheets = {name: (group.spec.files, group.spec.sheet) for name, group in named.items()}
    assert sheets == {"kunden_2024": ("core.xlsx", "Kunden 2024"), "konten": ("core.xlsx", "Konten")}
    assert passed_over == {"core.xlsx": "sheet 'Notes': has no header in row 1"}


@pytest.mark.parametrize(
    ("header", "columns", "period"),
    [
        ("id,BAL_202401,BAL_202402,BAL_202403", ("BAL_*",), "month"),
        ("id,2024-01-31,2024-02-29,2024-03-31", ("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]",), "month"),
        ("id,2024-01-07,2024-01-14,2024-01-21", ("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]",), "day"),
        ("id,Mai 24,Saldo Jan 24,Saldo Feb 24,Saldo Mar 24,Saldo alt", ("Saldo * [0-9][0-9]",), "month"),
    ],
)  # fmt: skip
def test_columns_that_name_periods_are_unpivoted(tmp_path, header, columns, period):
    write(tmp_path, "wide.csv", header=header)
    wide = file_groups(tmp_path)[0]["wide"].spec.unpivot
    assert wide
    assert (wide.columns, wide.period) == (columns, period)


def test_two_figures_a_month_become_rows_together_and_a_period_of_two_dates_is_none(tmp_path):
    months = ("202401", "202402", "202403")
    header = ",".join(["id", *(f"IN_{month}" for month in months), *(f"OUT_{month}" for month in months)])
    write(tmp_path, "flows.csv", header=header)
    write(tmp_path, "plan.csv", header="id,from_202401,to_202512")
    named, _ = file_groups(tmp_path)
    wide = named["flows"].spec.unpivot
    assert wide
    assert (wide.columns, wide.header, wide.value, wide.period) == (("IN_*", "OUT_*"), "item", "amount", "")
    assert named["plan"].spec.unpivot is None
