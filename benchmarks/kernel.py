"""The product's way to windowed sums and counts of bookings: rows into buckets, the kernel on a bucket."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
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
from features.engine.entities import Entities, make_entities
from features.engine.tiles import Calendar, SnapshotArray
from pipeline.ingest.buckets import WORKERS, in_turn
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
        found = con.execute(
            f"SELECT customer_id, {bucket_of('customer_id', buckets)} AS bucket FROM (SELECT DISTINCT "
            f"customer_id "
            "FROM read_parquet(?, hive_partitioning = false)) ORDER BY customer_id",
            [[str(path) for path in files]],
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
    keys = {
        "customer_id": pa.array(np.tile(entities.customers, len(calendar.snapshots)), pa.string()),
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
