"""An ingest beside DuckDB's own COPY of the same files to sorted Parquet with the same casts, in one run.

    python -m benchmarks.ingest --bookings 2 5 10 --kinds parquet csv --work data/bench

A made-up bank is generated once per size and kept in ``--work``: its bookings, balances and events as
Parquet, as the made-up bank delivers them, or as CSV. Both ways take turns, each in a fresh process:

- ``ours``: the whole ingest, with every check, lines and reasons, corrections, buckets, findings and counts;
- ``copy``: per table one COPY of the bank's SELECT, cast to the contract's types, sorted as our files are.

The best of the rounds counts, by clock and by CPU (which says more where the machine has other work to do),
and the largest memory. Every row that we loaded must stand in the copy, and the copy must have as many rows
as were delivered; a difference ends the run with exit code 1.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.processes import alone, parser, say, stopwatch
from configs import bank_folder
from configs.settings import Settings
from configs.tables import TABLES, Table
from pipeline.artefacts import Home, write_json
from pipeline.demo_bank import write_demo_bank
from pipeline.ingest.buckets import layout_of
from pipeline.ingest.ingest import ingest
from pipeline.ingest.relations import sql_name, sql_text
from pipeline.ingest.selects import load_selects
from pipeline.tables import read_ingested

BANK, WEEKS, SEED, ENDS = "demo", 130, 7, date(2026, 11, 16)
BOOKINGS_PER_CUSTOMER = 98  # in so many weeks
MEMORY = "2500MB"  # of DuckDB alone


@dataclass(frozen=True)
class Job:
    """One delivery: the folder of its files, the folder of its bank's settings, where the ways write."""

    raw: Path
    banks: Path
    out: Path


def make_delivery(work: Path, customers: int, kind: str) -> Job:
    """The files of a made-up bank below ``work``, made once; ``kind`` says how its large sources come."""
    raw = work / f"raw-{customers}"
    if not (raw / "prod_info.csv").is_file():  # what the generator writes last
        say(f"generating {customers:,} customers")
        write_demo_bank(raw, customers, WEEKS, SEED, ENDS)
    job = Job(raw, bank_folder.BANKS, work / "ingest" / kind)
    return job if kind == "parquet" else _as_csv(job, work / f"raw-{customers}-csv", work / "banks")


def _as_csv(job: Job, raw: Path, banks: Path) -> Job:
    """The same delivery with its Parquet files as CSV, and a bank that reads it."""
    toml, select = (job.banks / BANK / name for name in ("bank.toml", "transactions.sql"))
    shutil.rmtree(banks, ignore_errors=True)
    shutil.copytree(job.banks / BANK, banks / BANK)
    text = toml.read_text("utf-8").replace('*.parquet"\nformat = "parquet"', '*.csv"')
    (banks / BANK / toml.name).write_text(text, "utf-8")
    signed = select.read_text("utf-8").replace("-TXN_AMT", "'-' || TXN_AMT")
    (banks / BANK / select.name).write_text(signed, "utf-8")
    if not (raw / "done").is_file():
        say("writing CSV")
        raw.mkdir(parents=True, exist_ok=True)
        for path in sorted(job.raw.glob("*.*")):
            if path.suffix == ".parquet":
                duckdb.execute(
                    f"COPY (FROM {sql_text(path)}) TO {sql_text(raw / f'{path.stem}.csv')} (HEADER)"
                )
            else:
                shutil.copyfile(path, raw / path.name)
        (raw / "done").touch()
    return Job(raw, banks, job.out)


def ours(job: Job, settings: Settings) -> None:
    """The product."""
    ingest(settings, job.raw, Home(job.out / "ours"), lambda _: None)


def copy(job: Job, settings: Settings) -> None:
    """DuckDB alone: it reads, casts, sorts and writes; what no type can hold becomes NULL."""
    with duckdb.connect() as con:
        con.execute(f"SET memory_limit = '{MEMORY}'; SET enable_progress_bar = false")
        con.execute("SET temp_directory = ?", [str(job.out / "copy" / ".spill")])
        for name in settings.sources:
            files = [str(path) for path in bank_folder.find_raw(settings, job.raw, name)]
            reader = "parquet" if settings.sources[name].format == "parquet" else "csv"
            options = "" if reader == "parquet" else ", all_varchar = true, header = true"
            con.execute(
                f"CREATE VIEW {sql_name(name)} AS SELECT *, '' AS _file, 0 AS _line "
                f"FROM read_{reader}({files}{options}, hive_partitioning = false)"
            )
        for name, select in load_selects(settings).items():
            target = sql_text(job.out / "copy" / f"{name}.parquet")
            con.execute(
                f"COPY ({_typed(con, TABLES[name], select)}) TO {target} "
                "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
            )


def _typed(con: duckdb.DuckDBPyConnection, table: Table, select: str) -> str:
    present = {name for name, *_ in con.execute(f"DESCRIBE {select}").fetchall()}
    columns = [column for column in table.columns if column.name in present]
    order = [name for name in layout_of(table)[0] if name in present] or list(table.key)
    casts = ", ".join(f"TRY_CAST({column.name} AS {column.type}) AS {column.name}" for column in columns)
    return f"SELECT {casts} FROM ({select}) ORDER BY {', '.join(order)}"


WAYS: dict[str, Callable[[Job, Settings], None]] = {"ours": ours, "copy": copy}


def run_way(way: str, job: Job) -> dict[str, Any]:
    """Seconds and CPU seconds of the work, in this process."""
    bank_folder.BANKS = job.banks
    shutil.rmtree(job.out / way, ignore_errors=True)
    (job.out / way).mkdir(parents=True)
    settings = bank_folder.load_settings(BANK)
    took = stopwatch()
    WAYS[way](job, settings)
    return took()


def differing(job: Job) -> dict[str, int]:
    """By table, the rows that we loaded and the copy lacks, and how far the rows read lie apart."""
    tables, unlike = read_ingested(Home(job.out / "ours")), {}
    with duckdb.connect() as con:
        con.execute(f"SET memory_limit = '{MEMORY}'")
        for count in tables.counts:
            table, theirs = TABLES[count.table], f"read_parquet('{job.out}/copy/{count.table}.parquet')"
            paths = tables.parts(table.name) if table.by_customer else [tables.whole(table.name)]
            mine = f"read_parquet({[str(path) for path in paths]}, hive_partitioning = false)"
            names = {name for name, *_ in con.execute(f"DESCRIBE FROM {theirs}").fetchall()} - {"deleted"}
            content = ", ".join(
                name if (default := table.column(name).default) is None else f"coalesce({name}, '{default}')"
                for name in sorted(names)
            )
            ((rows, lacking),) = con.execute(
                f"SELECT (SELECT count(*) FROM {theirs}), count(*) FROM (SELECT hash({content}) AS row "
                f"FROM {mine}) WHERE row NOT IN (SELECT hash({content}) FROM {theirs})"
            ).fetchall()
            unlike[count.table] = int(lacking) + abs(int(rows) - count.rows_in)
    return unlike


def measure(job: Job, rounds: int) -> dict[str, Any]:
    """The figures of one delivery: both ways in turn, the best of each."""
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    before = os.getloadavg()[0]
    for _ in range(rounds):
        for way in WAYS:
            runs[way].append(alone(run_way, way, job))
            say(f"{way} {runs[way][-1]}")
    figures: dict[str, Any] = {}
    for way in WAYS:
        figures[f"{way}_s"] = min(run["seconds"] for run in runs[way])
        figures[f"{way}_cpu_s"] = min(run["cpu"] for run in runs[way])
    peaks = {way: max(run["peak_mb"] for run in runs[way]) for way in WAYS}
    counts = read_ingested(Home(job.out / "ours")).counts
    return {
        **figures,
        "ratio": round(figures["ours_s"] / figures["copy_s"], 2),
        "cpu_ratio": round(figures["ours_cpu_s"] / figures["copy_cpu_s"], 2),
        "peak_mb": peaks["ours"],
        "copy_peak_mb": peaks["copy"],
        "load_average": [round(before, 1), round(os.getloadavg()[0], 1)],
        "rows": sum(count.rows_in for count in counts),
        "counts": [asdict(count) for count in counts],
        "differ": differing(job),
    }


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--bookings", type=float, nargs="+", default=[2, 5, 10], help="millions, per run")
    options.add_argument("--kinds", nargs="+", choices=("parquet", "csv"), default=["parquet", "csv"])
    options.add_argument("--rounds", type=int, default=2, help="of each way; the best counts")
    options.add_argument("--work", type=Path, default=Path("data/bench"), help="what is kept between runs")
    given: argparse.Namespace = options.parse_args()
    result: dict[str, Any] = {}
    for millions in given.bookings:
        customers = max(round(millions * 1e6 / BOOKINGS_PER_CUSTOMER, -2), 100)
        for kind in given.kinds:
            say(f"{millions:g} million bookings, {kind}")
            job = make_delivery(given.work, int(customers), kind)
            result[f"{kind}_{millions:g}m"] = {"customers": customers} | measure(job, given.rounds)
            shutil.rmtree(job.out)
            write_json(given.work / "ingest.json", result)
    print(table_of(result))
    sys.exit(any(rows for figures in result.values() for rows in figures["differ"].values()))


def table_of(result: dict[str, Any]) -> str:
    lines = [
        f"{'delivery':<14}{'rows':>12}{'ours s':>8}{'copy s':>8}{'ratio':>7}{'CPU':>7}{'MB':>7}{'load':>12}"
    ]
    for name, of in result.items():
        load = "–".join(map(str, of["load_average"]))
        lines.append(
            f"{name:<14}{of['rows']:>12,}{of['ours_s']:>8.1f}{of['copy_s']:>8.1f}{of['ratio']:>7.2f}"
            f"{of['cpu_ratio']:>7.2f}{of['peak_mb']:>7,}{load:>12}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
