"""Cohort, features and labels of Mondays, bucket by bucket, as one folder per snapshot."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import features
from configs.settings import Settings
from configs.tables import TABLES
from features.build import build, build_labels, first_monday
from features.world import World, make_world, read_columns
from pipeline.artefacts import Home, fingerprint, read_json, whole_folder, write_json, write_parquet
from pipeline.buckets import bucket_file
from pipeline.ingest import Ingested

KINDS = ("cohort", "features")


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
    due = [day for day in snapshots if not _stands(home.partition("features", day), made_by)]

    def work(world: World, drafts: dict[str, Path], bucket: int) -> None:
        for one in build(world, due, first_monday(tables.first_day), settings):
            for kind, rows in (("cohort", one.cohort), ("features", one.features)):
                write_parquet(rows, drafts[kind] / str(one.snapshot_date) / f"bucket={bucket:02d}.parquet")

    if due:
        _over_buckets(home, tables, due, KINDS, made_by, work, progress)
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
    due = [day for day in snapshots if not _stands(home.partition("labels", day), made_by)]

    def work(world: World, drafts: dict[str, Path], bucket: int) -> None:
        for day, rows in build_labels(world, due, first_monday(tables.first_day), data_through, settings):
            write_parquet(rows, drafts["labels"] / str(day) / f"bucket={bucket:02d}.parquet")

    if due:
        _over_buckets(home, tables, due, ("labels",), made_by, work, progress)
    return len(due)


def read_partition(home: Home, kind: str, snapshots: Sequence[date]) -> pd.DataFrame:
    """All rows of these Mondays, sorted by snapshot and customer."""
    parts = [pq.read_table(home.partition(kind, day)) for day in snapshots]
    frame = pa.concat_tables(parts).to_pandas(date_as_object=True)
    return frame.sort_values(["snapshot_date", "customer_id"], ignore_index=True)


def load_world(tables: Ingested, bucket: int) -> World:
    """One bucket's tables."""
    parts = {
        name: _read(bucket_file(tables.folder / name, bucket), name)
        for name, contract in TABLES.items()
        if contract.by_customer and (tables.folder / name).is_dir()
    }
    parts["products"] = pq.read_table(tables.folder / "products" / "part.parquet")
    return make_world(parts)


def _read(path: Path, name: str) -> pa.Table:
    """The columns that features look at; text stays coded as it lies in the file."""
    columns = read_columns(name)
    text = [column.name for column in TABLES[name].columns if column.type == "VARCHAR"]
    return pq.read_table(path, columns=columns, read_dictionary=[one for one in text if one in columns])


def _over_buckets(
    home: Home,
    tables: Ingested,
    due: Sequence[date],
    kinds: Sequence[str],
    made_by: str,
    work: Callable[[World, dict[str, Path], int], None],
    progress: Callable[[int, int], None],
) -> None:
    """Run ``work`` on every bucket, two at a time, into drafts; each snapshot's folder is then moved whole."""
    with whole_folder(home.root / "making") as draft:
        drafts = {kind: draft / kind for kind in kinds}
        with ThreadPoolExecutor(max_workers=2) as pool:
            jobs = [
                pool.submit(lambda bucket: work(load_world(tables, bucket), drafts, bucket), bucket)
                for bucket in range(tables.buckets)
            ]
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                progress(done, tables.buckets)
        for kind in kinds:
            for day in due:
                write_json(drafts[kind] / str(day) / "_made_by.json", made_by)
                _move(drafts[kind] / str(day), home.partition(kind, day))


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
    shape = settings.model_dump_json(include={"cohort", "label", "features", "base_currency"})
    code = sorted(Path(features.__file__).parent.glob("*.py"))
    return fingerprint(tables.fingerprint, shape, *code)
