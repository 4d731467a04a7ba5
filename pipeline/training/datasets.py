"""Data sets of the Mondays that a bank has labelled, where they are too few for a model."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa

from configs.files import whole_file
from models.matrix import KEY
from models.splits import Split, TooFewMondaysError
from pipeline.artefacts import write_parquet
from pipeline.context import Context
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_partition
from pipeline.tables import Ingested
from pipeline.training.train import plan, training_mondays

Progress = Callable[[int, int], None]


def plan_or_datasets(context: Context, tables: Ingested, as_of: date, progress: Progress) -> Split:
    """``plan``; where the bank has delivered too few labels, their data sets are written first.

    The error then says where they lie.
    """
    try:
        return plan(context.settings, tables, as_of)
    except TooFewMondaysError as reason:
        if context.settings.label.definition != "delivered" or context.shared:  # a replay writes none
            raise
        files = write_datasets(context, tables, as_of, progress)
        bank = context.settings.bank
        written = (
            f" Features and label of each lie in {files[0].parent}, one file per Monday." if files else ""
        )
        raise TooFewMondaysError(
            f"{reason}{written} `make definitions BANK={bank} AS_OF={as_of}` shows who left by them."
        ) from None


def write_datasets(context: Context, tables: Ingested, as_of: date, progress: Progress) -> list[Path]:
    """One file per labelled Monday: a row per eligible customer with key, features and outcome.

    The outcome is empty where no label is known.
    """
    home, days = context.home, training_mondays(context.settings, tables, as_of)
    build_snapshots(context.settings, home, tables, days, progress)
    build_outcomes(context.settings, home, tables, days, as_of, progress)
    files = []
    for day in days:
        rows = read_partition(home, "features", [day]).merge(
            read_partition(home, "labels", [day]), on=list(KEY), how="left", validate="one_to_one"
        )
        rows["attrited"] = rows["attrited"].astype("Int8")
        files.append(home.root / "datasets" / f"{day}.parquet")
        files[-1].parent.mkdir(exist_ok=True)
        with whole_file(files[-1]) as draft:
            write_parquet(pa.Table.from_pandas(rows, preserve_index=False), draft)
    return files
