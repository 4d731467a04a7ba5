"""Cohort, features and labels of Mondays, bucket by bucket, as one folder per snapshot."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import features
from configs.settings import Engine, Settings
from configs.tables import TABLES
from features.build import build, build_labels, first_monday
from features.world import World, make_world, read_columns
from pipeline.artefacts import Home, fingerprint, read_json, whole_folder, write_json, write_parquet
from pipeline.buckets import bucket_files
from pipeline.ingest import Ingested


def build_snapshots(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshots: Sequence[date],
    progress: Callable[[int, int], None],
) -> int:
    """Write ``cohort`` and ``features`` of each Monday, unless they stand there already; the number written.

    A partition stands as long as the tables, the settings that shape it and the code of ``features`` do.
    """
    made_by = _made_by(settings, tables)
    due = tuple(day for day in snapshots if not _stands(home.partition("features", day), made_by))
    if due:
        _over_buckets(FeatureTask(settings, tables, due, home.root / "making"), home, made_by, progress)
    return len(due)


def build_outcomes(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshots: Sequence[date],
    data_through: date,
    progress: Callable[[int, int], None],
) -> int:
    """Write ``labels`` of each matured Monday, unless they stand there already; the number written."""
    made_by = fingerprint(_made_by(settings, tables), str(data_through))
    due = tuple(day for day in snapshots if not _stands(home.partition("labels", day), made_by))
    if due:
        task = LabelTask(settings, tables, due, home.root / "making", data_through)
        _over_buckets(task, home, made_by, progress)
    return len(due)


@dataclass(frozen=True)
class FeatureTask:
    """The work on one bucket: read its tables, write cohort and features of each due Monday as drafts."""

    settings: Settings
    tables: Ingested
    due: tuple[date, ...]
    drafts: Path
    kinds = ("cohort", "features")

    def __call__(self, bucket: int) -> None:
        world = load_world(self.tables, bucket)
        for one in build(world, self.due, first_monday(self.tables.first_day), self.settings):
            for kind, rows in (("cohort", one.cohort), ("features", one.features)):
                write_parquet(rows, _draft(self.drafts, kind, one.snapshot_date, bucket))


@dataclass(frozen=True)
class LabelTask:
    """The work on one bucket: read its tables, write the labels of each due Monday as drafts."""

    settings: Settings
    tables: Ingested
    due: tuple[date, ...]
    drafts: Path
    data_through: date
    kinds = ("labels",)

    def __call__(self, bucket: int) -> None:
        world, start = load_world(self.tables, bucket), first_monday(self.tables.first_day)
        for day, rows in build_labels(world, self.due, start, self.data_through, self.settings):
            write_parquet(rows, _draft(self.drafts, "labels", day, bucket))


def read_partition(home: Home, kind: str, snapshots: Sequence[date]) -> pd.DataFrame:
    """All rows of these Mondays, sorted by snapshot and customer."""
    parts = [pq.read_table(home.partition(kind, day)) for day in snapshots]
    frame = pa.concat_tables(parts).to_pandas(date_as_object=True)
    return frame.sort_values(["snapshot_date", "customer_id"], ignore_index=True)


def load_world(tables: Ingested, bucket: int) -> World:
    """One bucket's tables."""
    parts = {
        name: _read(bucket_files(tables.folder / name, bucket), name)
        for name, contract in TABLES.items()
        if contract.by_customer and (tables.folder / name).is_dir()
    }
    parts["products"] = pq.read_table(tables.folder / "products" / "part.parquet")
    return make_world(parts)


def _read(paths: list[Path], name: str) -> pa.Table:
    """The columns that features look at; text stays coded as it lies in the file."""
    columns = read_columns(name)
    text = [column.name for column in TABLES[name].columns if column.type == "VARCHAR"]
    return pq.read_table(paths, columns=columns, read_dictionary=[one for one in text if one in columns])


def _over_buckets(
    task: FeatureTask | LabelTask, home: Home, made_by: str, progress: Callable[[int, int], None]
) -> None:
    """Run the task on every bucket; each snapshot's folder is then moved whole."""
    shutil.rmtree(task.drafts, ignore_errors=True)
    try:
        _run(task, task.settings.engine, progress)
        for kind in task.kinds:
            for day in task.due:
                folder = _draft(task.drafts, kind, day, 0).parent
                write_json(folder / "_made_by.json", made_by)
                _move(folder, home.partition(kind, day))
    finally:
        shutil.rmtree(task.drafts, ignore_errors=True)


def _run(task: FeatureTask | LabelTask, engine: Engine, progress: Callable[[int, int], None]) -> None:
    """The task on every bucket, by the engine of the settings."""
    if engine.kind == "spark":
        # Imported here: pyspark is an extra that a bank on one machine does not install.
        from pipeline.spark import run_buckets

        run_buckets(_resolved(task), task.tables.buckets, engine.spark_master, progress)
    else:
        _run_threads(task, task.tables.buckets, engine.workers, progress)


def _run_threads(
    task: Callable[[int], None], buckets: int, workers: int, progress: Callable[[int, int], None]
) -> None:
    """The buckets on threads of this process: nearly all the work lies in NumPy, numba and Arrow."""
    with ThreadPoolExecutor(workers) as pool:
        for done, job in enumerate(as_completed([pool.submit(task, k) for k in range(buckets)]), start=1):
            job.result()
            progress(done, buckets)


def _resolved(task: FeatureTask | LabelTask) -> FeatureTask | LabelTask:
    """The task with full paths: a Spark worker has a working folder of its own."""
    tables = replace(task.tables, folder=task.tables.folder.resolve())
    return replace(task, tables=tables, drafts=task.drafts.resolve())


def _draft(drafts: Path, kind: str, day: date, bucket: int) -> Path:
    return drafts / kind / str(day) / f"bucket={bucket:02d}.parquet"


def _move(draft: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(target) as folder:
        for path in draft.iterdir():
            path.rename(folder / path.name)


def _stands(partition: Path, made_by: str) -> bool:
    note = partition / "_made_by.json"
    return note.is_file() and read_json(note) == made_by


def _made_by(settings: Settings, tables: Ingested) -> str:
    """What a partition depends on: the tables, the settings that shape it, the code of features."""
    shape = settings.model_dump_json(include={"cohort", "label", "features", "tiers"})
    code = sorted(Path(features.__file__).parent.glob("*.py"))
    return fingerprint(tables.fingerprint, shape, *code)
