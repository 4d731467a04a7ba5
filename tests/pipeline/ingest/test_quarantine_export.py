"""A refused row goes out, is corrected, comes back, and is in the tables."""

import gzip
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import DataError
from pipeline.ingest.quarantine import Exported, export_refused
from pipeline.tables import Ingested
from tests.pipeline.conftest import TXN_HEADER

GOOD = "G,C1,A1,2024-03-01 10:00:00,1.50,CNY,other,2024-03-01,活期\n"
BAD = [
    "X1,C1,A1,2024-03-01,abc,CNY,other,2024-03-01,转账\n",
    'X2,C9,A1,2024-03-01,2.00,CNY,other,2024-03-01,"two\nlines"\n',
    "X3,C1,A1,2024-03-01,3.00,CNY,other\n",
]
CORRECTED = [
    BAD[0].replace("abc", "1.00"),
    BAD[1].replace("C9", "C2"),
    BAD[2].replace("other", "other,2024-03-01,"),
]


def export(tiny) -> list[Exported]:
    return export_refused(tiny.settings(), tiny.raw, tiny.home, tiny.raw.parent / "out")


def deliver(tiny, exported: Exported, old: list[str], new: list[str], encoding: str = "utf-8") -> str:
    """Correct the exported CSV file as a person would, put it into the raw folder; its name."""
    data = exported.target.read_bytes()
    zipped = data[:2] == b"\x1f\x8b"
    text = (gzip.decompress(data) if zipped else data).decode(encoding)
    for before, after in zip(old, new, strict=True):
        assert before in text
        text = text.replace(before, after)
    to = tiny.raw / exported.target.relative_to(tiny.raw.parent / "out")
    to.write_bytes(gzip.compress(text.encode(encoding)) if zipped else text.encode(encoding))
    exported.target.unlink()
    return to.name


def bookings(tiny) -> set[tuple[str, str]]:
    return {(row["transaction_id"], str(row["amount"])) for row in tiny.rows("transactions")}


def corrected(done: Ingested, table: str = "transactions") -> tuple[int, int]:
    count = next(one for one in done.counts if one.table == table)
    return count.quarantined, count.corrected


@pytest.mark.parametrize(
    ("name", "encoding", "end"),
    [
        ("txn_2.csv", "utf-8", "\n"),
        ("txn_2.csv.gz", "utf-8-sig", "\r\n"),
        ("txn_2.csv.gz", "gb18030", "\n"),
        ("txn_2.csv", "utf-16", "\r\n"),
    ],
)
def test_planted_exported_corrected_loaded(tiny, name, encoding, end):
    text = (TXN_HEADER + GOOD + "".join(BAD)).replace("\n", end).encode(encoding)
    (tiny.raw / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    first = (tiny.raw / "txn_1.csv").read_text("utf-8")
    (tiny.raw / "txn_1.csv").write_bytes(first.encode(encoding))
    tiny.declare('"txn_*.csv"', f'"txn_*.csv*", encoding = "{encoding.removesuffix("-sig")}"')
    with pytest.raises(DataError, match="3 of 14 rows refused, above the limit"):
        tiny.ingest(quarantine_limit=0.1)
    (exported,) = export(tiny)
    assert (exported.file, exported.rows, exported.advice) == (name, 3, "")
    data = exported.target.read_bytes()
    data = gzip.decompress(data) if name.endswith("gz") else data
    assert data == (TXN_HEADER + "".join(BAD)).replace("\n", end).encode(encoding)

    old, new = [[line.replace("\n", end) for line in lines] for lines in (BAD, CORRECTED)]
    assert deliver(tiny, exported, old, new, encoding) == name.replace("txn_2", "txn_2_corrected")
    done = tiny.ingest(quarantine_limit=0.0)
    assert bookings(tiny) >= {("G", "1.50"), ("X1", "1.00"), ("X2", "2.00"), ("X3", "3.00")}
    assert corrected(done) == (3, 3)
    names = {name.replace("txn_2", "txn_2_corrected")}
    assert {row["corrected_in"] for row in tiny.quarantine_rows()} == names
    assert export(tiny) == []


def test_a_row_not_corrected_or_left_out_stays_open(tiny):
    tiny.write("txn_2.csv", TXN_HEADER + "".join(BAD))
    tiny.ingest()
    deliver(tiny, *export(tiny), [BAD[0], BAD[2]], [CORRECTED[0], ""])
    done = tiny.ingest()
    # X1 is corrected; X2 is refused in both files; X3 is in the first file only.
    assert corrected(done) == (4, 1)
    assert {row["corrected_in"] for row in tiny.quarantine_rows()} == {""}
    with pytest.raises(DataError, match="3 of 15 rows refused"):
        tiny.ingest(quarantine_limit=0.1)
    again = export(tiny)
    assert [(one.file, one.rows, one.target.name) for one in again] == [
        ("txn_2.csv", 3, "txn_2_corrected2.csv"),
        ("txn_2_corrected.csv", 1, "txn_2_corrected_corrected.csv"),
    ]
    deliver(tiny, again[1], [BAD[1]], [CORRECTED[1]])
    again[0].target.write_text(TXN_HEADER + CORRECTED[2])
    again[0].target.rename(tiny.raw / again[0].target.name)
    assert corrected(tiny.ingest()) == (4, 4)
    assert export(tiny) == []
    assert bookings(tiny) >= {("X1", "1.00"), ("X2", "2.00"), ("X3", "3.00")}


def test_rows_of_parquet_keep_their_schema(tiny):
    customers = [f"C{n}" for n in range(1, 7)]
    tiny.write_holdings("hold_2.parquet", CUST=["C1", "C8", *customers[2:]], DAY=[date(2024, 3, 10)] * 6)
    schema = pq.read_schema(tiny.raw / "hold_2.parquet")
    rows = pq.read_table(tiny.raw / "hold_2.parquet")
    pq.write_table(rows, tiny.raw / "hold_2.parquet", row_group_size=2)
    tiny.write_holdings("hold_1.parquet", DAY=[date(2024, 3, 3)] * 6)
    tiny.ingest()
    (exported,) = export(tiny)
    found = pq.read_table(exported.target)
    assert exported.target.name == "hold_2_corrected.parquet"
    assert found.schema == schema
    assert found.to_pylist() == [
        {"CUST": "C8", "PROD": "P1", "DAY": date(2024, 3, 10), "BAL": Decimal("2000.25")}
    ]
    pq.write_table(found.set_column(0, "CUST", pa.array(["C2"])), tiny.raw / exported.target.name)
    assert corrected(tiny.ingest(quarantine_limit=0.0), "holdings") == (1, 1)
    assert ("C2", date(2024, 3, 10)) in {
        (row["customer_id"], row["valued_on"]) for row in tiny.rows("holdings")
    }


@pytest.mark.parametrize(
    ("pattern", "name", "target", "advice"),
    [
        ("txn_*.csv", "txn_2.csv", "txn_2_corrected.csv", ""),
        ("*_2.csv", "txn_2.csv", "corrected_txn_2.csv", ""),
        ("in/**", "in/a/txn.2.csv", "in/a/txn.2_corrected.csv", ""),
        ("txn_?.csv", "txn_2.csv", "txn_2_corrected.csv",
         'the source reads only "txn_?.csv": set files = "txn_?*.csv" in [sources.txn] of '
         "configs/banks/tiny/bank.toml"),
        ("txn_2.csv", "txn_2.csv", "txn_2_corrected.csv",
         'the source reads only "txn_2.csv": set files = "txn_2*.csv" in [sources.txn] of '
         "configs/banks/tiny/bank.toml"),
    ],
)  # fmt: skip
def test_the_name_is_one_that_the_source_reads(tiny, pattern, name, target, advice):
    tiny.declare("txn_*.csv", pattern)
    (tiny.raw / "txn_1.csv").unlink()
    tiny.write(name, TXN_HEADER + GOOD + BAD[0])
    tiny.ingest()
    (exported,) = export(tiny)
    assert (str(exported.target.relative_to(tiny.raw.parent / "out")), exported.advice) == (target, advice)
    if advice:
        tiny.declare(pattern, advice.split('"')[3])
    (tiny.raw / target).write_text(TXN_HEADER + CORRECTED[0])
    assert corrected(tiny.ingest()) == (1, 1)


def test_no_file_is_written_over(tiny):
    tiny.write("txn_2.csv", TXN_HEADER + BAD[0])
    tiny.write("txn_2_corrected.csv", TXN_HEADER + GOOD)
    tiny.ingest()
    tiny.write("txn_2.csv", TXN_HEADER + BAD[0] + BAD[2])
    tiny.ingest()
    (exported,) = export(tiny)
    assert exported.target.name == "txn_2_corrected2.csv"
    sentence = r"txn_2_corrected2\.csv is there already\. Put it into .*raw, or remove it"
    with pytest.raises(DataError, match=sentence):
        export(tiny)
    assert exported.target.read_text() == TXN_HEADER + BAD[0] + BAD[2]
    with pytest.raises(DataError, match="lies in the raw folder"):
        export_refused(tiny.settings(), tiny.raw, tiny.home, tiny.raw / "out")


def test_a_file_that_changed_since_is_told(tiny):
    with pytest.raises(DataError, match=r"quarantine\.csv does not exist\. Run `make ingest` first"):
        export(tiny)
    tiny.write("txn_2.csv", TXN_HEADER + BAD[0])
    tiny.ingest()
    tiny.write("txn_2.csv", TXN_HEADER + GOOD + BAD[0])
    with pytest.raises(DataError, match=r"txn_2\.csv has changed since the last ingest: line 2 is not what"):
        export(tiny)
    (tiny.raw / "txn_2.csv").unlink()
    with pytest.raises(DataError, match=r"txn_2\.csv of quarantine\.csv is not in .*raw any more"):
        export(tiny)
