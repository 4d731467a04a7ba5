"""Rows in any order become the same files: by bucket, by year, sorted."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.ingest import buckets
from pipeline.ingest.buckets import write_buckets
from tests.folders import bytes_below

Row = dict[str, Any]
ORDER = ("customer_id", "booked_at", "kind", "amount", "transaction_id")
BY_NAME = ("customer_id", "booked_at", "transaction_id")
SCHEMA = pa.schema(
    {
        "transaction_id": pa.string(),
        "customer_id": pa.string(),
        "booked_at": pa.timestamp("us"),
        "amount": pa.decimal128(18, 2),
        "kind": pa.string(),
        "superseded_on": pa.date32(),
        "_bucket": pa.int16(),
    }
)


def bookings(count: int) -> list[Row]:
    """Few customers, kinds and moments, so that many rows differ only late in the order."""
    rng = random.Random(7)
    return [
        {
            "transaction_id": f"T{number:05d}",
            "customer_id": f"C{customer}",
            "booked_at": datetime(2022, 12, 31, 23)
            + timedelta(hours=rng.randrange(4), days=rng.randrange(2)),
            "amount": Decimal(rng.randrange(-3, 3)) / 4,
            "kind": rng.choice(("card", "salary", "fee", None)),
            "superseded_on": rng.choice((None, date(2023, 2, 1))),
            "_bucket": customer % 4,
        }
        for number in range(count)
        for customer in [rng.choice((1, 2, 4, 5, 10))]
    ]


def stream(rows: list[Row], size: int) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(SCHEMA, pa.Table.from_pylist(rows, SCHEMA).to_batches(size))


def key(row: Row) -> tuple[Any, ...]:
    return tuple((row[name] is None, row[name]) for name in ORDER)


def test_rows_lie_sorted_in_their_bucket(tmp_path):
    rows = bookings(500)
    assert write_buckets(stream(rows, 100), tmp_path, 4, ORDER) == 500
    assert sorted(bytes_below(tmp_path, "*.parquet")) == [
        f"bucket=0{number}/all.parquet" for number in range(3)
    ]  # none in the last
    for number in range(3):
        expected = sorted((row for row in rows if row["_bucket"] == number), key=key)
        found = pq.read_table(tmp_path / f"bucket=0{number}" / "all.parquet", partitioning=None)
        assert found.to_pylist() == pa.Table.from_pylist(expected, SCHEMA.remove(6)).to_pylist()
        assert found.schema == SCHEMA.remove(6)


@pytest.mark.parametrize("memory", [0, 20_000, buckets.IN_MEMORY])
def test_the_bytes_do_not_depend_on_the_stream(tmp_path, memory, monkeypatch):
    rows = bookings(2000)
    write_buckets(stream(rows, 2000), tmp_path / "whole", 4, ORDER, year_of="booked_at")
    random.Random(1).shuffle(rows)
    monkeypatch.setattr(buckets, "IN_MEMORY", memory)
    write_buckets(stream(rows, 300), tmp_path / "cut", 4, ORDER, year_of="booked_at")
    assert bytes_below(tmp_path / "whole", "*.parquet") == bytes_below(tmp_path / "cut", "*.parquet")
    assert not (tmp_path / "cut" / ".spill").exists()


def test_few_rows_are_sorted_by_their_names(tmp_path):
    """Also where there are so few that the names look like a small vocabulary."""
    rows = [
        row | {"customer_id": "C1", "booked_at": datetime(2023, 1, 1), "_bucket": 0} for row in bookings(9)
    ]
    write_buckets(stream(rows[::-1], 4), tmp_path, 1, BY_NAME)
    numbers = pq.read_table(tmp_path / "bucket=00")["transaction_id"].to_pylist()
    assert numbers == [f"T{k:05d}" for k in range(9)]


def test_moments_far_apart_and_a_microsecond_apart(tmp_path):
    """80 customers × the microseconds from 1900 to 9999 are more than 63 bits, too many for one key."""
    moments = (datetime(9999, 12, 31, 0, 0, 0, 2), datetime(9999, 12, 31, 0, 0, 0, 1), datetime(1900, 1, 1))
    rows = [
        row | {"customer_id": f"C{n % 80:02d}", "booked_at": moments[n % 3], "_bucket": 0}
        for n, row in enumerate(bookings(400))
    ]
    write_buckets(stream(rows, 150), tmp_path, 1, ORDER)
    found = pq.read_table(tmp_path / "bucket=00" / "all.parquet", partitioning=None).to_pylist()
    assert [key(row) for row in found] == sorted(map(key, rows))


def test_coded_customers_are_written_like_text(tmp_path, monkeypatch):
    """Batches that share the ids of all customers, in memory or on disk: the bytes of plain text."""
    rows, ids = bookings(300), pa.array([f"C{n}" for n in range(20)])
    write_buckets(stream(rows, 100), tmp_path / "text", 4, ORDER)
    batches = [
        batch.set_column(
            1, "customer_id", pa.DictionaryArray.from_arrays(pc.index_in(batch.column(1), ids), ids)
        )
        for batch in stream(rows, 100)
    ]
    for name, memory in (("memory", buckets.IN_MEMORY), ("disk", 0)):
        monkeypatch.setattr(buckets, "IN_MEMORY", memory)
        reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
        write_buckets(reader, tmp_path / name, 4, ORDER)
        assert bytes_below(tmp_path / name, "*.parquet") == bytes_below(tmp_path / "text", "*.parquet")


def test_a_part_holds_the_rows_of_a_year(tmp_path):
    write_buckets(stream(bookings(400), 400), tmp_path, 4, ORDER, year_of="booked_at")
    years = [f"bucket=0{number}/{year}.parquet" for number in range(3) for year in (2022, 2023)]
    assert sorted(bytes_below(tmp_path, "*.parquet")) == years
    for year in (2022, 2023):
        moments = pq.read_table(tmp_path / "bucket=01" / f"{year}.parquet")["booked_at"].to_pylist()
        assert {moment.year for moment in moments} == {year}


def test_a_stream_that_fails_leaves_an_error(tmp_path):
    def broken() -> Iterator[pa.RecordBatch]:
        yield from stream(bookings(10), 10)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_buckets(pa.RecordBatchReader.from_batches(SCHEMA, broken()), tmp_path, 4, ORDER)


def test_a_vocabulary_may_grow_from_batch_to_batch(tmp_path):
    """Few kinds in the first batch, hundreds later; and few names of rows, which are sorted all the same."""
    rows = bookings(60)[::-1]
    rows += [row | {"kind": f"{n}", "transaction_id": f"X{n}"} for n, row in enumerate(bookings(300))]
    write_buckets(stream(rows, 50), tmp_path / "cut", 4, ORDER)
    write_buckets(stream(rows[::-1], 360), tmp_path / "whole", 4, ORDER)
    assert bytes_below(tmp_path / "whole", "*.parquet") == bytes_below(tmp_path / "cut", "*.parquet")
    found = pq.read_table(tmp_path / "cut" / "bucket=01" / "all.parquet", partitioning=None).to_pylist()
    assert found == sorted(found, key=key)
