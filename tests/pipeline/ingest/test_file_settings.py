"""Settings of the files of a source, each in both readers, and faults that no setting can forgive."""

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from configs.errors import DataError
from configs.source import Source
from pipeline.ingest.quarantine import export_refused
from tests.pipeline.conftest import TXN_HEADER, booking
from tests.pipeline.ingest.test_sources import read, write

QUICK, EXACT = "", '9,"b\nb"\n'  # a line break in a field sends the file down the exact path


@pytest.mark.parametrize("more", [QUICK, EXACT])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_above_the_header(tmp_path: Path, more: str, packed: bool) -> None:
    text = f'Report, "of\n\n31 March;\nid,x\n1,a\n2,\n{more}'.encode()
    (tmp_path / "a.csv").write_bytes(gzip.compress(text) if packed else text)
    rows, rejects = read(tmp_path, skip=3)
    assert rows[:2] == [("1", "a", "a.csv", 5), ("2", None, "a.csv", 6)]
    assert (len(rows), rejects) == (2 + bool(more), [])


@pytest.mark.parametrize("more", [QUICK, EXACT])
@pytest.mark.parametrize("skip", [0, 2])
def test_names_of_columns_where_the_file_has_no_header(tmp_path: Path, more: str, skip: int) -> None:
    write(tmp_path, "above\n" * skip + f"1,a\n2,b\n{more}")
    rows, rejects = read(tmp_path, columns=("id", "x"), skip=skip)
    assert rows[:2] == [("1", "a", "a.csv", skip + 1), ("2", "b", "a.csv", skip + 2)]
    assert rejects == []


def test_a_header_although_the_names_are_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="repeats its header in line 1"):
        read(write(tmp_path, "id,x\n1,a\n"), columns=("id", "x"))


@pytest.mark.parametrize("more", [QUICK, EXACT])
def test_texts_that_mean_nothing(tmp_path: Path, more: str) -> None:
    write(tmp_path, f'id,x\n1,NULL\n2,\\N\n3,"NULL"\n4,null\n5,NULLS\n{more}')
    rows, _ = read(tmp_path, nulls=("NULL", "\\N"))
    assert [row[1] for row in rows[:5]] == [None, None, None, "null", "NULLS"]


def test_a_quote_that_is_escaped(tmp_path: Path) -> None:
    write(tmp_path, 'id,x\n1,"a \\"b\\" c"\n2,"d, e"\n3,"f\\\\"\n4,"g\n')
    rows, rejects = read(tmp_path, escape="\\")
    assert [row[1] for row in rows] == ['a "b" c', "d, e", "f\\"]
    assert [reject.line for reject in rejects] == [5]
    assert read(write(tmp_path, "id,x\n1,plain\n"), escape="\\")[0] == [("1", "plain", "a.csv", 2)]


@pytest.mark.parametrize("footer", ["TOTAL;2\n", "TOTAL;2\n\nprinted by x\n", 'TOTAL "two'])
def test_a_footer_is_no_row(tmp_path: Path, footer: str) -> None:
    rows, rejects = read(write(tmp_path, f"id,x\n1,a\n2,b\n{footer}"), footer="TOTAL")
    assert (rows, rejects) == ([("1", "a", "a.csv", 2), ("2", "b", "a.csv", 3)], [])


def test_a_file_without_its_footer_is_cut_off_and_rows_below_it_are_not_lost(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv is cut off: no line begins with its footer 'TOTAL'"):
        read(write(tmp_path, "id,x\n1,a\n"), footer="TOTAL")
    with pytest.raises(DataError, match=r"has 30 lines below the one that begins with its footer"):
        read(write(tmp_path, "id,x\nTOTAL,b\n" + "1,a\n" * 30), footer="TOTAL")


CREDIT_DEBIT = [
    ("12.50", "", "12.50"),
    ("", "12.50", "-12.50"),
    ("12.50", "0.00", "12.50"),
    ("0,00", "12,50", "-12,50"),
    ("", "", None),
    ("0.00", "0.00", "0.00"),
    ("-5.00", "", "-5.00"),
    ("12.50", "3.00", "credit 12.50 debit 3.00"),
    ("", "-3.00", "credit debit -3.00"),
]


@pytest.mark.parametrize(("credit", "debit", "amount"), CREDIT_DEBIT)
def test_two_columns_make_one_amount(tmp_path: Path, credit: str, debit: str, amount: str | None) -> None:
    write(tmp_path, f'id,IN,OUT\n1,"{credit}","{debit}"\n')
    ((*_, last),), _ = read(tmp_path, credit="IN", debit="OUT")
    assert last == amount


def test_two_columns_of_a_parquet_file(tmp_path: Path) -> None:
    money = pa.decimal128(18, 2)
    columns = {
        "IN": pa.array([Decimal("1.50"), None], money),
        "OUT": pa.array([None, Decimal("2.50")], money),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    rows, _ = read(tmp_path, files="*.parquet", format="parquet", credit="IN", debit="OUT")
    assert [row[-1] for row in rows] == ["1.50", "-2.50"]


def test_two_columns_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"a\.csv has no column 'OUT' in \(id, IN\)\. Correct credit and debit"
    ):
        read(write(tmp_path, "id,IN\n1,2\n"), credit="IN", debit="OUT")
    with pytest.raises(DataError, match=r"has a column amount already"):
        read(write(tmp_path, "IN,OUT,Amount\n1,2,3\n"), credit="IN", debit="OUT")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "parquet", "skip": 1}, "skip is for format csv and xlsx"),
        ({"format": "parquet", "nulls": ("x",)}, "nulls is for format"),
        ({"format": "xlsx", "escape": "\\"}, "escape is for format csv"),
        ({"format": "xlsx", "footer": "T"}, "footer is for format csv"),
        ({"sheet": "A"}, "sheet is for format xlsx"),
        ({"credit": "A"}, "credit and debit name two columns"),
        ({"escape": ","}, "has a meaning already"),
        ({"columns": ("a", "A")}, "distinct names"),
        ({"thousands": "."}, "is the decimal mark too"),
        ({"decimal": ",", "thousands": ","}, "is the decimal mark too"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Source(**({"files": "*"} | changes))


def test_what_is_not_set_is_not_written() -> None:
    names = {"files", "format", "delimiter", "encoding", "query", "table", "dsn_env"}
    assert set(Source(files="*").model_dump()) == names
    assert set(Source(files="*", skip=1, nulls=("x",)).model_dump()) == names | {"skip", "nulls"}


def test_refused_rows_of_a_file_with_all_settings_go_out_and_come_back(tiny: Any) -> None:
    settings = 'skip = 2, footer = "END", delimiter = ";", decimal = ",", escape = "\\\\", nulls = ["-"]'
    tiny.declare('"txn_*.csv"', f'"txn_*.csv", {settings}')
    lines = (tiny.raw / "txn_1.csv").read_text("utf-8").replace(",", ";").replace(".50;", ",50;")
    bad = booking(NO="N", AMT="x", MEMO='"a \\"b\\""').replace(",", ";")
    tiny.write("txn_1.csv", f"above\n\n{lines}{bad}END 11\n")
    tiny.ingest()
    assert [row["raw"] for row in tiny.quarantine_rows()] == [bad.rstrip("\n")]
    (exported,) = export_refused(tiny.settings(), tiny.raw, tiny.home, tiny.raw.parent / "out")
    text = exported.target.read_text("utf-8")
    assert text == f"above\n\n{TXN_HEADER.replace(',', ';')}{bad}END\n"
    tiny.write(exported.target.name, text.replace(";x;", ";1,25;"))
    assert tiny.count("transactions").loaded == 11
    assert sum(row["amount"] for row in tiny.rows("transactions")) == Decimal("61.25")


def test_an_undecodable_byte_goes_out_as_it_was(tiny: Any) -> None:
    line = booking(NO="N", MEMO="Müller").encode("cp1252")
    (tiny.raw / "txn_2.csv").write_bytes(TXN_HEADER.encode() + line)
    tiny.ingest()
    (row,) = tiny.quarantine_rows()
    assert (row["line"], row["raw"][-10:]) == ("2", r",M\xfcller")
    (exported,) = export_refused(tiny.settings(), tiny.raw, tiny.home, tiny.raw.parent / "out")
    assert exported.target.read_bytes() == TXN_HEADER.encode() + line
