"""A distributed ingest gives the bytes of a local one; here without Spark, one task after the other."""

from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import DataError
from pipeline.artefacts import Home
from pipeline.ingest import distributed
from pipeline.ingest.distributed import DistributedTable
from pipeline.ingest.ingest import ingest
from pipeline.snapshots import spark
from tests.folders import bytes_below
from tests.pipeline.conftest import TXN_HEADER

SPARK: dict[str, Any] = {"engine": {"kind": "spark"}}


def one_by_one(_: object, work: Callable[[int], Any], pieces: int, __: object) -> list[Any]:
    return [work(piece) for piece in range(pieces)]


@pytest.fixture
def distributed_tables(monkeypatch):
    """Tasks run in this process; the tables that were distributed, in their order."""
    seen: list[str] = []
    validate = DistributedTable.validate

    def noted(table: DistributedTable) -> dict[str, int]:
        seen.append(table.work.table.name)
        return validate(table)

    monkeypatch.setattr(DistributedTable, "validate", noted)
    monkeypatch.setattr(distributed, "session", lambda _: nullcontext())
    monkeypatch.setattr(spark, "over_buckets", one_by_one)
    return seen


def both_ways(tiny: Any, **changes: Any) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Every file of a local and of a distributed ingest of the same raw files."""
    homes = [Home(tiny.home.root / kind) for kind in ("local", "distributed")]
    for home, engine in zip(homes, ({}, SPARK), strict=True):
        ingest(tiny.settings(**changes, **engine), tiny.raw, home, lambda _: None)
    here, there = (bytes_below(home.root) for home in homes)
    return here, there


def booking(number: str, customer: str, known: str, amount: str = "5.00") -> str:
    return f"{number},{customer},A1,{known} 10:00:00,{amount},CNY,other,{known},\n"


@pytest.mark.parametrize(
    ("most_parts", "most_writers"), [(1024, 512), (2, 1), pytest.param(1, 3, marks=pytest.mark.long)]
)
def test_the_bytes_are_those_of_a_local_ingest(
    tiny, distributed_tables, monkeypatch, most_parts, most_writers
):
    """Keys that come again in other files and under other customers, lines that are no rows, refused rows."""
    monkeypatch.setattr(distributed, "MOST_PARTS", most_parts)
    monkeypatch.setattr(distributed, "MOST_WRITERS", most_writers)
    other = [booking("T1", "C5", "2024-03-01"), booking("T3", "C1", "2024-03-09"), "T99,too,few\n",
             booking("T4", "C5", "2024-03-04", "4.50"), booking("T2", "C9", "2024-03-02")]  # fmt: skip
    tiny.write("txn_2.csv", TXN_HEADER + "".join(other))
    again = (tiny.raw / "txn_1.csv").read_text("utf-8").splitlines(keepends=True)[2]
    tiny.write(
        "txn_3.csv",
        TXN_HEADER + again + booking("T3", "C2", "2024-03-07") + booking("T20", "C2", "2024-02-30"),
    )
    tiny.write("txn_4.csv", TXN_HEADER + 'T30,C1,"A1\nA2",2024-03-05 10:00:00,1,CNY,other,2024-03-05,\n')
    tiny.write("txn_5.csv", TXN_HEADER)
    tiny.write_holdings("hold_2.parquet", DAY=["2024-03-04"] * 6, BAL=[1.5] * 6)  # not DECIMAL as in hold_1
    tiny.write_holdings("hold_3.parquet", BAL=[Decimal("7.25")] * 6)
    local, there = both_ways(tiny, customers_per_bucket=1)
    assert distributed_tables == ["transactions", "holdings"]
    assert there == local
    quarantine = local["quarantine.csv"].decode()
    assert "'T1' stands with another content" in quarantine
    assert "too few fields" in quarantine
    assert quarantine.count("stands with another content in hold_") == 6


def test_a_later_delivery_stays_in_this_process(tiny, distributed_tables):
    tiny.ingest(**SPARK)
    distributed_tables.clear()
    tiny.write("txn_2.csv", TXN_HEADER + booking("T50", "C1", "2024-03-09"))
    tiny.ingest(**SPARK)
    assert distributed_tables == []
    assert len(tiny.rows("transactions")) == 11


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT DISTINCT * FROM ({select})",
        "SELECT * FROM ({select}) WHERE transaction_id IN (SELECT min(NO) FROM txn GROUP BY DONE)",
        "SELECT t.* FROM ({select}) t, (SELECT max(CCY) AS last FROM fx)",
    ],
)
def test_a_select_that_looks_at_other_rows_stays_in_this_process(tiny, distributed_tables, sql):
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", sql.format(select=select))
    local, there = both_ways(tiny)
    assert distributed_tables == ["holdings"]
    assert there == local


def test_a_source_that_another_table_needs_whole_stays_in_this_process(tiny, distributed_tables):
    tiny.select("customers", "SELECT CUST AS customer_id, min(DONE)::DATE AS opened_on, min(LOADED)::DATE AS "
                             "known_on, "
                "min(_file) AS _file, min(_line) AS _line FROM txn GROUP BY CUST")  # fmt: skip
    local, there = both_ways(tiny)
    assert distributed_tables == ["holdings"]
    assert there == local


def spoil_header(tiny: Any) -> None:
    tiny.write("txn_2.csv", TXN_HEADER.replace("AMT,", "") + "T9,C1\n")


def spoil_parquet(tiny: Any) -> None:
    (tiny.raw / "hold_2.parquet").write_bytes(b"no Parquet")


def spoil_parquet_column(tiny: Any) -> None:
    pq.write_table(
        pa.table({"CUST": ["C1"], "PROD": ["P1"], "DAY": ["2024-03-04"]}), tiny.raw / "hold_2.parquet"
    )


def spoil_every_row(tiny: Any) -> None:
    for path in tiny.raw.glob("hold_*.parquet"):
        tiny.write_holdings(path.name, PROD=["P9"] * 6)


def spoil_cast(tiny: Any) -> None:
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", select.replace("AMT AS amount", "AMT::INTEGER AS amount"))
    tiny.write("txn_2.csv", TXN_HEADER + booking("T40", "C1", "2024-03-09", "much"))


@pytest.mark.parametrize(
    "spoil", [spoil_header, spoil_parquet, spoil_parquet_column, spoil_every_row, spoil_cast]
)
@pytest.mark.usefixtures("distributed_tables")
def test_an_error_is_the_same_sentence_and_leaves_the_tables(tiny, spoil):
    tiny.ingest()
    tiny.write("cust_1.csv", (tiny.raw / "cust_1.csv").read_text("utf-8") + "C7,2020-01-07,2020-01-07\n")
    before = bytes_below(tiny.home.root / "tables")
    spoil(tiny)
    said = []
    for engine in ({}, SPARK):
        with pytest.raises(DataError) as raised:
            tiny.ingest(**engine)
        said.append(str(raised.value))
        assert bytes_below(tiny.home.root / "tables") == before
    assert said[0] == said[1]
    assert not (tiny.home.root / ".distributed").exists()


@pytest.mark.usefixtures("distributed_tables")
def test_rows_that_get_lost_on_the_way_do_not_reconcile(tiny, monkeypatch):
    def without_rows(work: Any, buckets: range) -> Any:
        for path in (work.folder / "rows").glob("*.arrow"):
            path.unlink()
        return lay(work, buckets)

    lay = distributed.repeated_keys
    monkeypatch.setattr(distributed, "repeated_keys", without_rows)
    with pytest.raises(DataError, match="'transactions' does not reconcile"):
        tiny.ingest(**SPARK)
