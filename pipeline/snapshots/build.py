"""Cohort, features and labels of Mondays, bucket by bucket, as one folder per snapshot."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.files import whole_folder
from configs.settings import Engine, Settings
from configs.tables import TABLES
from features.build import FEATURES_VERSION, build, build_labels, first_monday
from features.engine.compact_history import COMPACTED
from features.engine.entities import Entities, Workload, make_entities, read_columns
from features.families.relationship import workload
from models.matrix import KEY, check_contract
from pipeline.artefacts import Home, fingerprint, read_json, write_json, write_parquet
from pipeline.snapshots.compact_history import CompactHistory, compact_history
from pipeline.snapshots.storage import BucketTask, staged
from pipeline.tables import Ingested

# The settings that cohort, features and labels depend on: of measures and tiers all but their words.
SHAPING: Any = {
    "cohort": True,
    "label": True,
    "features": {
        "windows": True,
        "large_amount": True,
        "measures": {"__all__": {"name", "table", "statistics", "where", "sign"}},
    },
    "tiers": {"__all__": {"name", "min_aum"}},
}
READERS = 2  # Mondays read at once; more would need more memory


def build_snapshots(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshots: Sequence[date],
    progress: Callable[[int, int], None],
) -> int:
    """Write ``cohort`` and ``features`` of each Monday, unless they stand there already; the number written.

    A partition stands as long as the rows that its Monday can see, the settings that shape it and
    FEATURES_VERSION do.
    """
    made_by = {day: _made_by(settings, tables.as_of(day)) for day in snapshots}
    due = tuple(day for day in snapshots if not _stands(home.partition("features", day), made_by[day]))
    if due:
        # Workers that mount nothing would have to compact the history anew each time.
        history = None if settings.engine.storage else compact_history(settings, home, tables, due)
        task = FeatureTask(settings, tables, due, home.root / "making", bank_workload(tables, due), history)
        _over_buckets(task, home, made_by, progress)
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
    made_by = fingerprint(_made_by(settings, tables.fingerprint), str(data_through))
    due = tuple(day for day in snapshots if not _stands(home.partition("labels", day), made_by))
    if due:
        task = LabelTask(settings, tables, due, home.root / "making", data_through)
        _over_buckets(task, home, dict.fromkeys(due, made_by), progress)
    return len(due)


@dataclass(frozen=True)
class FeatureTask:
    """The work on one bucket: read its tables, write cohort and features of each due Monday as drafts."""

    settings: Settings
    tables: Ingested
    due: tuple[date, ...]
    drafts: Path
    workload: Workload
    history: CompactHistory | None
    kinds = ("cohort", "features")

    def __call__(self, bucket: int) -> None:
        entities = load_entities(self.tables, bucket, self.workload, self.history)
        for built in build(entities, self.due, first_monday(self.tables.first_day), self.settings):
            for kind, rows in (("cohort", built.cohort), ("features", built.features)):
                write_parquet(rows, _draft(self.drafts, kind, built.snapshot_date, bucket))


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
        entities, start = load_entities(self.tables, bucket), first_monday(self.tables.first_day)
        for day, rows in build_labels(entities, self.due, start, self.data_through, self.settings):
            write_parquet(rows, _draft(self.drafts, "labels", day, bucket))


def read_partition(
    home: Home, kind: str, snapshots: Sequence[date], columns: list[str] | None = None
) -> pd.DataFrame:
    """All rows of these Mondays, sorted by snapshot and customer; of all columns or of some."""
    with ThreadPoolExecutor(READERS) as pool:
        parts = pool.map(lambda day: pq.read_table(home.partition(kind, day), columns=columns), snapshots)
    frame = pa.concat_tables(parts).to_pandas(date_as_object=True)
    return frame.sort_values(["snapshot_date", "customer_id"], ignore_index=True)


def feature_names(home: Home, day: date) -> list[str]:
    """The columns of one Monday's features, without the key."""
    names = pq.ParquetDataset(home.partition("features", day)).schema.names
    return [name for name in names if name not in KEY]


def read_features(
    home: Home, day: date, names: Sequence[str], room: int
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The key of one Monday's features, ascending by customer, and rows × ``names`` with ``room`` for more
    columns.

    The same as ``read_partition``, without a frame of hundreds of columns and its copies: file by file, so
    that what is unpacked is placed while the processor's cache still holds it. Raises DataError for other
    columns.
    """
    keys, blocks = list[pa.Table](), list[NDArray[np.float64]]()
    for path in sorted(home.partition("features", day).glob("*.parquet")):
        table = pq.ParquetFile(path).read(use_threads=False)
        keys.append(table.select(KEY))
        table = table.drop_columns([*KEY])
        check_contract([(field.name, field.type.to_pandas_dtype()) for field in table.schema], names)
        block = np.empty((len(table), len(names)))
        for place, column in enumerate(table.columns):
            block[:, place] = column.to_numpy()
        blocks.append(block)
    key = pa.concat_tables(keys).to_pandas(date_as_object=True)
    order = key["customer_id"].argsort().to_numpy()
    row_of = np.empty_like(order)
    row_of[order] = np.arange(len(order))
    ends = np.cumsum([len(block) for block in blocks])
    values = np.empty((len(order), len(names) + room))
    for block, rows in zip(blocks, np.split(row_of, ends[:-1]), strict=True):
        values[rows, : len(names)] = block
    return key.take(order).reset_index(drop=True), values


def read_eligible(home: Home, snapshots: Sequence[date]) -> pd.DataFrame:
    """The cohort's rows of eligible customers: row for row those of the features of these Mondays."""
    cohort = read_partition(home, "cohort", snapshots)
    return cohort[cohort["exclusion"] == ""].reset_index(drop=True)


def bank_workload(tables: Ingested, snapshots: Sequence[date]) -> Workload:
    """Customers per manager on each Monday, over all buckets."""
    columns = read_columns("assignments")
    parts = [tables.read("assignments", bucket, columns) for bucket in range(tables.buckets)]
    assignments = [rows for rows in parts if rows is not None]
    return workload(pa.concat_tables(assignments).unify_dictionaries(), snapshots) if assignments else {}


def load_entities(
    tables: Ingested,
    bucket: int,
    load: Workload = MappingProxyType({}),
    history: CompactHistory | None = None,
) -> Entities:
    """One bucket's tables; for features the managers' workload, and the history compacted."""
    read = {
        name: history.read(tables, name, bucket)
        if history and name in COMPACTED
        else tables.read(name, bucket, read_columns(name))
        for name, contract in TABLES.items()
        if contract.by_customer
    }
    parts = {name: rows for name, rows in read.items() if rows is not None}
    return make_entities(parts | {"products": pq.read_table(tables.whole("products"))}, load)


def _over_buckets(
    task: FeatureTask | LabelTask,
    home: Home,
    made_by: Mapping[date, str],
    progress: Callable[[int, int], None],
) -> None:
    """Run the task on every bucket; each snapshot's folder is then moved whole."""
    shutil.rmtree(task.drafts, ignore_errors=True)
    try:
        run_task(task, task.settings.engine, progress)
        for kind in task.kinds:
            for day in task.due:
                folder = _draft(task.drafts, kind, day, 0).parent
                write_json(folder / "_made_by.json", made_by[day])
                _move(folder, home.partition(kind, day))
    finally:
        shutil.rmtree(task.drafts, ignore_errors=True)


def run_task(task: BucketTask, engine: Engine, progress: Callable[[int, int], None]) -> None:
    """The task on every bucket, by the engine of the settings; what it writes lies in its drafts then."""
    buckets = task.tables.buckets
    if engine.kind == "spark":
        # Imported here: pyspark is an extra that a bank on one machine does not install.
        from pipeline.snapshots.spark import over_buckets, session

        near = staged(task, engine.storage) if engine.storage else nullcontext(_resolved(task))
        with near as work, session(engine.spark_master) as context:
            over_buckets(context, work, buckets, progress)
        return
    # Threads of this process: nearly all the work lies in NumPy, numba and Arrow.
    with ThreadPoolExecutor(engine.workers) as pool:
        for done, job in enumerate(as_completed([pool.submit(task, k) for k in range(buckets)]), start=1):
            job.result()
            progress(done, buckets)


def _resolved(task: BucketTask) -> BucketTask:
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


def _made_by(settings: Settings, tables: str) -> str:
    """The record of what a partition depends on: tables by name, settings that shape it, version of the
    code."""
    return fingerprint(tables, settings.model_dump_json(include=SHAPING), str(FEATURES_VERSION))
