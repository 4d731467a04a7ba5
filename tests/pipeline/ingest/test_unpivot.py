"""Columns of wide files become rows with the place of their line; blank cells are none."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from configs.errors import DataError
from configs.source import Source
from pipeline.ingest.unpivot import period_end
from tests.pipeline.ingest.test_ingest_again import assert_same_as_from_nothing
from tests.pipeline.ingest.test_sources import read, write
from tests.pipeline.ingest.test_workbooks import book

WIDE = {"columns": ("BAL_*",), "header": "month", "value": "balance", "period": "month"}
LONG = [
    ("1", "2024-02-29", "5.00", "a.csv", 2),
    ("1", "2024-03-31", "6.00", "a.csv", 2),
    ("2", "2024-03-31", "0", "a.csv", 3),
]


def long(raw: Path, unpivot: dict[str, Any] = WIDE, **source: Any) -> list[tuple[Any, ...]]:
    rows, rejects = read(raw, unpivot=unpivot, **source)
    assert rejects == []
    return sorted(rows)


@pytest.mark.parametrize("end", ["\n", '\n"3\n",,\n'])  # a line break in a field: the exact reader
def test_a_row_per_filled_cell(tmp_path: Path, end: str) -> None:
    assert long(write(tmp_path, f"id,BAL_202402,BAL_202403\n1,5.00,6.00\n2, ,0{end}")) == LONG


def test_settings_of_files_hold_for_wide_ones(tmp_path: Path) -> None:
    text = "Report\nid;bal_202402;bal_202403\n1;5,00;6,00\n2;NULL;0\nEND\n"
    rows = long(write(tmp_path, text), skip=1, delimiter=";", nulls=("NULL",), footer="END")
    assert rows == [(*row[:2], row[2].replace(".", ","), "a.csv", row[4] + 1) for row in LONG]


def test_a_damaged_line_costs_itself(tmp_path: Path) -> None:
    rows, rejects = read(write(tmp_path, "id,BAL_202402,BAL_202403\n1,5,6,7\n2,5,6\n"), unpivot=WIDE)
    assert ([row[0] for row in rows], [reject.line for reject in rejects]) == (["2", "2"], [2])


def test_a_workbook_whose_headers_are_days(tmp_path: Path) -> None:
    """Excel shows a header such as Mar-24 and holds the first of the month."""
    book(tmp_path, [["id", datetime(2024, 2, 1), date(2024, 3, 1)], ["1", 5, 6.5], ["2", None, 0]])
    wide = WIDE | {"columns": ("20*",)}
    assert long(tmp_path, wide, files="*.xlsx", format="xlsx") == [
        ("1", "2024-02-29", "5", "a.xlsx", 2),
        ("1", "2024-03-31", "6.5", "a.xlsx", 2),
        ("2", "2024-03-31", "0", "a.xlsx", 3),
    ]


@pytest.mark.parametrize("mixed", [False, True])
def test_parquet(tmp_path: Path, mixed: bool) -> None:
    february, march = [Decimal("5.00"), None], [6, 0] if mixed else [Decimal("6.00"), Decimal(0)]
    columns = {"id": ["1", "2"], "BAL_202402": february, "BAL_202403": march}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": ["9"], "BAL_202404": [Decimal("1.00")]}), tmp_path / "b.parquet")
    rows = long(tmp_path, files="*.parquet", format="parquet")
    assert [(*row[:2], Decimal(row[2]), *row[3:]) for row in rows] == [
        ("1", "2024-02-29", Decimal(5), "a.parquet", 1),
        ("1", "2024-03-31", Decimal(6), "a.parquet", 1),
        ("2", "2024-03-31", Decimal(0), "a.parquet", 2),
        ("9", "2024-04-30", Decimal(1), "b.parquet", 1),
    ]


def test_a_column_per_product(tmp_path: Path) -> None:
    write(tmp_path, "id,day,DEMAND,TERM\n1,2024-03-31,5,\n2,2024-03-31,6,7\n")
    wide = {"columns": ("demand", "TERM"), "header": "product", "value": "balance"}
    assert [row[:4] for row in long(tmp_path, wide)] == [
        ("1", "2024-03-31", "DEMAND", "5"),
        ("2", "2024-03-31", "DEMAND", "6"),
        ("2", "2024-03-31", "TERM", "7"),
    ]


MARCH = (date(2024, 3, 31), False)
PERIODS = [
    *[(text, MARCH) for text in ("2024-03", "202403", "BAL_202403", "2024/3", "2024_03", "03/2024", "3.2024",
                                 "03-2024", "mar24", "Mar-24", "bal_MARCH 2024", "Mar'24", "2024 Mar",
                                 "2024年3月", "2024M03", "2024Q1", "BAL 2024-Q1")],
    *[(text, (date(2024, 3, 5), True)) for text in ("2024-03-05", "20240305", "BAL_20240305", "05.03.2024",
                                                    "2024年3月5日", "2024-03-05 00:00:00")],
    *[(text, (None, False)) for text in ("id", "2024", "202413", "20240230", "120240305", "03/04/2024",
                                         "2024-03_2024-04", "45352", "2403", "grandmar24", "Q1", "")],
]  # fmt: skip


@pytest.mark.parametrize(("text", "period"), PERIODS)
def test_what_period_a_header_names(text: str, period: tuple[date | None, bool]) -> None:
    assert period_end(text) == period


def test_a_day_is_that_day_only_where_the_setting_says_so(tmp_path: Path) -> None:
    write(tmp_path, "id,20240301\n1,5\n")
    wide = WIDE | {"columns": ("20*",)}
    assert long(tmp_path, wide)[0][1] == "2024-03-31"
    assert long(tmp_path, wide | {"period": "day"})[0][1] == "2024-03-01"


BROKEN = [
    ("id,BAL_TOTAL\n1,5\n", {}, "header 'BAL_TOTAL' names no single month, such as 2024-03"),
    ("id,BAL_202403\n1,5\n", {"period": "day"}, "names no single day, such as 2024-03-31"),
    ("id,SUM_202403\n1,5\n", {}, r"has no column that fits BAL_\*; it has id, SUM_202403"),
    ("month,BAL_202403\n1,5\n", {}, "has a column 'month' already"),
    ("id,BAL_202403,BAL_2024-03\n1,5,6\n", {}, "several columns for 2024-03-31: BAL_202403, BAL_2024-03"),
]


@pytest.mark.parametrize(("text", "changes", "why"), BROKEN)
def test_headers_that_cannot_be_are_refused(tmp_path: Path, text: str, changes: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        long(write(tmp_path, text), WIDE | changes)


def test_other_fixed_columns_are_another_shape(tmp_path: Path) -> None:
    write(tmp_path, "id,BAL_202402\n1,5\n")
    write(tmp_path, "id,branch,BAL_202403\n1,B,5\n", "b.csv")
    with pytest.raises(DataError, match="the files of source 'txn' differ"):
        long(tmp_path)


@pytest.mark.parametrize("changes", [{"value": "month"}, {"value": "_line"}, {"columns": ()}])
def test_settings_that_cannot_work(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Source(files="*.csv", unpivot=WIDE | changes)
    with pytest.raises(ValidationError, match="unpivot does not go with credit"):
        Source(files="*.csv", unpivot=WIDE, credit="IN", debit="OUT")


HOLDINGS = (
    "SELECT id AS customer_id, 'P1' AS product_id, month AS valued_on, balance, 'CNY' AS currency, "
    "CAST(month AS DATE) + 1 AS known_on, _file, _line FROM hold"
)


def wide_file(customers: Iterable[int], *months: str) -> str:
    lines = [",".join([f"C{n}", *(f"{n}{month[-1]}.25" for month in months)]) for n in customers]
    return "\n".join([",".join(["id", *(f"BAL_{month}" for month in months)]), *lines]) + "\n"


@pytest.fixture
def wide_bank(tiny: Any) -> Any:
    tiny.declare(
        'hold = { files = "hold_*.parquet", format = "parquet" }',
        'hold = { files = "hold_*.csv", unpivot = { columns = ["BAL_*"], header = "month", '
        'value = "balance", period = "month" } }',
    )
    tiny.select("holdings", HOLDINGS)
    tiny.write("hold_1.csv", wide_file(range(1, 7), "202401", "202402"))
    return tiny


def total(tiny: Any) -> Decimal:
    return sum((row["balance"] for row in tiny.rows("holdings")), Decimal(0))


def test_a_later_delivery_brings_another_month(wide_bank: Any) -> None:
    first = wide_bank.ingest()
    sums = {month: sum(Decimal(f"{n}{month}.25") for n in range(1, 7)) for month in (1, 2, 3)}
    assert total(wide_bank) == sums[1] + sums[2]
    wide_bank.write("hold_2.csv", wide_file(range(1, 7), "202403"))
    second = wide_bank.ingest()
    assert second.builds_on == (first.fingerprint,)
    assert total(wide_bank) == sum(sums.values())
    assert {row["valued_on"].month for row in wide_bank.rows("holdings")} == {1, 2, 3}
    assert_same_as_from_nothing(wide_bank, second)


def test_a_file_that_grows_by_a_column_keeps_its_rows(wide_bank: Any) -> None:
    wide_bank.ingest()
    wide_bank.write("hold_1.csv", wide_file(range(1, 7), "202401", "202402", "202403"))
    wide_bank.ingest()
    assert len(wide_bank.rows("holdings")) == 18


def test_a_cell_that_is_no_number_costs_itself(wide_bank: Any) -> None:
    text = wide_file(range(1, 7), "202401", "202402").replace("32.25", "3x").replace("41.25", "")
    wide_bank.write("hold_1.csv", text)
    count = wide_bank.count("holdings")
    assert (count.rows_in, count.loaded, count.quarantined) == (11, 10, 1)
    assert wide_bank.quarantine()[0][:3] == ("holdings", "hold_1.csv", 4)
    assert wide_bank.quarantine_rows()[0]["raw"] == "C3,31.25,3x"
