"""The kernel on Spark beside one Spark SQL, over the same bucketed Parquet and from raw Parquet; all write
Parquet.

    python -m benchmarks.features_spark --data data --bank demo --snapshots 12 --master local[2]

Five ways are timed, each ``--repeats`` times, the start of the session apart:

- ``every_feature``: what a run does: cohort and every feature of every snapshot, a Spark task per bucket;
- ``shared_columns``: the same tasks, but only the sums and counts of bookings that the SQL computes too;
- ``spark_sql``: those sums and counts as one SQL with conditional sums over a join with the snapshots;
- ``with_bucketing``: the same columns from files as a bank delivers them, by the day on which a booking was
  known: a task per file cuts its bookings by bucket, a task per bucket sorts and writes them, a task per
  bucket computes;
- ``raw_sql``: the one SQL over those files.

The raw bookings are clean and typed: neither way checks them. The numbers of all are compared; one that
differs ends the run with exit code 1. Times are wall clock and depend on what else the machine does:
``load_average`` says how much that was at the start.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.kernel import (
    KEYS,
    ORDER,
    READ,
    SHARED,
    TEXT,
    columns,
    find_places,
    name_of,
    placed,
    sums_and_counts,
)
from benchmarks.peers import condition
from benchmarks.processes import parser, peak_mb, stopwatch
from configs.bank_folder import load_settings
from configs.settings import Settings
from features.build import build, calendar_of, catalogue, first_monday
from features.catalogue.measures import Measure
from pipeline.artefacts import Home, write_parquet
from pipeline.ingest.buckets import partition, read_partitions, write_partitions, write_parts
from pipeline.snapshots import spark
from pipeline.snapshots.build import load_entities
from pipeline.tables import Ingested, bucket_name, read_ingested


@dataclass(frozen=True)
class Task:
    """The inputs of a Spark task besides its bucket's number."""

    settings: Settings
    tables: Ingested
    snapshots: tuple[date, ...]
    out: Path


def every_feature(task: Task, bucket: int) -> int:
    """Write a bucket's cohort and features; the worker's largest memory so far, in MB."""
    history_from = first_monday(task.tables.first_day)
    entities = load_entities(task.tables, bucket)
    for day, cohort, features in build(entities, task.snapshots, history_from, task.settings):
        write_parquet(cohort, task.out / "cohort" / f"{day}-{bucket}.parquet")
        write_parquet(features, task.out / "features" / f"{day}-{bucket}.parquet")
    return peak_mb()


def shared_columns(task: Task, bucket: int) -> int:
    """Write a bucket's sums and counts of bookings, one row per customer and snapshot; memory as above."""
    rows = _columns_of(task, bucket, task.tables.read("transactions", bucket, columns=READ))
    write_parquet(rows, task.out / f"{bucket}.parquet")
    return peak_mb()


def _columns_of(task: Task, bucket: int, bookings: pa.Table) -> pa.Table:
    parts = {"customers": task.tables.read("customers", bucket), "transactions": bookings}
    calendar = calendar_of(task.snapshots, first_monday(task.tables.first_day), task.settings)
    return sums_and_counts(parts, calendar, columns(task.settings))


def raw_files(tables: Ingested, folder: Path) -> tuple[Path, ...]:
    """The bookings as a bank delivers them: by the day they were known, a file per quarter."""
    folder.mkdir(parents=True)
    chosen = f"{', '.join(READ)}, date_trunc('quarter', known_on)::DATE AS quarter"
    with duckdb.connect() as con:
        con.execute("SET memory_limit = '4GB'")
        con.execute(
            f"CREATE TABLE bookings AS SELECT {chosen} FROM read_parquet(?, hive_partitioning = false) "
            "ORDER BY known_on, md5_number_lower(transaction_id)",
            [[str(path) for path in tables.parts("transactions")]],
        )
        for (quarter,) in con.execute("SELECT DISTINCT quarter FROM bookings ORDER BY 1").fetchall():
            con.execute(
                f"COPY (SELECT * EXCLUDE (quarter) FROM bookings WHERE quarter = '{quarter}') "
                f"TO '{folder}/{quarter}.parquet' (FORMAT parquet)"
            )
    return tuple(sorted(folder.glob("*.parquet")))


def cut_file(task: Task, files: Sequence[Path], number: int) -> None:
    """Lay the bookings of one raw file down by bucket."""
    places = find_places(task.tables.parts("customers"), task.tables.buckets)
    for k, batch in enumerate(placed(files[number], places)):
        rows, bounds = partition(batch, task.tables.buckets, set())
        write_partitions(rows, bounds, task.out / "cut" / f"{number}-{k}.arrow")


def write_bucket(task: Task, bucket: int) -> None:
    """Sort one bucket's bookings and write them by year."""
    cut = sorted((task.out / "cut").iterdir())
    rows = [pa.table(one) for path in cut for one in read_partitions(path, range(bucket, bucket + 1))]
    write_parts(pa.concat_tables(rows), task.out / bucket_name(bucket), ORDER, "booked_at")


def bucketed_columns(task: Task, bucket: int) -> None:
    """Write the shared columns of the bookings that ``write_bucket`` wrote."""
    files = sorted((task.out / bucket_name(bucket)).iterdir())
    bookings = pq.read_table(files, columns=READ, read_dictionary=TEXT)
    write_parquet(_columns_of(task, bucket, bookings), task.out / "with_bucketing" / f"{bucket}.parquet")


def with_bucketing(context: Any, task: Task, files: Sequence[Path]) -> dict[str, float]:
    """From raw files to columns; the seconds of each step."""
    shutil.rmtree(task.out, ignore_errors=True)
    (task.out / "cut").mkdir(parents=True)
    steps: dict[str, tuple[Callable[[int], None], int]] = {
        "cut": (partial(cut_file, task, files), len(files)),
        "write": (partial(write_bucket, task), task.tables.buckets),
        "compute": (partial(bucketed_columns, task), task.tables.buckets),
    }
    seconds = {}
    for name, (work, pieces) in steps.items():
        took = stopwatch()
        spark.over_buckets(context, work, pieces, lambda *_: None)
        seconds[name] = took()["seconds"]
    return seconds


def spark_sql(session: Any, task: Task, bookings: Path) -> None:
    """The shared columns as one SQL over a folder of bookings; money in whole minor units, for speed."""
    session.read.parquet(str(bookings)).createOrReplaceTempView("transactions")
    session.createDataFrame([(day,) for day in task.snapshots], "snapshot_date date").createOrReplaceTempView(
        "snapshots"
    )
    session.sql(_sql(task.settings)).write.mode("overwrite").parquet(str(task.out))


def _sql(settings: Settings) -> str:
    flags = ",\n  ".join(f"{condition(measure)} AS is_{measure.name}" for measure in SHARED)
    sums = ",\n  ".join(_aggregate(*column) for column in columns(settings))
    return f"""
WITH bookings AS (
  SELECT customer_id, CAST(booked_at AS DATE) AS happened, known_on, superseded_on,
  CAST(abs(amount_base) * 100 AS BIGINT) AS minor,
  {flags}
  FROM transactions
), seen AS (
  SELECT /*+ BROADCAST(s) */ b.*, s.snapshot_date, datediff(s.snapshot_date, b.happened) AS age
  FROM bookings b JOIN snapshots s
  ON b.happened < s.snapshot_date
  AND b.happened >= date_sub(s.snapshot_date, {7 * max(settings.features.windows)})
  AND b.known_on < s.snapshot_date AND (b.superseded_on IS NULL OR b.superseded_on >= s.snapshot_date)
)
SELECT customer_id, snapshot_date,
  {sums}
FROM seen GROUP BY customer_id, snapshot_date"""


def _aggregate(measure: Measure, statistic: str, window: int) -> str:
    inside = f"is_{measure.name} AND age <= {7 * window}"
    name = name_of(measure, statistic, window)
    if statistic == "count":
        return f"CAST(count_if({inside}) AS DOUBLE) AS {name}"
    return f"sum(CASE WHEN {inside} THEN minor ELSE 0 END) / CAST(100 AS DOUBLE) AS {name}"


def differing(shared: Path, others: Sequence[Path], names: list[str]) -> dict[str, int]:
    """The numbers of values compared with the shared columns, and of those that differ.

    Rows are matched by customer and snapshot. The kernel's features hold the cohort only, the SQL only
    customers with a booking in the longest window: for all others the sums must be 0.
    """
    base = pq.read_table(shared, columns=KEYS + names).to_pandas().set_index(KEYS).sort_index()
    compared = {}
    for other in others:
        rows = pq.read_table(other, columns=KEYS + names).to_pandas().set_index(KEYS)
        compared[f"{other.name}_values"] = rows.size
        compared[f"{other.name}_differ"] = int((base.loc[rows.index] != rows).to_numpy().sum())
    absent = base.drop(pd.read_parquet(others[-1], columns=KEYS).set_index(KEYS).index)
    return compared | {"absent_rows_not_zero": int((absent != 0).any(axis=1).sum())}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data", type=Path, default=Path("data"), help="where artefacts lie")
    options.add_argument("--bank", default="demo", help="an ingested bank")
    options.add_argument("--snapshots", type=int, default=12, help="the last so many Mondays")
    options.add_argument("--repeats", type=int, default=2, help="of each way; the first pays for imports")
    options.add_argument("--master", default="local[2]", help="Spark's master")
    options.add_argument("--out", type=Path, default=Path("/tmp/features_spark"), help="emptied first")
    given = options.parse_args()
    # The SQL's hash tables live in the JVM: give it what a worker machine would have.
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", "--driver-memory 4g pyspark-shell")
    tables = read_ingested(Home(given.data / given.bank))
    last = tables.last_day + timedelta(days=7 - tables.last_day.weekday())
    snapshots = tuple(last - timedelta(weeks=k) for k in reversed(range(given.snapshots)))
    shutil.rmtree(given.out, ignore_errors=True)
    task = Task(load_settings(given.bank), tables, snapshots, given.out)
    result = _measure(task, given.master, given.repeats)
    print(json.dumps(result, indent=1))
    sys.exit(any(value for key, value in result["agree"].items() if not key.endswith("_values")))


def _measure(task: Task, master: str, repeats: int) -> dict[str, Any]:
    load = round(os.getloadavg()[0], 1)
    ways = ("every_feature", "shared_columns", "spark_sql", "with_bucketing", "raw_sql")
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    peaks: list[int] = []
    steps: list[dict[str, float]] = []
    files = raw_files(task.tables, task.out / "raw")
    opened = stopwatch()
    with spark.session(master) as context:
        started = opened()["seconds"]
        session = _sql_session(context, task.tables.buckets)
        for way, work in (("every_feature", every_feature), ("shared_columns", shared_columns)):
            job = partial(work, replace(task, out=task.out / way))
            for _ in range(repeats):
                took = stopwatch()
                used = spark.over_buckets(context, job, task.tables.buckets, lambda *_: None)
                seconds[way].append(took()["seconds"])
                peaks += used if way == "every_feature" else []
        for way, bookings in (
            ("spark_sql", task.tables.folder / "transactions"),
            ("raw_sql", files[0].parent),
        ):
            for _ in range(repeats):
                took = stopwatch()
                spark_sql(session, replace(task, out=task.out / way), bookings)
                seconds[way].append(took()["seconds"])
        for _ in range(repeats):
            took = stopwatch()
            steps.append(with_bucketing(context, replace(task, out=task.out / "bucketing"), files))
            seconds["with_bucketing"].append(took()["seconds"])
    names = [name_of(*column) for column in columns(task.settings)]
    others = [task.out / "every_feature" / "features", task.out / "bucketing" / "with_bucketing",
              task.out / "raw_sql", task.out / "spark_sql"]  # fmt: skip
    best = {way: min(times) for way, times in seconds.items()}
    return {
        "master": master,
        "bookings": sum(count.loaded for count in task.tables.counts if count.table == "transactions"),
        "buckets": task.tables.buckets,
        "snapshots": len(task.snapshots),
        "columns_shared": len(names),
        "columns_of_every_feature": len(catalogue(task.settings)),
        "load_average": load,
        "session_start_s": started,
        "seconds": seconds,
        "with_bucketing_steps": min(steps, key=lambda step: sum(step.values())),
        "raw_files": len(files),
        "raw_sql_over_with_bucketing": round(best["raw_sql"] / best["with_bucketing"], 1),
        "sql_over_shared_columns": round(best["spark_sql"] / best["shared_columns"], 1),
        "sql_over_every_feature": round(best["spark_sql"] / best["every_feature"], 1),
        "worker_peak_mb": max(peaks),
        "agree": differing(task.out / "shared_columns", others, names),
    }


def _sql_session(context: Any, partitions: int) -> Any:
    from pyspark.sql import SparkSession

    session = SparkSession(context)
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.conf.set("spark.sql.shuffle.partitions", str(partitions))
    return session


if __name__ == "__main__":
    main()
