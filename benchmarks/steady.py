"""The case that banks live in: the tables stand, and a tool begins from the layout that suits it best.

- ``ours``: the shared columns from the bank's tables as ingest wrote them; ``every``: all features of these
  Mondays, as a weekly run writes them, of eligible customers;
- ``duckdb``: one SQL from a table sorted by customer and time; ``polars``: from Parquet sorted like that.

What a tool begins from is made once and not counted. The units: a *value* is one feature of one customer on
one Monday; a *row window* is one booking in one trailing window of one Monday.
"""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks import peers
from benchmarks.kernel import READ, columns, sums_and_counts
from benchmarks.peers import Job
from configs.bank_folder import load_settings
from features.build import calendar_of
from pipeline.artefacts import Home, write_parquet
from pipeline.snapshots.build import build_snapshots
from pipeline.tables import Ingested, read_ingested

BANK = "demo"
WORKERS = 2
EVERY = ("cohort", "features")  # what a weekly run writes of a Monday


def make_layouts(job: Job) -> None:
    """Bookings sorted by customer and time: as a table of DuckDB, and as Parquet."""
    import duckdb

    if _sorted(job).is_file():
        return
    database = _database(job)
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as con:
        con.execute("SET memory_limit = '4GB'")
        con.execute(
            f"CREATE TABLE transactions AS FROM read_parquet('{job.bookings}') "
            "ORDER BY customer_id, booked_at"
        )
        draft = _sorted(job).with_suffix(".draft")
        con.execute(f"COPY transactions TO '{draft}' (FORMAT parquet)")
    draft.rename(_sorted(job))


def _database(job: Job) -> Path:
    return job.folder / "sorted.duckdb"


def _sorted(job: Job) -> Path:
    return job.folder / "sorted.parquet"


def ours(job: Job) -> None:
    settings, tables = load_settings(BANK), read_ingested(Home(job.data))
    calendar, wanted = calendar_of(job.snapshots, job.history_from, settings), columns(settings)

    def one(bucket: int) -> None:
        rows = {
            "customers": tables.read("customers", bucket, peers.CUSTOMER),
            "transactions": tables.read("transactions", bucket, READ, since=job.start.year),
        }
        parts = {name: table for name, table in rows.items() if table is not None}
        write_parquet(sums_and_counts(parts, calendar, wanted), job.out / f"{bucket}.parquet")

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, range(tables.buckets)))


def every(job: Job) -> None:
    home = Home(job.data)
    for kind in EVERY:
        shutil.rmtree(home.root / kind, ignore_errors=True)
    tables: Ingested = read_ingested(home)
    build_snapshots(load_settings(BANK), home, tables, job.snapshots, lambda *_: None)


def duckdb(job: Job) -> None:
    import duckdb

    with duckdb.connect(str(_database(job)), read_only=True) as con:
        peers.in_duckdb(con, job)


def polars(job: Job) -> None:
    peers.in_polars(_sorted(job), job)


def units(job: Job, result: Mapping[str, Any]) -> dict[str, float]:
    """Values per second of CPU, and row windows per second, of each way that ran."""
    import duckdb

    days = {(day, window) for day in job.snapshots for *_, window in job.columns}
    inside = " + ".join(
        f"(booked_at < DATE '{day}' AND booked_at >= DATE '{day}' - {7 * window})::INT"
        for day, window in days
    )
    with duckdb.connect() as con:
        ((windows,),) = con.execute(
            f"SELECT sum({inside})::BIGINT FROM read_parquet('{job.bookings}')"
        ).fetchall()
    shared = job.customers * len(job.snapshots) * len(job.columns)
    found: dict[str, float] = {"values": shared, "row_windows": windows}
    for way in (name.removesuffix("_cpu_s") for name in result if name.endswith("_cpu_s")):
        if result[f"{way}_s"] is None or way in ("read", "write", "steady_best_peer"):
            continue
        values = _values_of_every(job) if way == "steady_every" else shared
        found[f"{way}_values_per_core_s"] = round(values / max(result[f"{way}_cpu_s"], 0.01))
        if way != "steady_every":
            found[f"{way}_row_windows_per_s"] = round(windows / max(result[f"{way}_s"], 0.01))
    return found


def _values_of_every(job: Job) -> int:
    files = [
        pq.read_metadata(path)
        for day in job.snapshots
        for path in Home(job.data).partition("features", day).glob("*.parquet")
    ]
    return sum(file.num_rows * (file.num_columns - 2) for file in files)
