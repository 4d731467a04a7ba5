"""Tables by customer on disk: all rows of one customer in one bucket, a file per bucket and part.

``write_buckets`` takes rows in any order. Each batch is cut by bucket as it comes (a counting sort of small
numbers); then every bucket is sorted alone. That costs a fraction of sorting the whole table: the keys are
integers, and text is compared only where customer and moment are the same.
"""

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.artefacts import NAMES_OF_ROWS, is_text, write_parquet
from pipeline.tables import UNDATED, bucket_name

WORKERS = 2  # batches cut, and buckets sorted and compressed, at once
IN_MEMORY = 400_000_000  # bytes of cut rows; what comes after them waits on disk
T = TypeVar("T")
Ints = NDArray[np.int64]
Cut = Callable[[int], pa.RecordBatch]  # the rows of one bucket in one batch of the stream


def write_buckets(
    reader: pa.RecordBatchReader,
    folder: Path,
    buckets: int,
    order: Sequence[str],
    year_of: str | None = None,
) -> int:
    """Write ``bucket=NN/<part>.parquet`` from a stream of rows in any order; the number of rows.

    ``_bucket`` says where a row belongs (0 … buckets - 1, any integer type) and is not written. Rows lie
    by ``order``: the customer, a date or timestamp, then as many columns as it takes to tell any two rows
    apart, so that the bytes depend neither on how the stream was cut nor on its order. Empty values come last.
    ``year_of``: a date or timestamp column without empty values; a part is then a calendar year of it.
    Otherwise there is one part, ``all``. A part without rows has no file.
    Memory is bounded by IN_MEMORY, some batches and WORKERS buckets; the rest waits in ``folder``.
    """
    schema = reader.schema.remove(reader.schema.get_field_index("_bucket"))
    folder.mkdir(parents=True, exist_ok=True)
    spill = _Spill(folder / ".spill")
    written = 0
    batches = iter(reader)
    first = list(islice(batches, 1))
    few = _few(first[0]) if first else set()
    with ThreadPoolExecutor(WORKERS) as pool:
        cuts: list[Cut] = []
        for batch, bounds in _each(pool, by_bucket, ((one, buckets, few) for one in chain(first, batches))):
            written += batch.num_rows
            cuts.append(spill.keep(batch, bounds))

        def write(bucket: int) -> None:
            rows = pa.concat_tables([pa.table(cut(bucket)) for cut in cuts] or [schema.empty_table()])
            write_parts(rows, folder / bucket_name(bucket), order, year_of)

        for _ in _each(pool, write, ((bucket,) for bucket in range(buckets))):
            pass
    shutil.rmtree(spill.folder, ignore_errors=True)
    return written


def write_parts(rows: pa.Table, folder: Path, order: Sequence[str], year_of: str | None = None) -> None:
    """Write the rows of one bucket, in any order, as ``write_buckets`` does."""
    rows = _in_order(rows, order)
    if year_of is None:
        if len(rows):
            write_parquet(rows, folder / f"{UNDATED}.parquet")
        return
    year = pc.year(rows[year_of]).to_numpy()
    for one in np.unique(year).tolist():
        write_parquet(rows.filter(pa.array(year == one)), folder / f"{one}.parquet")


def _each(
    pool: ThreadPoolExecutor, work: Callable[..., T], arguments: Iterable[tuple[Any, ...]]
) -> Iterator[T]:
    """Results in order; never more than WORKERS + 1 are under way, so that no more need room."""
    running: deque[Future[T]] = deque()
    for one in arguments:
        running.append(pool.submit(work, *one))
        if len(running) > WORKERS:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def _few(batch: pa.RecordBatch) -> set[str]:
    """Text columns of a small vocabulary, which are moved faster as codes; a thousand rows tell."""
    text = [field.name for field in batch.schema if pa.types.is_string(field.type)]
    return {
        name for name in text
        if name not in NAMES_OF_ROWS and pc.count_distinct(batch.column(name).slice(0, 1000)).as_py() < 100
    }  # fmt: skip


def by_bucket(batch: pa.RecordBatch, buckets: int, few: set[str]) -> tuple[pa.RecordBatch, list[int]]:
    """The batch's rows by bucket, and where each bucket begins (one more than there are buckets)."""
    number = batch.column("_bucket").to_numpy().astype(np.uint16)
    rows = pa.array(np.argsort(number, kind="stable"))
    bounds = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=buckets))])
    columns = {
        name: (batch.column(name).dictionary_encode() if name in few else batch.column(name)).take(rows)
        for name in batch.schema.names
        if name != "_bucket"
    }
    return pa.RecordBatch.from_pydict(columns), bounds.tolist()


@dataclass
class _Spill:
    """Cut batches, the first IN_MEMORY bytes of them in memory, the others each in a file of its own."""

    folder: Path
    held: int = 0
    files: int = field(default=0, init=False)

    def keep(self, batch: pa.RecordBatch, bounds: Sequence[int]) -> Cut:
        size = batch.nbytes
        if self.held + size <= IN_MEMORY:
            self.held += size
            return lambda bucket: batch.slice(bounds[bucket], bounds[bucket + 1] - bounds[bucket])
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{self.files}.arrow"
        self.files += 1
        write_cut(batch, bounds, path)
        return lambda bucket: next(read_cut(path, range(bucket, bucket + 1)))


def write_cut(batch: pa.RecordBatch, bounds: Sequence[int], path: Path) -> None:
    """Write rows that ``by_bucket`` has cut: one piece per bucket, in one file."""
    with pa.ipc.new_file(path, batch.schema) as file:
        for start, end in pairwise(bounds):
            file.write_batch(batch.slice(start, end - start))


def read_cut(path: Path, buckets: range) -> Iterator[pa.RecordBatch]:
    """The rows of each of these buckets in a file of ``write_cut``."""
    with pa.OSFile(str(path)) as file:
        pieces = pa.ipc.open_file(file)
        for bucket in buckets:
            yield pieces.get_batch(bucket)


def _in_order(rows: pa.Table, order: Sequence[str]) -> pa.Table:
    """The rows of one bucket by ``order``, in one piece, text coded where it repeats."""
    rows = pa.table({name: _coded(name, rows[name]) for name in rows.column_names})
    place = np.arange(len(rows))
    # Of the rows that others equal so far: where they stand, and the number of their group of equal ones.
    tied, group = np.arange(len(rows)), np.zeros(len(rows), np.int64)
    for name in order:
        if not len(tied):
            break
        few = place[tied]
        key = _keys(rows[name].take(pa.array(few)))
        step = _ascending(group, _ascending(key, np.arange(len(few))))
        place[tied], key = few[step], key[step]
        new = (np.diff(group) != 0) | (np.diff(key) != 0)
        open_still = ~(np.append(True, new) & np.append(new, True))
        group = np.cumsum(np.append(False, new))[open_still]
        tied = tied[open_still]
    return rows.take(pa.array(place))


def _coded(name: str, column: pa.ChunkedArray) -> pa.Array:
    """Text as codes of its sorted values, so that the dictionary does not depend on the order of rows."""
    array = column.combine_chunks()
    if not is_text(array.type) or name in NAMES_OF_ROWS:
        return array
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    found, codes = coded.dictionary, coded.indices.drop_null().to_numpy()
    used = np.flatnonzero(np.bincount(codes, minlength=len(found)))
    values = found.take(pa.array(used))
    order = pc.array_sort_indices(values).to_numpy()
    code = np.zeros(len(found), np.int32)
    code[used[order]] = np.arange(len(used))
    return pa.DictionaryArray.from_arrays(pa.array(code).take(coded.indices), values.take(pa.array(order)))


def _keys(column: pa.ChunkedArray) -> Ints:
    """Integers in the order of the values, empty ones last."""
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        return pc.fill_null(array.indices, len(array.dictionary)).to_numpy().astype(np.int64)
    if pa.types.is_temporal(array.type) and not array.null_count:
        return array.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    return pc.rank(array, tiebreaker="dense").to_numpy().astype(np.int64)


def _ascending(key: Ints, places: Ints) -> Ints:
    """``places`` by their keys, equal ones as they stood; 16 bits at a time, which numpy sorts by counting."""
    left = key[places] - key.min()
    while left.any():
        step = np.argsort(left.astype(np.uint16), kind="stable")
        places, left = places[step], left[step] >> 16
    return places
