"""Tables by customer on disk: all rows of one customer in one bucket, one file per table, bucket and year."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artefacts import write_parquet
from pipeline.tables import UNDATED, bucket_name

WRITERS = 2  # files compressed at once while the next rows are sorted


def write_buckets(reader: pa.RecordBatchReader, folder: Path, buckets: int, happened: str | None) -> int:
    """Cut a stream sorted by ``_bucket`` into one file per bucket and year of ``happened``; the number of rows.

    Without ``happened`` a bucket is one file. The order of rows within a bucket is kept.
    """
    schema = reader.schema.remove(reader.schema.get_field_index("_bucket"))
    pending: dict[int, list[pa.Table]] = {}
    written, done = 0, 0
    files: list[Future[None]] = []
    with ThreadPoolExecutor(WRITERS) as pool:

        def close(upto: int) -> int:
            """Every bucket below ``upto`` is complete: the stream is sorted."""
            for bucket in range(done, upto):
                rows = pa.concat_tables(pending.pop(bucket, None) or [schema.empty_table()])
                for name, part in by_year(rows, happened):
                    files.append(pool.submit(write_part, part, folder / bucket_name(bucket), name))
            return max(done, upto)

        for batch in reader:
            rows = pa.Table.from_batches([batch])
            numbers = rows.column("_bucket").to_numpy()
            written += len(numbers)
            for bucket in sorted(set(numbers.tolist())):
                start, end = numbers.searchsorted([bucket, bucket + 1])
                pending.setdefault(bucket, []).append(
                    rows.slice(start, end - start).drop_columns(["_bucket"])
                )
            done = close(int(numbers[-1])) if len(numbers) else done
        close(buckets)
    for file in files:
        file.result()
    return written


def by_year(rows: pa.Table, happened: str | None) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each calendar year with its name; without ``happened`` all; nothing where there is no row."""
    if not happened:
        yield from [(UNDATED, rows)] if len(rows) else []
        return
    year = pc.year(rows[happened])
    for one in sorted(pc.unique(year).to_pylist()):
        yield str(one), rows.filter(pc.equal(year, one))


def write_part(rows: pa.Table, folder: Path, name: str) -> None:
    """Write one part. In one piece, so that the bytes do not depend on how its rows were gathered."""
    write_parquet(rows.combine_chunks(), folder / f"{name}.parquet")
