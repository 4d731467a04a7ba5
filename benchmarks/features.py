"""The features engine beside other tools and two floors, in one run, over the same bookings.

    python -m benchmarks.features --customers 200000 --weeks 133 --snapshots 12 --work data/bench

A made-up bank is generated and ingested once and kept in ``--work``. All ways then start from the same file
of clean, typed bookings in the order in which a bank delivers them (by day, not by customer) and write the
same columns: windowed sums and counts of bookings, one row per customer and snapshot. Each way runs alone
in a fresh process: wall clock and CPU around the work itself, imports apart, and the process's largest memory
(CPU says more where the machine has other work to do).

- ``ours``: bookings put into buckets in memory, then the kernel bucket by bucket, on threads;
- ``ours_kept``: the same through tables on disk, sorted, as a bank's first week makes them of every booking;
- ``duckdb``, ``polars``, ``pandas``, ``datafusion``, ``chdb`` (ClickHouse in the process): see
  benchmarks/peers.py; ``featuretools``: a note where it cannot run;
- ``steady_…``: from tables that stand, see benchmarks/steady.py; the best peer there is the fastest of all;
- ``read`` reads the needed columns once, ``write`` writes the finished result once: what nobody can be below.

All numbers are compared; one that differs ends the run with exit code 1. Further: one Monday of every
feature with two and with six years of history, the whole ingest, and the kernel beside Spark at a tenth.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from math import log2
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from benchmarks import peers, steady
from benchmarks.kernel import (
    READ,
    TEXT,
    columns,
    find_places,
    name_of,
    placed,
    straight,
    sums_and_counts,
)
from benchmarks.peers import Job
from benchmarks.processes import alone, parser, say, stopwatch
from configs.bank_folder import load_settings
from configs.settings import Settings
from features.build import calendar_of, catalogue, first_monday
from pipeline.artefacts import Home, read_json, write_json, write_parquet
from pipeline.ingest.buckets import write_buckets
from pipeline.snapshots.build import build_snapshots
from pipeline.tables import INGEST_VERSION, Ingested, bucket_name, read_ingested

BANK = "demo"
WORKERS = 2
PEERS = ("duckdb", "polars", "pandas", "datafusion", "chdb", "steady_duckdb", "steady_polars")
COMPARED = ("ours_kept", "steady_ours", *PEERS)
SPARK = {
    "small_spark_kernel_s": "shared_columns",
    "small_spark_sql_s": "spark_sql",
    "small_spark_bucketing_and_kernel_s": "with_bucketing",
    "small_spark_raw_sql_s": "raw_sql",
}  # figures here, ways of benchmarks.features_spark


def ours(job: Job) -> None:
    """From the file to the matrix: rows into buckets in memory, then the kernel per bucket."""
    settings = load_settings(BANK)
    calendar = calendar_of(job.snapshots, job.history_from, settings)
    size = settings.customers_per_bucket
    straight(job.folder, job.start, size, calendar, columns(settings), job.out / "result")


def ours_kept(job: Job) -> None:
    """A bank's first week: the buckets stay on disk as its tables, sorted; the kernel reads them there."""
    settings = load_settings(BANK)
    buckets = 1 << round(log2(max(1.0, job.customers / settings.customers_per_bucket)))
    tables = job.out / "tables"
    places = find_places([job.folder / "customers.parquet"], buckets)
    for name, happened in (("customers", "opened_on"), ("transactions", "booked_at")):
        rows = placed(job.folder / f"{name}.parquet", places)
        order = dict.fromkeys(["customer_id", happened, *rows.schema.names])
        order.pop("_bucket")
        by_year = happened if name == "transactions" else None
        write_buckets(rows, tables / name, buckets, tuple(order), by_year)
    calendar, wanted = calendar_of(job.snapshots, job.history_from, settings), columns(settings)
    years = range(job.start.year, 10_000)

    def one(bucket: int) -> None:
        files = (tables / "transactions" / bucket_name(bucket)).iterdir()
        needed = sorted(path for path in files if int(path.stem) in years)
        parts = {"customers": pq.read_table(tables / "customers" / bucket_name(bucket) / "all.parquet")}
        parts["transactions"] = pq.read_table(needed, columns=READ, read_dictionary=TEXT)
        write_parquet(sums_and_counts(parts, calendar, wanted), job.out / f"{bucket}.parquet")

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, range(buckets)))


def read(job: Job) -> None:
    """Floor: the needed columns, once, into nothing."""
    pq.read_table(job.bookings, columns=READ, read_dictionary=TEXT)


def write(job: Job) -> float:
    """Floor: the finished result, once; the seconds without reading it first."""
    parts = [pq.read_table(path) for path in sorted((job.out.parent / "ours" / "result").glob("*.parquet"))]
    took = stopwatch()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda k: write_parquet(parts[k], job.out / f"{k}.parquet"), range(len(parts))))
    return took()["seconds"]


WAYS: dict[str, Callable[[Job], float | None]] = {
    "read": read, "ours": ours, "write": write, "ours_kept": ours_kept, "duckdb": peers.duckdb,
    "polars": peers.polars, "pandas": peers.pandas, "datafusion": peers.datafusion, "chdb": peers.chdb,
    "featuretools": peers.featuretools, "steady_ours": steady.ours, "steady_every": steady.every,
    "steady_duckdb": steady.duckdb, "steady_polars": steady.polars,
}  # fmt: skip


def make_bank(work: Path, customers: int, weeks: int) -> tuple[Home, Ingested, float]:
    """A made-up bank below ``work``, generated and ingested once by each version; the seconds that its ingest
    took then."""
    folder = work / f"bank-{customers}-{weeks}"
    note = folder / "bench.json"
    noted = read_json(note) if note.is_file() else {}
    if noted.get("version") != INGEST_VERSION:
        command = [sys.executable, "-m", "pipeline"]
        if not (folder / "raw" / "prod_info.csv").is_file():  # what the generator writes last
            say(f"generating {customers:,} customers, {weeks} weeks")
            size = ["--customers", str(customers), "--weeks", str(weeks)]
            subprocess.run([*command, "demo-bank", "--out", folder / "raw", *size], check=True)
        say("ingesting")
        ingest = [*command, "ingest", "--bank", BANK, "--raw", folder / "raw", "--data", folder / "data"]
        took = stopwatch()
        subprocess.run(ingest, check=True, stdout=subprocess.DEVNULL)
        noted = {"ingest_s": took()["seconds"], "version": INGEST_VERSION}
        write_json(note, noted)
        shutil.rmtree(folder / "raw")
    home = Home(folder / "data" / BANK)
    return home, read_ingested(home), noted["ingest_s"]


def export(tables: Ingested, folder: Path) -> Path:
    """The input of all ways: ``transactions`` by the day they were known, ``customers`` by id; made once."""
    if not (folder / "done").is_file():
        say("exporting the bookings in the order of delivery")
        folder.mkdir(parents=True, exist_ok=True)
        for name, chosen, order in (
            ("transactions", ", ".join(READ), "known_on, md5_number_lower(transaction_id)"),
            ("customers", ", ".join(peers.CUSTOMER), "customer_id, known_on"),
        ):
            with duckdb.connect() as con:
                con.execute("SET memory_limit = '4GB'")
                con.execute(
                    f"COPY (SELECT {chosen} FROM read_parquet(?, hive_partitioning = false) "
                    f"ORDER BY {order}) TO '{folder}/{name}.parquet' (FORMAT parquet)",
                    [[str(path) for path in tables.parts(name)]],
                ).fetchall()
        (folder / "done").touch()
    return folder


def monday_after(tables: Ingested) -> date:
    """The first Monday after the last booking."""
    return tables.last_day + timedelta(days=7 - tables.last_day.weekday())


def job_of(tables: Ingested, folder: Path, out: Path, snapshots: int) -> Job:
    settings, last = load_settings(BANK), monday_after(tables)
    return Job(
        folder,
        tuple(last - timedelta(weeks=k) for k in reversed(range(snapshots))),
        tuple((name_of(*column), *column) for column in columns(settings)),
        out,
        pq.read_metadata(folder / "customers.parquet").num_rows,
        first_monday(tables.first_day),
        tables.folder.parents[1],
    )


def measure(way: str, job: Job) -> dict[str, Any]:
    """Seconds and MB of one way in a fresh process, or a note why there are none."""
    say(way)
    try:
        return alone(run_way, way, job)
    except ModuleNotFoundError as error:
        return {"note": f"{error.name} is not installed here; `make bench-features` installs it beside .venv"}
    except Exception as error:
        return {"note": f"{type(error).__name__}: {error}"}


def run_way(way: str, job: Job) -> dict[str, Any]:
    """Seconds and CPU seconds of the work, in this process."""
    job = replace(job, out=job.out / way)
    shutil.rmtree(job.out, ignore_errors=True)
    job.out.mkdir(parents=True)
    took = stopwatch()
    own = WAYS[way](job)
    return took() | ({} if own is None else {"seconds": own})


def differing(job: Job, other: str) -> int:
    """The number of values that differ from ours; a customer without a booking in a window may lack."""
    mine, theirs = (f"read_parquet('{job.out / way}/*.parquet')" for way in ("ours/result", other))
    # Counts as they are, money to the minor unit: polars divides by multiplying with the inverse.
    units = [(name, 100 if statistic == "sum" else 1) for name, _, statistic, _ in job.columns]
    unlike = " + ".join(
        f"sum((round(o.{name} * {unit}) IS DISTINCT FROM round(coalesce(p.{name}, 0) * {unit}))::INT)"
        for name, unit in units
    )
    with duckdb.connect() as con:
        con.execute("SET memory_limit = '4GB'")
        ((values, matched),) = con.execute(
            f"SELECT {unlike}, count(p.customer_id) FROM {mine} o LEFT JOIN {theirs} p "
            "ON o.customer_id = p.customer_id AND o.snapshot_date = p.snapshot_date"
        ).fetchall()
        ((rows,),) = con.execute(f"SELECT count(*) FROM {theirs}").fetchall()
    return int(values) + abs(int(rows) - int(matched))


def weekly(home: Home, tables: Ingested, settings: Settings) -> float:
    """Seconds of one Monday of every feature, as a weekly run computes it; the second of two runs."""
    for _ in range(2):
        shutil.rmtree(home.root / "features", ignore_errors=True)
        took = stopwatch()
        build_snapshots(settings, home, tables, [monday_after(tables)], lambda *_: None)
    return took()["seconds"]


def beside_spark(work: Path, home: Home, snapshots: int) -> dict[str, Any]:
    """Seconds of the kernel and of one SQL on Spark; a note where there is no Spark."""
    say("Spark")
    child = [sys.executable, "-W", "ignore", "-m", "benchmarks.features_spark", "--data", home.root.parent,
             "--snapshots", str(snapshots), "--out", work / "out" / "spark"]  # fmt: skip
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"small_spark_note": (done.stderr.strip().splitlines() or ["values differ"])[-1]}
    seconds = json.loads(done.stdout)["seconds"]
    return {figure: min(seconds[way]) for figure, way in SPARK.items()}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--customers", type=int, default=200_000, help="of the made-up bank")
    options.add_argument("--weeks", type=int, default=133, help="of history; 133 make 20 million bookings")
    options.add_argument("--snapshots", type=int, default=12, help="the last so many Mondays")
    options.add_argument("--weekly-customers", type=int, default=20_000, help="for two against six years")
    options.add_argument("--repeats", type=int, default=1, help="of each way; the best counts")
    options.add_argument("--work", type=Path, default=Path("data/bench"), help="what is kept between runs")
    options.add_argument("--only-ways", action="store_true", help="neither Spark nor weekly runs")
    given = options.parse_args()
    settings = load_settings(BANK)
    _, ingest_s, job = _made(given, given.customers)
    result: dict[str, Any] = {
        "rows": pq.read_metadata(job.bookings).num_rows,
        "customers": given.customers,
        "snapshots": given.snapshots,
        "features": len(job.columns),
        "every_feature": len(catalogue(settings)),
        "load_average": round(os.getloadavg()[0], 1),
        "ingest_s": ingest_s,
    }
    result |= _side_by_side(job, given.repeats)
    if not given.only_ways:
        result |= _small_and_weekly(given, settings)
    write_json(given.work / "features.json", result)
    print(table(result))
    sys.exit(any(result["differ"].values()))


def _made(given: argparse.Namespace, customers: int) -> tuple[Home, float, Job]:
    """A bank of so many customers, the seconds of its ingest, and the job over its exported bookings."""
    home, tables, ingest_s = make_bank(given.work, customers, given.weeks)
    folder = export(tables, given.work / f"input-{customers}-{given.weeks}")
    return home, ingest_s, job_of(tables, folder, given.work / "out", given.snapshots)


def _side_by_side(job: Job, repeats: int) -> dict[str, Any]:
    """Each way's best of ``repeats``, its memory, and how many values differ from ours."""
    for path in sorted(job.folder.glob("*.parquet")):
        with path.open("rb") as file:
            while file.read(1 << 24):  # every way finds the files in the cache
                pass
    steady.make_layouts(job)
    result: dict[str, Any] = {}
    for way in WAYS:
        runs = [measure(way, job) for _ in range(repeats)]
        done = [run for run in runs if "seconds" in run]
        result[f"{way}_s"] = min((run["seconds"] for run in done), default=None)
        result[f"{way}_cpu_s"] = min((run["cpu"] for run in done), default=None)
        result[f"{way}_peak_mb"] = max((run["peak_mb"] for run in done), default=None)
        result |= {f"{way}_note": run["note"] for run in runs if "note" in run}
    ran = [way for way in COMPARED if result[f"{way}_s"] is not None]
    for figure in ("s", "cpu_s"):
        result[f"steady_best_peer_{figure}"] = min(result[f"{way}_{figure}"] for way in ran if way in PEERS)
    result["differ"] = {way: differing(job, way) for way in ran}
    return result | steady.units(job, result)


def _small_and_weekly(given: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    home, _, job = _made(given, max(given.customers // 10, 100))
    result = {"small_ours_s": measure("ours", job).get("seconds")}
    result |= beside_spark(given.work, home, given.snapshots)
    for years in (2, 6):
        home, tables, _ = make_bank(given.work, given.weekly_customers, 52 * years)
        result[f"weekly_{years}y_s"] = weekly(home, tables, settings)
    return result


def table(result: dict[str, Any]) -> str:
    lines = [f"{'way':<14}{'seconds':>9}{'× ours':>8}{'CPU s':>8}{'MB':>8}  values that differ"]
    for way in WAYS:
        seconds, cpu, peak = (result[f"{way}_{figure}"] for figure in ("s", "cpu_s", "peak_mb"))
        if seconds is None:
            lines.append(f"{way:<14}{'–':>9}  {result[f'{way}_note']}")
            continue
        ratio, unlike = seconds / result["ours_s"], result["differ"].get(way, "")
        lines.append(f"{way:<14}{seconds:>9.1f}{ratio:>8.1f}{cpu:>8.1f}{peak:>8}  {unlike}")
    ways = ("ours", "ours_kept", "steady_every", "steady_ours", "steady_best_peer", "read", "write")
    for figure, unit in (("s", "s"), ("cpu_s", "CPU s")):
        mine, kept, every, stands, best, *floors = (result[f"{way}_{figure}"] for way in ways)
        floor = max(sum(floors), 0.01)
        lines.append(
            f"ours is {mine / floor:.1f} × the floor of {floor:.1f} {unit} (read + write), with tables kept "
            f"{kept / floor:.1f} ×; from tables that stand ours takes {stands:.1f} {unit}, the best peer "
            f"{best:.1f}, every feature {every:.1f}"
        )
    lines += [f"{name:<36}{value:>15,.0f}" for name, value in result.items() if name.endswith("_core_s")]
    others = ("weekly_2y_s", "weekly_6y_s", "ingest_s", "small_ours_s", *SPARK)
    lines += [f"{name:<36}{result[name]:>8.1f}" for name in others if result.get(name) is not None]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
