"""Summaries of all rows: each delivery adds its own rows to those of the one before it."""

import shutil
from datetime import date
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from configs.files import write_manifest
from configs.tables import TABLES
from pipeline.ingest.summaries import SUMMARIES, Summary, summaries_of
from tests.folders import bytes_below
from tests.pipeline.conftest import TXN_HEADER, booking


def customers_of(table: str) -> Summary:
    return next(summary for summary in summaries_of(TABLES[table]) if summary.name == f"{table}_customers")


def test_bookings_of_two_deliveries_are_added_by_customer_and_account(tiny: Any) -> None:
    tiny.ingest()
    tiny.write(
        "txn_2.csv",
        TXN_HEADER + booking(NO="N1", DONE="2024-02-01 09:00:00") + booking(NO="N2", KIND="fee", AMT="-1.50"),
    )
    rows = pq.read_table(tiny.ingest().folder / SUMMARIES / "transactions_customers.parquet").to_pylist()
    day = date(2024, 3, 6)  # T6 is the only booking of C1 so far, on account A6
    new = {"first_on": date(2024, 2, 1), "ends_on": date(2024, 3, 1), "last_on": date(2024, 2, 1)}
    assert [row for row in rows if row["customer_id"] == "C1"] == [
        {"customer_id": "C1", "account_id": "A1"} | new,
        {"customer_id": "C1", "account_id": "A6", "first_on": day, "ends_on": day, "last_on": day},
    ]


def test_the_last_balance_of_a_day_is_the_one_known_last() -> None:
    held = "(VALUES ('C1', 'P1', 'A1', DATE '2024-03-0{}', DATE '2024-03-0{}', {})) AS h"
    names = "(customer_id, product_id, account_id, valued_on, known_on, balance)"
    summary = customers_of("holdings")
    versions = [(1, 1, 10), (2, 2, 20), (2, 3, 30)]
    for order in (versions, versions[::-1]):
        parts = [summary.of_rows(held.format(*version) + names) for version in order]
        with duckdb.connect() as con:
            row = con.sql(summary.added(parts)).fetchall()[0]
        named = dict(zip((*summary.keys, *summary.values), row, strict=True))
        assert (named["first"], named["last"], named["newest"]) == (10, 30, 30)


def test_a_delivery_sums_its_own_rows_alone(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.ingest()
    summed, original = [], Summary.of_rows

    def noted(summary: Summary, rows: str) -> str:
        if TABLES[summary.table].by_customer:
            summed.append(rows)
        return original(summary, rows)

    monkeypatch.setattr(Summary, "of_rows", noted)
    tiny.write("txn_2.csv", TXN_HEADER + booking())
    tables = tiny.ingest()
    assert {rows.count(".parquet") for rows in summed} == {1}
    assert all("/transactions/" in rows and tables.fingerprint in rows for rows in summed)


def test_where_earlier_tables_have_no_summaries_all_rows_are_summed(tiny: Any) -> None:
    first = tiny.ingest()
    shutil.rmtree(first.folder / SUMMARIES)
    write_manifest(first.folder)
    tiny.write("txn_2.csv", TXN_HEADER + booking())
    added = tiny.ingest()
    assert added.builds_on == (first.fingerprint,)
    again = type(tiny)(tiny.folder, tiny.raw, type(tiny.home)(tiny.home.root.with_name("again")))
    at_once = bytes_below(again.ingest().folder / SUMMARIES, "*.parquet")
    assert bytes_below(added.folder / SUMMARIES, "*.parquet") == at_once
