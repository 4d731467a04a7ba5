"""Tables by customer on disk: all rows of one customer in one bucket, one file per table and bucket."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from pipeline.artefacts import write_parquet

WRITERS = 2  # files compressed at once while the next rows are sorted


def write_buckets(reader: pa.RecordBatchReader, folder: Path, buckets: int) -> int:
    """Cut a stream sorted by ``_bucket`` into one file per bucket, empty ones included; the number of rows."""
    schema = reader.schema.remove(reader.schema.get_field_index("_bucket"))
    pending: dict[int, list[pa.Table]] = {}
    written, done = 0, 0
    files: list[Future[None]] = []
    with ThreadPoolExecutor(WRITERS) as pool:

        def close(upto: int) -> int:
            """Every bucket below ``upto`` is complete: the stream is sorted."""
            for bucket in range(done, upto):
                parts = pending.pop(bucket, None) or [schema.empty_table()]
                # In one piece, so that the bytes do not depend on how the stream was cut.
                rows = pa.concat_tables(parts).combine_chunks()
                files.append(pool.submit(write_parquet, rows, bucket_file(folder, bucket)))
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


def bucket_file(folder: Path, bucket: int) -> Path:
    """The file of one bucket of one table."""
    return folder / f"bucket={bucket:02d}" / "part.parquet"
