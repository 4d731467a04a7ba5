"""Tables by customer on disk: all rows of one customer in one bucket, a file per bucket and part.

``write_buckets`` takes rows in any order. Each batch is partitioned by bucket as it comes (a counting sort of
small numbers); then every bucket is sorted alone. That costs a fraction of sorting the whole table: the keys
are integers, and text is compared only where customer and moment are the same.
"""

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from configs.tables import EVENT_TABLES, Table
from pipeline.artefacts import NAMES_OF_ROWS, is_text, write_parquet
from pipeline.tables import UNDATED, bucket_name

WORKERS = 2  # batches partitioned, and buckets sorted and compressed, at once
SECOND = 1_000_000  # microseconds
DIGIT_BITS = 11  # so many counters fit the nearest cache
DIGITS = 1 << DIGIT_BITS
IN_MEMORY = 400_000_000  # bytes of partitioned rows; what comes after them waits on disk
Result = TypeVar("Result")
Ints = NDArray[np.int64]
Partitions = Callable[[int], pa.RecordBatch]  # the rows of one bucket in one batch of the stream


def write_buckets(
    reader: pa.RecordBatchReader,
    folder: Path,
    buckets: int,
    order: Sequence[str],
    year_of: str | None = None,
) -> int:
    """Write ``bucket=NN/<part>.parquet`` from a stream of rows in any order; the number of rows.

    ``_bucket`` says where a row belongs (0 … buckets - 1, any integer type) and is not written. Rows lie by
    ``order``: the customer, a date or timestamp, then as many columns as it takes to tell any two rows apart,
    so that the bytes depend neither on how the stream was cut nor on its order. Empty values come last. Text
    may come coded, the customers of all batches by one vocabulary: numbers are moved faster. ``year_of``: a
    date or timestamp column without empty values; a part is then a calendar year of it. Otherwise there is
    one part, ``all``. A part without rows has no file. Memory is bounded by IN_MEMORY, some batches and
    WORKERS buckets; the rest waits in ``folder``.
    """

    def write(bucket: int, rows: pa.Table) -> None:
        write_parts(rows, folder / bucket_name(bucket), order, year_of)

    return work_by_bucket(reader, folder, buckets, write)


def work_by_bucket(
    reader: pa.RecordBatchReader, folder: Path, buckets: int, work: Callable[[int, pa.Table], None]
) -> int:
    """Call ``work`` with each bucket and its rows, in the order of the stream; the number of all rows.

    Of the stream and of memory the same holds as for ``write_buckets``; ``work`` runs on WORKERS threads.
    """
    schema = reader.schema.remove(reader.schema.get_field_index("_bucket"))
    folder.mkdir(parents=True, exist_ok=True)
    spill = _Spill(folder / ".spill")
    row_count = 0
    batches = iter(reader)
    first = list(islice(batches, 1))
    coded = _small_vocabularies(first[0]) if first else set()
    with ThreadPoolExecutor(WORKERS) as pool:
        batches_kept: list[Partitions] = []
        unordered = ((batch, buckets, coded) for batch in chain(first, batches))
        for batch, bounds in in_turn(pool, partition, unordered):
            row_count += batch.num_rows
            batches_kept.append(spill.keep(batch, bounds))

        def work_on(bucket: int) -> None:
            rows = [pa.table(rows_of(bucket)) for rows_of in batches_kept] or [schema.empty_table()]
            work(bucket, pa.concat_tables(rows))

        for _ in in_turn(pool, work_on, ((bucket,) for bucket in range(buckets))):
            pass
    shutil.rmtree(spill.folder, ignore_errors=True)
    return row_count


def write_parts(rows: pa.Table, folder: Path, order: Sequence[str], year_of: str | None = None) -> None:
    """Write the rows of one bucket, in any order, as ``write_buckets`` does."""
    rows = pa.table({name: _coded(name, rows[name]) for name in rows.column_names})
    place = _in_order(rows, order)
    if year_of is None:
        parts = {UNDATED: place} if len(place) else {}
    else:
        year = pc.year(rows[year_of]).to_numpy()[place]
        parts = {str(number): place[year == number] for number in np.unique(year).tolist()}
    for name, chosen in parts.items():
        write_parquet(rows.take(pa.array(chosen)), folder / f"{name}.parquet")


def layout_of(table: Table) -> tuple[list[str], str | None]:
    """The order of the rows of a part, and the column whose calendar year decides in which part a row lies.

    No two rows of a table are equal in all columns of the order.
    """
    order = dict.fromkeys(["customer_id", table.happened, *table.key, *table.names])
    year_of = table.happened if table.name in EVENT_TABLES else None
    return [name for name in order if name != "deleted"], year_of


def in_turn(
    pool: ThreadPoolExecutor, work: Callable[..., Result], arguments: Iterable[tuple[Any, ...]]
) -> Iterator[Result]:
    """Results in order; never more than WORKERS + 1 are under way, so that no more need room."""
    running: deque[Future[Result]] = deque()
    for task in arguments:
        running.append(pool.submit(work, *task))
        if len(running) > WORKERS:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def _small_vocabularies(batch: pa.RecordBatch) -> set[str]:
    """Text columns of a small vocabulary, which are moved faster as codes; a thousand rows tell."""
    text = [field.name for field in batch.schema if pa.types.is_string(field.type)]
    return {
        name for name in text
        if name not in NAMES_OF_ROWS and pc.count_distinct(batch.column(name).slice(0, 1000)).as_py() < 100
    }  # fmt: skip


def partition(batch: pa.RecordBatch, buckets: int, coded: set[str]) -> tuple[pa.RecordBatch, list[int]]:
    """The batch's rows by bucket, and where each bucket begins (one more than there are buckets)."""
    number = batch.column("_bucket").to_numpy().astype(np.uint16)
    rows = pa.array(np.argsort(number, kind="stable"))
    bounds = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=buckets))])
    columns = {
        name: (batch.column(name).dictionary_encode() if name in coded else batch.column(name)).take(rows)
        for name in batch.schema.names
        if name != "_bucket"
    }
    return pa.RecordBatch.from_pydict(columns), bounds.tolist()


@dataclass
class _Spill:
    """Partitioned batches, the first IN_MEMORY bytes in memory, the others each in a file of its own."""

    folder: Path
    held: int = 0
    files: int = field(default=0, init=False)
    opening: Lock = field(default_factory=Lock, init=False)

    def keep(self, batch: pa.RecordBatch, bounds: Sequence[int]) -> Partitions:
        if self.held + batch.nbytes <= IN_MEMORY:
            self.held += batch.nbytes
            return lambda bucket: batch.slice(bounds[bucket], bounds[bucket + 1] - bounds[bucket])
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{self.files}.arrow"
        self.files += 1
        write_partitions(batch, bounds, path)
        pieces: list[pa.RecordBatchFileReader] = []

        def rows_of(bucket: int) -> pa.RecordBatch:
            with self.opening:  # once: the index of a file is as long as there are buckets
                if not pieces:
                    pieces.append(pa.ipc.open_file(pa.OSFile(str(path))))
                    pieces[0].get_batch(0)  # also reads its dictionaries
            return pieces[0].get_batch(bucket)

        return rows_of


def write_partitions(batch: pa.RecordBatch, bounds: Sequence[int], path: Path) -> None:
    """Write rows that ``partition`` has ordered: one piece per bucket, in one file."""
    with pa.ipc.new_file(path, batch.schema) as file:
        for start, end in pairwise(bounds):
            file.write_batch(batch.slice(start, end - start))


def read_partitions(path: Path, buckets: range) -> Iterator[pa.RecordBatch]:
    """The rows of each of these buckets in a file of ``write_partitions``."""
    with pa.OSFile(str(path)) as file:
        pieces = pa.ipc.open_file(file)
        for bucket in buckets:
            yield pieces.get_batch(bucket)


def _in_order(rows: pa.Table, order: Sequence[str]) -> Ints:
    """The places of the rows of one bucket, by ``order``."""
    place = np.arange(len(rows))
    # Of the rows that others equal so far: where they stand, and the number of their group of equal ones.
    tied, group = place.copy(), _keys(rows[order[0]])
    for name in order[1:]:
        if not len(tied):
            break
        places = place[tied]
        key = _joined(group, _keys(rows[name].take(pa.array(places))))
        step, key = _ascending(key)
        place[tied] = places[step]
        new = np.concatenate([[True], np.diff(key) != 0, [True]])
        open_still = ~(new[:-1] & new[1:])
        group, tied = np.cumsum(new[:-1])[open_still], tied[open_still]
    return place


def _coded(name: str, column: pa.ChunkedArray) -> pa.Array:
    """Text as codes of its sorted values, so that the dictionary does not depend on the order of rows."""
    array = column.combine_chunks()
    if not is_text(array.type) or name in NAMES_OF_ROWS:
        return array
    coded = array.dictionary_encode()
    used = np.flatnonzero(np.bincount(coded.indices.drop_null().to_numpy()))
    values = coded.dictionary.take(pa.array(used)).sort()
    code = pc.index_in(coded.dictionary, values)
    return pa.DictionaryArray.from_arrays(code.take(coded.indices), values)


def _keys(column: pa.ChunkedArray) -> Ints:
    """Integers in the order of the values, empty ones last."""
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        return pc.fill_null(array.indices, len(array.dictionary)).to_numpy().astype(np.int64)
    if pa.types.is_temporal(array.type) and not array.null_count:
        moment = array.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        return moment if (moment % SECOND).any() else moment // SECOND
    return pc.rank(array, tiebreaker="dense").to_numpy().astype(np.int64)


def _joined(group: Ints, key: Ints) -> Ints:
    """One number per row, from 0, that orders rows by group, then by key."""
    group, key = group - group.min(), key - key.min()
    if group.max() >= np.iinfo(np.int64).max // (key.max() + 1) - 1:
        key = np.unique(key, return_inverse=True)[1]
    return group * (key.max() + 1) + key


@numba.njit(cache=True, nogil=True)
def _ascending(key: Ints) -> tuple[Ints, Ints]:
    """Places by their keys (from 0), equal ones as they stood, and the keys: counted, some bits at a time."""
    place, largest, shift = np.arange(len(key)), key.max(), 0
    while largest >> shift:
        start = np.zeros(DIGITS + 1, np.int64)
        for value in key:
            start[((value >> shift) & (DIGITS - 1)) + 1] += 1
        start = np.cumsum(start)
        places, keys = np.empty_like(place), np.empty_like(key)
        for k in range(len(key)):
            digit = (key[k] >> shift) & (DIGITS - 1)
            places[start[digit]], keys[start[digit]] = place[k], key[k]
            start[digit] += 1
        place, key, shift = places, keys, shift + DIGIT_BITS
    return place, key
