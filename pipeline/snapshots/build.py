"""Cohort, features and labels of Mondays, bucket by bucket, as one folder per snapshot."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.codes import EXCLUSION_CODES
from configs.errors import DataError
from configs.files import draft_of, is_whole, whole_folder, write_manifest
from configs.settings import Engine, Settings
from configs.tables import TABLES
from features.build import FEATURES_VERSION, build, build_labels, first_monday
from features.catalogue.bank_code import bank_code
from features.engine.compact_history import COMPACTED, compact_rows, kept_days
from features.engine.entities import Entities, Workload, day_number, make_entities, make_rows, read_columns
from features.families.relationship import workload
from models.matrix import KEY, check_contract
from pipeline.artefacts import Home, fingerprint, keep_only, read_json, write_parquet
from pipeline.lease import held
from pipeline.snapshots.spark import BucketTask, over_buckets, session, staged
from pipeline.tables import Ingested, bucket_name, read_part

# The settings that cohort, features and labels depend on: of measures and tiers all but their words.
SHAPING: Any = {
    "counts": True,
    "cohort": True,
    "label": True,
    "features": {
        "windows": True,
        "large_amount": True,
        "measures": {"__all__": {"name", "table", "statistics", "where", "sign"}},
        "attributes": {"__all__": {"name", "categories"}},
    },
    "survey": {"lowest": True, "highest": True, "items": True},
    "tiers": {"__all__": {"name", "min_aum"}},
    "tier_rule": True,
}
READERS = 2  # Mondays read at once; more would need more memory
FLUSHED = 8  # folders at once: each waits for the disk, which writes those of several together


def build_snapshots(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshots: Sequence[date],
    progress: Callable[[int, int], None],
) -> int:
    """Write ``cohort`` and ``features`` of each Monday, unless they stand there already; the number written.

    A partition stands as long as the rows that its Monday can see, the settings that shape it and
    FEATURES_VERSION do. Those that a replay shares with its bank are written under the bank's lease.
    """
    made_by = {day: partition_digest(settings, tables.as_of(day)) for day in snapshots}
    due = tuple(day for day in snapshots if not stands(home.partition("features", day), made_by[day]))
    if due and home.shared:
        with held(home.shared, "replay"):
            return build_snapshots(settings, Home(home.shared), tables, due, progress)
    if due:
        # Workers that mount nothing would have to compact the history anew each time.
        history = None if settings.engine.storage else compact_history(settings, home, tables, due)
        load = bank_workload(tables, due)
        task = FeatureTask(tables, due, home.drafts, settings, ("cohort", "features"), load, history)
        write_partitions(task, home, made_by, progress)
    return len(due)


def build_outcomes(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshots: Sequence[date],
    data_through: date,
    progress: Callable[[int, int], None],
    kind: str = "labels",
) -> int:
    """Write ``labels`` of each matured Monday, unless they stand there already; the number written.

    Labels of a shorter horizon than the bank's go to a ``kind`` of partition of their own.
    """
    made_by = fingerprint(partition_digest(settings, tables.fingerprint), str(data_through))
    due = tuple(day for day in snapshots if not stands(home.partition(kind, day), made_by))
    if due:
        task = LabelTask(tables, due, home.drafts, settings, (kind,), data_through)
        write_partitions(task, home, dict.fromkeys(due, made_by), progress)
    return len(due)


@dataclass(frozen=True)
class CompactHistory:
    """Rows that happened before ``year``, compacted below ``folder`` when they are first asked for."""

    folder: Path
    year: int

    def read(self, tables: Ingested, table: str, bucket: int) -> pa.Table | None:
        """One bucket of a table, its old years compacted, in the columns that features look at."""
        columns = read_columns(table)
        recent = tables.read(table, bucket, columns, since=self.year)
        old = self.old_rows(tables, table, bucket, columns)
        parts = [rows for rows in (old, recent) if rows is not None]
        return pa.concat_tables(parts).unify_dictionaries() if parts else None

    def old_rows(self, tables: Ingested, table: str, bucket: int, columns: Sequence[str]) -> pa.Table | None:
        """What is kept of one bucket of a table from before ``year``."""
        name = f"{bucket_name(bucket)}-{tables.holds(table, bucket, self.year)}.parquet"
        path = self.folder / table / name
        if not path.is_file():
            rows = tables.read(table, bucket, columns, before=self.year)
            if rows is None:
                return None
            ids = np.array(sorted(rows["customer_id"].unique().to_pylist()), dtype=object)
            placed = rows.append_column("place", pa.array(np.arange(len(rows))))
            kept = compact_rows(make_rows(table, placed, ids), day_number(date(self.year, 1, 1)))
            draft = draft_of(self.folder / f"{table}-{path.name}")
            write_parquet(rows.take(pa.array(np.sort(kept.columns["place"]))), draft)
            path.parent.mkdir(exist_ok=True)
            draft.replace(path)
        return read_part(path, table, columns)


@dataclass(frozen=True)
class PartitionTask(BucketTask):
    """Writes one bucket of the partitions of these ``kinds``."""

    settings: Settings
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class FeatureTask(PartitionTask):
    """Writes cohort and features of one bucket."""

    workload: Workload
    history: CompactHistory | None

    def __call__(self, bucket: int) -> None:
        attributes = self.settings.features.attribute_names
        entities = load_entities(self.tables, bucket, self.workload, self.history, attributes)
        for day, *tables in build(entities, self.due, first_monday(self.tables.first_day), self.settings):
            for kind, rows in zip(self.kinds, tables, strict=True):
                write_parquet(rows, draft_part(self.drafts, kind, day, bucket))


@dataclass(frozen=True)
class LabelTask(PartitionTask):
    """Writes the labels of one bucket."""

    data_through: date

    def __call__(self, bucket: int) -> None:
        entities, start = load_entities(self.tables, bucket), first_monday(self.tables.first_day)
        for day, rows in build_labels(entities, self.due, start, self.data_through, self.settings):
            write_parquet(rows, draft_part(self.drafts, self.kinds[0], day, bucket))


def read_partition(
    home: Home,
    kind: str,
    snapshots: Sequence[date],
    columns: list[str] | None = None,
    rows: pc.Expression | None = None,
) -> pd.DataFrame:
    """All rows of these Mondays, or those that fit, by snapshot and customer; of all columns or of some."""
    with ThreadPoolExecutor(READERS) as pool:
        files = (home.files(kind, day) for day in snapshots)
        read = partial(pq.read_table, columns=columns, filters=rows, partitioning=None)
        parts = pool.map(read, files)
    table = pa.concat_tables(parts).sort_by([("snapshot_date", "ascending"), ("customer_id", "ascending")])
    return table.to_pandas(date_as_object=True)


def feature_names(home: Home, day: date) -> list[str]:
    """The columns of one Monday's features, without the key."""
    names = pq.ParquetDataset(home.partition("features", day)).schema.names
    return [name for name in names if name not in KEY]


def read_features(
    home: Home, day: date, names: Sequence[str], room: int
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The key of one Monday's features, ascending by customer, and their values with ``room`` more columns.

    As ``read_partition`` has them, without a frame of hundreds of columns and its copies: file by file, so
    that what is unpacked is placed while the processor's cache still holds it. Raises DataError for columns
    other than ``names``.
    """
    keys, blocks = list[pa.Table](), list[NDArray[np.float64]]()
    for path in home.files("features", day):
        table = pq.ParquetFile(path).read(use_threads=False)
        keys.append(table.select(KEY))
        table = table.drop_columns([*KEY])
        check_contract([(field.name, field.type.to_pandas_dtype()) for field in table.schema], names)
        rows = table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], table.schema)]
        blocks.append(rows[0].to_tensor(null_to_nan=True).to_numpy())
    key = pa.concat_tables(keys).to_pandas(date_as_object=True)
    order = key["customer_id"].argsort().to_numpy()
    ends = np.cumsum([len(block) for block in blocks])
    values = np.empty((len(order), len(names) + room))
    for block, rows in zip(blocks, np.split(order.argsort(), ends[:-1]), strict=True):
        values[rows, : len(names)] = block
    return key.take(order).reset_index(drop=True), values


def read_eligible(home: Home, snapshots: Sequence[date], columns: list[str] | None = None) -> pd.DataFrame:
    """The cohort's rows of eligible customers: row for row those of the features of these Mondays."""
    return read_partition(home, "cohort", snapshots, columns, pc.field("exclusion") == "")


def nobody_eligible(home: Home, snapshots: Sequence[date]) -> DataError:
    """The error that nobody is eligible on any of these Mondays, with the three commonest exclusions."""
    codes = Counter(read_partition(home, "cohort", snapshots)["exclusion"]).most_common(3)
    named = "; ".join(f"{count:,} {code} ({EXCLUSION_CODES[code]})" for code, count in codes)
    days = str(snapshots[0]) if len(snapshots) == 1 else f"any Monday from {snapshots[0]} to {snapshots[-1]}"
    return DataError(
        f"nobody is eligible on {days}. Excluded: {named or 'none, for no customer was known before'}. "
        "Correct [cohort] in bank.toml, or what the tables customers and holdings say."
    )


def compact_history(
    settings: Settings, home: Home, tables: Ingested, snapshots: Sequence[date]
) -> CompactHistory | None:
    """The years that lie behind every look back of these Mondays; None where the history is too short."""
    year = (min(snapshots) - timedelta(days=kept_days(settings))).year
    if tables.first_day.year >= year:
        return None
    folder = home.root / "compact_history" / f"before-{year}-v{FEATURES_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    keep_only(folder.parent, {folder.name})
    return CompactHistory(folder.resolve(), year)


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
    attributes: Sequence[str] = (),
) -> Entities:
    """One bucket's tables; for features the managers' workload, the history compacted, and the customers'
    attributes."""
    read = {
        name: history.read(tables, name, bucket)
        if history and name in COMPACTED
        else tables.read(name, bucket, [*read_columns(name), *(attributes if name == "customers" else ())])
        for name, contract in TABLES.items()
        if contract.by_customer
    }
    parts = {name: rows for name, rows in read.items() if rows is not None}
    return make_entities(parts | tables.products() | tables.offers(), load)


def write_partitions(
    task: PartitionTask,
    home: Home,
    made_by: Mapping[date, str],
    progress: Callable[[int, int], None],
) -> None:
    """Run the task on every bucket; each snapshot's folder is then moved whole."""
    shutil.rmtree(task.drafts, ignore_errors=True)
    try:
        run_task(task, task.settings.engine, progress)
        with ThreadPoolExecutor(FLUSHED) as pool:
            for job in [
                pool.submit(_move, task.drafts, home, kind, day, made_by[day])
                for kind, day in product(task.kinds, task.due)
            ]:
                job.result()
    finally:
        shutil.rmtree(task.drafts, ignore_errors=True)


def _move(drafts: Path, home: Home, kind: str, day: date, made_by: str) -> None:
    folder = draft_part(drafts, kind, day, 0).parent
    (folder / "_made_by.json").write_text(json.dumps(made_by) + "\n", "utf-8")
    write_manifest(folder)
    with whole_folder(home.partition(kind, day)) as target:
        for path in folder.iterdir():
            path.rename(target / path.name)


def run_task(task: BucketTask, engine: Engine, progress: Callable[[int, int], None]) -> None:
    """The task on every bucket, by the engine of the settings; what it writes lies in its drafts then."""
    buckets = task.tables.buckets
    if engine.kind == "spark":
        # Full paths: a Spark worker has a working folder of its own.
        tables = replace(task.tables, folder=task.tables.folder.resolve())
        mounted = replace(task, tables=tables, drafts=task.drafts.resolve())
        near = staged(task, engine.storage) if engine.storage else nullcontext(mounted)
        with near as work, session(engine.spark_master) as context:
            over_buckets(context, work, buckets, progress)
        return
    # Threads of this process: nearly all the work lies in NumPy, numba and Arrow.
    with ThreadPoolExecutor(engine.workers) as pool:
        for done, job in enumerate(as_completed([pool.submit(task, k) for k in range(buckets)]), start=1):
            job.result()
            progress(done, buckets)


def draft_part(drafts: Path, kind: str, day: date, bucket: int) -> Path:
    """The file of one bucket of one Monday's draft."""
    return drafts / kind / str(day) / f"bucket={bucket:02d}.parquet"


def stands(partition: Path, made_by: str) -> bool:
    """True for a whole partition that depends on what ``made_by`` names."""
    return is_whole(partition) and read_json(partition / "_made_by.json") == made_by


def partition_digest(settings: Settings, tables: str) -> str:
    """A digest of what a partition depends on: tables by name, settings that shape it, the version."""
    code = bank_code(settings)
    of_bank = [code.path] if code else []  # its bytes: other banks' partitions depend on none of it
    return fingerprint(tables, settings.model_dump_json(include=SHAPING), str(FEATURES_VERSION), *of_bank)
