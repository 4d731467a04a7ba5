"""The whole Monday of a large bank, once: a new week's files to lists, store and workbooks, step by step.

    python -m benchmarks.monday --customers 10000 30000 100000 --work data/bench/monday

A made-up bank of each size lives ``--weeks`` weeks; its files of all but the last are ingested and a first
Monday is published, by a model that the smallest bank trains, or by the champion of the bank below
``--model``. Then its next Monday runs in a fresh process, on a copy of its folder, and is measured: the
weekly run itself, unchanged, with the steps that it logs. Banks and measured sizes in ``--work`` stand, so
that a stopped run goes on; once every size is measured the next run measures anew.

Per size and step (``whole``: of the process; ``between``: work outside the logged steps):

- ``seconds``, ``cpu_s``, ``peak_mb``: by the clock, of all threads, and the largest memory seen (sampled);
- ``read_mb``, ``written_mb``: through system calls, from the page cache or not; no step counts more than
  once the files that the bank has;
- ``floor_s``: those bytes at the speed of the disk, measured in the same run; for ``score`` also LightGBM's
  own predictions for the same rows; ``ratio``: seconds over it;
- ``exponent``, of growth with customers: slope of log seconds on log customers (least squares), 1 is linear.

``goal`` holds the same for ``--goal`` customers: measured, or ``"extrapolated": true``. Then it is the larger
of two extrapolations, the power of that exponent and the straight line through the sizes: fixed costs make
growth look slower than it is in large banks. Its ``whole`` is the sum of its steps.
"""

import os
import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.monday_steps import Sampler, by_step, figures, in_words
from benchmarks.processes import alone, parser, peak_mb, say, stopwatch
from configs.bank_folder import load_settings
from configs.dates import WEEK
from pipeline.artefacts import read_json, write_json
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.progress import recorded_steps, start_logging
from pipeline.snapshots.build import build_snapshots, read_eligible, read_partition
from pipeline.training import promotion
from pipeline.weekly import run_ingest, run_weekly

BANK, SEED, LAST = "demo", 7, date(2026, 11, 23)
DISK_MB = 256  # of the file that measures the disk
OF_MODEL = ("models", "models-reports", "decisions")  # folders of a bank
TENTH = 10  # of the rows tell what LightGBM's own contributions take


def disk_speed(folder: Path) -> dict[str, float]:
    """MB per second of a file written through to the disk, and read back from there."""
    path, block = folder / "disk", os.urandom(1 << 20)
    took = stopwatch()
    with path.open("wb", buffering=0) as file:
        for _ in range(DISK_MB):
            file.write(block)
        os.fsync(file.fileno())
        written = took()["seconds"]
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    took = stopwatch()
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
    read = took()["seconds"]
    path.unlink()
    megabytes = DISK_MB * (1 << 20) / 1e6
    return {
        "read_mb_s": round(megabytes / max(read, 0.01)),
        "write_mb_s": round(megabytes / max(written, 0.01)),
    }


def context_of(data: Path) -> Context:
    """A row that the made-up bank spoils stands in each file, and a week has few of some tables; the model of
    a toy bank may find nobody worth a call."""
    return Context(load_settings(BANK, {"quarantine_limit": 0.5, "gates": {"least_listed": 0}}), data)


def make_bank(folder: Path, customers: int, weeks: int, model: Path | None) -> dict[str, Any]:
    """A bank that has lived until ``LAST`` and published the Monday before; its last week's files lie apart.

    The champion of the bank of ``model`` scores it; without one it trains its own.
    """
    start_logging()
    took, context = stopwatch(), context_of(folder / "data")
    raw, new = context.home.root / "raw", context.home.root / "new"
    if not (raw / "prod_info.csv").is_file():  # what the generator writes last
        write_demo_bank(raw, customers, weeks, SEED, LAST, weekly=1)
    new.mkdir(exist_ok=True)
    for path in raw.glob(f"*_{LAST - timedelta(days=1):%Y%m%d}.*"):
        path.rename(new / path.name)
    if model is not None:
        _adopt(context, context_of(model))
    run_weekly(context, raw, LAST - WEEK)
    return took()


def _adopt(context: Context, other: Context) -> None:
    """The champion of ``other`` becomes this bank's, without a comparison."""
    bundle = promotion.champion(other)
    if bundle is None:
        raise SystemExit(f"{other.home.root} has no champion. Name the data folder of a bank that has one.")
    context.data.mkdir(parents=True, exist_ok=True)
    shutil.copy2(other.data / "bundle-key", context.data / "bundle-key")
    for name in OF_MODEL:
        shutil.copytree(other.home.root / name, context.home.root / name, dirs_exist_ok=True)
    tables = run_ingest(context, context.home.root / "raw")
    # What drift is measured against.
    build_snapshots(context.settings, context.home, tables, bundle.snapshots.evaluation, lambda *_: None)
    with promotion.audit_log(context) as record:
        details = {"trained_as_of": str(bundle.trained_as_of), "data": tables.fingerprint}
        record.note(context.user, promotion.TRAINED, bundle.model_id, details)
        record.note(context.user, promotion.COMPARED, bundle.model_id, {"objections": []})
        record.note(context.user, promotion.PROMOTED, bundle.model_id, {"champion": None})


def live_monday(folder: Path, copy: Path) -> dict[str, Any]:
    """The weekly run of ``LAST`` over a copy of the bank in ``folder``: bytes, seconds and memory by step."""
    start_logging()
    context, raw = context_of(copy), folder / "data" / BANK / "raw"
    standing = sum(path.stat().st_size for path in (folder / "data").rglob("*") if path.is_file())
    for path in (raw.parent / "new").iterdir():
        (raw / path.name).hardlink_to(path)
    with Sampler() as sampler, recorded_steps() as steps:
        publication, lists = run_weekly(context, raw, LAST)
    most_mb, took = peak_mb(), by_step(steps, sampler.samples, standing / 1e6)
    loaded = {count.table: count.loaded for count in context.tables.counts}
    return {
        "steps": took,
        "order": list(took),
        "whole_peak_mb": most_mb,
        "lightgbm": lightgbm_alone(context),
        "cohort": len(publication.scores),
        "listed": sum(len(one.listed) for one in lists),
        "bookings": loaded["transactions"],
        "rows": sum(loaded.values()),
    }


def lightgbm_alone(context: Context) -> dict[str, float]:
    """Seconds of LightGBM's own predictions for the Monday's matrix in memory, for whether and when (once per
    period) and how much; and of its own contributions, once, which it does not need for scores."""
    bundle = promotion.champion(context)
    assert bundle is not None
    frame, eligible = read_partition(context.home, "features", [LAST]), read_eligible(context.home, [LAST])
    frame = bundle.learnt.extended(frame, eligible)
    values = frame[list(bundle.model.columns)].to_numpy(np.float64)
    share = bundle.severity.trees
    took = stopwatch()
    for rows in bundle.model.by_period(values):
        bundle.model.trees.booster.predict(rows, raw_score=True)
    if share is not None:
        share.booster.predict(values)
    predicted = took()["seconds"]
    some = rows[: max(1, len(rows) // TENTH)]
    took = stopwatch()
    bundle.model.trees.booster.predict(some, pred_contrib=True)
    return {"predict_s": predicted, "contributions_s": round(took()["seconds"] * len(rows) / len(some), 2)}


def measure(work: Path, customers: int, weeks: int, model: Path | None) -> dict[str, Any]:
    """Figures of one size; the bank, and what was measured of it already, are not made again."""
    folder = work / f"bank-{customers}-{weeks}"
    measured, lived = folder / "measured.json", folder / "lived.json"
    if measured.is_file():
        return read_json(measured)
    for path in (folder / "data" / BANK).glob("new/*"):  # of a Monday that was measured before
        (folder / "data" / BANK / "raw" / path.name).unlink(missing_ok=True)
    if not lived.is_file():
        say(f"{customers:,} customers: history, and the Monday before")
        write_json(lived, alone(make_bank, folder, customers, weeks, model))
    say(f"{customers:,} customers: the Monday")
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / "data", copy, ignore=shutil.ignore_patterns("raw", "new"))
    found = alone(live_monday, folder, copy)
    found |= {"load_average": round(os.getloadavg()[0], 1), "disk": disk_speed(folder)}
    shutil.rmtree(copy)
    write_json(measured, found)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument(
        "--customers", type=int, nargs="+", default=[10_000, 30_000, 100_000], help="of each"
    )
    options.add_argument("--weeks", type=int, default=131, help="of history, the measured one included")
    options.add_argument("--goal", type=int, default=1_000_000, help="customers to extrapolate to")
    options.add_argument("--model", type=Path, help="data folder of a made-up bank whose champion scores all")
    options.add_argument(
        "--work", type=Path, default=Path("data/bench/monday"), help="what stands is not made again"
    )
    options.add_argument("--out", type=Path, default=Path("data/bench/monday.json"))
    given = options.parse_args(arguments)
    smallest, *others = sorted(set(given.customers))
    found = {str(smallest): measure(given.work, smallest, given.weeks, given.model)}
    trained = given.model or given.work / f"bank-{smallest}-{given.weeks}" / "data"
    for customers in others:
        found[str(customers)] = measure(given.work, customers, given.weeks, trained)
    result = figures(found, given.goal)
    write_json(given.out, result)
    for customers in found:
        (given.work / f"bank-{customers}-{given.weeks}" / "measured.json").unlink(missing_ok=True)
    print(in_words(result))


if __name__ == "__main__":
    main()
