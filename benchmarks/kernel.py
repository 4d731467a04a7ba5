"""The product's ways to windowed sums and counts of bookings: rows into buckets, the kernel on a bucket.

``straight`` goes from the file of bookings to the matrix and keeps no tables: rows that some window can hold
are put into buckets of neighbouring customers, in memory as ingest does, then the kernel takes each bucket.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.settings import Settings
from features.build import catalogue
from features.catalogue.grammar import Name, weeks
from features.catalogue.measures import MEASURES, Measure
from features.engine.activity import make_activity
from features.engine.cut import recompute_late_arrivals
from features.engine.entities import Entities, make_entities, unscaled
from features.engine.tiles import Calendar, SnapshotArray
from pipeline.artefacts import write_parquet
from pipeline.ingest.buckets import WORKERS, in_turn, work_by_bucket
from pipeline.ingest.checks import bucket_of

ROW_GROUPS = 8  # read at once, about a million rows
# Sums and counts of bookings: what one SQL can say as well.
SHARED = tuple(
    replace(measure, statistics=tuple(one for one in measure.statistics if one in ("sum", "count")))
    for measure in MEASURES
    if measure.table == "transactions"
)
READ = [
    "customer_id",
    "booked_at",
    "amount_base",
    "kind",
    "channel",
    "counterparty",
    "known_on",
    "superseded_on",
]
TEXT = ["customer_id", "kind", "channel", "counterparty"]
KEYS = ["customer_id", "snapshot_date"]
ORDER = list(dict.fromkeys(["customer_id", "booked_at", *READ]))
Column = tuple[Measure, str, int]


@dataclass(frozen=True)
class Places:
    """Every customer once, by id, and the bucket of each."""

    customers: pa.Array
    bucket: NDArray[np.int16]


def find_places(files: Sequence[Path], buckets: int) -> Places:
    with duckdb.connect() as con:
        found = con.sql(
            f"SELECT customer_id, {bucket_of('customer_id', buckets)} AS bucket FROM (SELECT DISTINCT "
            "customer_id FROM read_parquet(?, hive_partitioning = false)) ORDER BY customer_id",
            params=[[str(path) for path in files]],
        ).to_arrow_table()
    return Places(found["customer_id"].combine_chunks(), found["bucket"].to_numpy())


def placed(file: Path, places: Places) -> pa.RecordBatchReader:
    """The rows of a Parquet file as ``write_buckets`` takes them: text coded, each row with its bucket."""
    found = pq.read_metadata(file)
    text = [name for name in TEXT[1:] if name in found.schema.names]
    groups = range(found.num_row_groups)
    runs = [groups[k : k + ROW_GROUPS] for k in groups[::ROW_GROUPS]]

    def read(run: range) -> pa.RecordBatch:
        # Not iter_batches: it cuts a batch wherever the dictionary of a row group ends.
        rows = pq.ParquetFile(file, metadata=found, read_dictionary=text).read_row_groups(
            run, use_threads=False
        )
        return _placed(rows.combine_chunks().to_batches()[0], places)

    def batches() -> Iterator[pa.RecordBatch]:
        with ThreadPoolExecutor(WORKERS) as pool:
            yield from in_turn(pool, read, ((run,) for run in runs))

    nothing = pa.RecordBatch.from_pylist([], pq.ParquetFile(file, read_dictionary=text).schema_arrow)
    return pa.RecordBatchReader.from_batches(_placed(nothing, places).schema, batches())


def _placed(rows: pa.RecordBatch, places: Places) -> pa.RecordBatch:
    place = pc.index_in(rows.column("customer_id"), places.customers)
    columns = dict(zip(rows.schema.names, rows.columns, strict=True))
    columns["customer_id"] = pa.DictionaryArray.from_arrays(place, places.customers)
    return pa.RecordBatch.from_pydict(columns | {"_bucket": pa.array(places.bucket[place.to_numpy()])})


def straight(
    folder: Path, since: date, size: int, calendar: Calendar, wanted: Sequence[Column], out: Path
) -> None:
    """The columns of all customers, ``size`` a bucket, as a file per bucket; bookings before ``since`` are
    in no window."""
    people = pq.read_table(folder / "customers.parquet").sort_by("customer_id")
    ids = people["customer_id"].combine_chunks().unique()
    person = pc.index_in(people["customer_id"].combine_chunks(), ids).to_numpy()
    buckets = -(-len(ids) // size)

    def work(bucket: int, rows: pa.Table) -> None:
        first = bucket * size
        customer = rows["customer"].to_numpy() - first
        order = np.argsort(customer.astype(np.uint16), kind="stable")  # of 16 bits: counted, not compared
        coded = pa.DictionaryArray.from_arrays(customer[order], ids.slice(first, size))
        bookings = rows.drop_columns(["customer"]).take(pa.array(order)).append_column("customer_id", coded)
        begin, end = np.searchsorted(person, [first, first + size])
        tables = {"customers": people.slice(begin, end - begin), "transactions": bookings}
        write_parquet(sums_and_counts(tables, calendar, wanted), out / f"{bucket}.parquet")

    work_by_bucket(_lean(folder / "transactions.parquet", since, ids, size), out, buckets, work)


def _lean(file: Path, since: date, ids: pa.Array, size: int) -> pa.RecordBatchReader:
    """The bookings from ``since`` on, in the columns and types that the kernel adds up."""
    found = pq.read_metadata(file)
    booked_at = found.schema.names.index("booked_at")
    newest = [found.row_group(k).column(booked_at).statistics.max for k in range(found.num_row_groups)]

    def read(group: int) -> pa.RecordBatch:
        rows = pq.ParquetFile(file, metadata=found, read_dictionary=TEXT).read_row_group(
            group, columns=READ, use_threads=False
        )
        return _as_lean(rows, since, ids, size)

    def batches() -> Iterator[pa.RecordBatch]:
        with ThreadPoolExecutor(WORKERS) as pool:
            groups = ((k,) for k, last in enumerate(newest) if last.date() >= since)
            yield from in_turn(pool, read, groups)

    nothing = pq.ParquetFile(file, read_dictionary=TEXT).schema_arrow.empty_table().select(READ)
    return pa.RecordBatchReader.from_batches(_as_lean(nothing, since, ids, size).schema, batches())


def _as_lean(rows: pa.Table, since: date, ids: pa.Array, size: int) -> pa.RecordBatch:
    day = pc.cast(rows["booked_at"], pa.date32(), safe=False)
    inside = pc.greater_equal(day, since)
    if not pc.all(inside).as_py():
        rows, day = rows.filter(inside), day.filter(inside)
    coded = rows["customer_id"].combine_chunks()
    place = pc.index_in(coded.dictionary, ids).to_numpy()[coded.indices.to_numpy()]
    columns = {name: rows[name].combine_chunks() for name in READ[3:]}
    columns |= {"customer": place, "booked_at": day.combine_chunks()}
    columns |= {"amount_base": unscaled(rows["amount_base"]), "_bucket": place // size}
    return pa.RecordBatch.from_pydict(columns)


def columns(settings: Settings) -> tuple[Column, ...]:
    """The shared columns: measure, statistic, window in weeks; those that are features of their own."""
    windows, known = settings.features.windows, catalogue(settings)
    found = [(m, statistic, window) for m in SHARED for statistic in m.statistics for window in windows]
    return tuple(column for column in found if name_of(*column) in known)


def name_of(measure: Measure, statistic: str, window: int) -> str:
    return str(Name(measure.name, statistic, weeks(window)))


def sums_and_counts(tables: Mapping[str, pa.Table], calendar: Calendar, wanted: Sequence[Column]) -> pa.Table:
    """The shared columns of one bucket: one row per snapshot and customer, by the kernel of the product."""
    entities = make_entities(tables)
    arrays = recompute_late_arrivals(entities, calendar, partial(_arrays, wanted=wanted))
    days = np.repeat(calendar.snapshots, len(entities)).astype("datetime64[D]")
    everyone = pa.array(entities.customers, pa.string())
    keys = {
        "customer_id": pa.concat_arrays([everyone] * len(calendar.snapshots)),
        "snapshot_date": pa.array(days),
    }
    return pa.table(keys | {str(name): pa.array(array.reshape(-1)) for name, array in arrays.items()})


def _arrays(entities: Entities, calendar: Calendar, wanted: Sequence[Column]) -> dict[Name, SnapshotArray]:
    activity = make_activity(entities, calendar, SHARED)
    of = {"sum": activity.total, "count": activity.count}
    return {
        Name(measure.name, statistic, weeks(window)): of[statistic](measure.name, window)
        for measure, statistic, window in wanted
    }
