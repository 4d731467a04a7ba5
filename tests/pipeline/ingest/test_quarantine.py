"""Each refused row stands in the quarantine with its column, its reason and its raw text."""

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.ingest import quarantine
from tests.pipeline.conftest import TXN_HEADER

GOOD = "G,C1,A1,2024-03-01 10:00:00,1.50,CNY,other,2024-03-01,\n"
# Row, its column, the beginning of its reason, its raw text.
SPOILED = [
    ("X1,C1,A1,2024-03-01,abc,CNY,other,2024-03-01,\n", "amount", "'abc' is not a number"),
    (
        'X2,C9,A1,2024-03-01,1.00,CNY,other,2024-03-01,"two\nlines, 活期"\n',
        "customer_id",
        "'C9' is not in table",
    ),
    ("X3,C1,A1,2024-03-01,1.00,CNY\n", "", "too few fields: 6"),
    ('X4,C1,"A1,2024-03-01,1.00,CNY,other,2024-03-01,\n', "", "a quote is opened and never closed"),
    ("X5,C1, ,2024-03-01,1.00,CNY,other,2024-03-01, kept as it stands \n", "account_id", "is empty"),
    (
        "T1,C3,A1,2024-03-01,9.00,CNY,other,2024-03-01,\n",
        "transaction_id",
        "'T1' stands with another content",
    ),
]


def parts(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(row["column"], row["raw"]) for row in rows]


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("gb18030", "\n")])
@pytest.mark.parametrize("zipped", [False, True])
def test_column_reason_and_raw_text(tiny, encoding: str, end: str, zipped: bool) -> None:
    lines = "".join(GOOD.replace("G", f"G{n}") + row for n, (row, _, _) in enumerate(SPOILED))
    text = (TXN_HEADER + lines).replace("\n", end)
    plain = (tiny.raw / "txn_1.csv").read_text("utf-8").encode(encoding)
    (tiny.raw / "txn_1.csv").write_bytes(plain)
    data = text.encode(encoding)
    (tiny.raw / "txn_2.csv").write_bytes(gzip.compress(data) if zipped else data)
    tiny.declare('"txn_*.csv"', f'"txn_*.csv", encoding = "{encoding.removesuffix("-sig")}"')
    tiny.ingest()
    found = tiny.quarantine_rows()
    assert {row["file"] for row in found} == {"txn_2.csv"}
    expected = [(column, row.replace("\n", end).removesuffix(end)) for row, column, _ in SPOILED]
    assert parts(found) == expected
    assert all(row["reason"].startswith(reason) for row, (_, _, reason) in zip(found, SPOILED, strict=True))


def test_clean_files_are_read_by_line_and_give_the_same_text(tiny) -> None:
    """Here every line is a row, which takes the quick way."""
    tiny.write("txn_2.csv", TXN_HEADER + GOOD + SPOILED[0][0] + GOOD.replace("G,", "G2,") + SPOILED[4][0])
    tiny.ingest()
    assert [int(row["line"]) for row in tiny.quarantine_rows()] == [3, 5]
    expected = [(column, row.strip("\n")) for row, column, _ in (SPOILED[0], SPOILED[4])]
    assert parts(tiny.quarantine_rows()) == expected


def test_parquet_rows_are_json_in_the_order_of_the_file(tiny) -> None:
    tiny.write_holdings("hold_2.parquet", CUST=["C1", "C9", "C3", "C4", "C5", "C6"],
                        DAY=[date(2024, 3, 10)] * 6,
                        BAL=[Decimal("9007199254740993.01")] * 6)  # fmt: skip
    tiny.write_holdings("hold_1.parquet", DAY=[date(2024, 3, 3)] * 6)
    tiny.ingest()
    (row,) = tiny.quarantine_rows()
    assert (row["file"], row["line"], row["column"]) == ("hold_2.parquet", "2", "customer_id")
    assert row["raw"] == '{"CUST": "C9", "PROD": "P1", "DAY": "2024-03-10", "BAL": "9007199254740993.01"}'
    assert list(json.loads(row["raw"])) == ["CUST", "PROD", "DAY", "BAL"]


def test_days_that_python_has_not_are_refused_in_their_own_words(tiny) -> None:
    """One that never ends, and the year 20000, beside a good day."""
    days = "infinity", "20000-01-01", "2024-03-10"
    rows = ", ".join(f"('C1', 'P1', DATE '{day}', 1.00)" for day in days)
    with duckdb.connect() as con:
        con.sql(
            f"COPY (SELECT * FROM (VALUES {rows}) AS rows(CUST, PROD, DAY, BAL)) "
            f"TO '{tiny.raw / 'hold_2.parquet'}'"
        )
    tiny.ingest()
    refused = [row for row in tiny.quarantine_rows() if row["file"] == "hold_2.parquet"]
    assert [json.loads(row["raw"])["DAY"] for row in refused] == list(days[:2])
    assert {row["column"] for row in refused} == {"valued_on"}


def test_a_line_refused_for_two_tables_stands_twice_with_its_text(tiny) -> None:
    columns = "CUST AS manager_id, OPENED AS name, 'B' AS branch_id, LOADED AS weekly_capacity"
    tiny.select("managers", f"SELECT {columns}, _file, _line FROM cust")
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED\nC7,soon,soon\n")
    tiny.ingest()
    rows = [row for row in tiny.quarantine_rows() if row["file"] == "cust_2.csv"]
    assert {row["raw"] for row in rows} == {"C7,soon,soon"}
    found = [(row["table"], row["column"]) for row in rows]
    assert found == [("customers", "opened_on"), ("managers", "weekly_capacity")]


def test_no_cell_is_a_formula_for_a_spreadsheet(tiny) -> None:
    bad = '=HYPERLINK("http://x"),C9\n-1,C1,A1,x,1.00,CNY,other,2024-03-01,\n'
    tiny.write("txn_2.csv", TXN_HEADER + bad)
    tiny.ingest()
    with (tiny.home.root / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
    raw = ['\'=HYPERLINK("http://x"),C9', "'-1,C1,A1,x,1.00,CNY,other,2024-03-01,"]
    assert [row["raw"] for row in tiny.quarantine_rows()] == raw


def test_only_files_with_refused_rows_are_read_again(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    read, original = [], quarantine.raw_rows

    def noted(path: Path, *rest: Any, **how: Any) -> Iterator[tuple[int, str]]:
        read.append(path.name)
        return original(path, *rest, **how)

    monkeypatch.setattr(quarantine, "raw_rows", noted)
    tiny.write("txn_2.csv", TXN_HEADER + SPOILED[0][0])
    tiny.ingest()
    assert read == ["txn_2.csv"]
