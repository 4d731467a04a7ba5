"""For data scientists: a frame of a bank's features and outcomes, the value of each family of features, and
of a longer history."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from configs.bank_folder import load_settings
from configs.dates import monday
from configs.errors import DataError
from configs.settings import Settings
from models.hazard import fit, fit_calibrator
from models.matrix import KEY, Matrix
from models.metrics import evaluate
from models.splits import Split
from pipeline.artefacts import write_json
from pipeline.context import Context
from pipeline.progress import progress_bar
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_partition
from pipeline.snapshots.labelled import with_outcome
from pipeline.tables import Ingested
from pipeline.training.train import columns_of, load_learnt, load_matrix, monotone_signs, plan

Progress = Callable[[int, int], None]
ABLATION = ["columns", "auroc", "average_precision", "average_precision_lost", "recall_at_10", "ece"]
CURVE = ["auroc", "average_precision", "recall_at_10", "ece"]
OUTCOMES = ["attrited", "time_to_attrition", "outflow_share", "aum_base"]


def dataset(bank: str, snapshots: Sequence[date | str], data: Path | str = "data") -> pd.DataFrame:
    """One row per eligible customer and Monday: keys, every feature, and the outcome where it has matured.

    ``attrited``, ``outflow_share`` and ``aum_base`` are missing on Mondays whose outcome window the data does
    not cover, ``time_to_attrition`` (days) there and for customers who stayed. The bank must have been
    ingested. Raises DataError otherwise, ConfigError for another weekday. For example ``dataset("demo",
    ["2026-05-04", "2026-11-16"])``.
    """
    context = Context(load_settings(bank), Path(data))
    days = sorted({monday(date.fromisoformat(str(day))) for day in snapshots})
    matured = backfill(context, context.tables, days, lambda *_: None)
    features = read_partition(context.home, "features", days)
    if not matured:
        return features.reindex(columns=[*features.columns, *OUTCOMES])
    labels = read_partition(context.home, "labels", matured)
    return features.merge(labels, on=list(KEY), how="left", validate="one_to_one")


def backfill(context: Context, tables: Ingested, snapshots: Sequence[date], progress: Progress) -> list[date]:
    """The Mondays that have matured, after cohort and features of all and labels of these are written.

    Raises DataError for a Monday beyond the data: of a week that is not over nothing can be said.
    """
    end = tables.last_day + timedelta(days=1)
    newest = end + timedelta(days=-end.weekday() % 7)
    if max(snapshots, default=newest) > newest:
        raise DataError(
            f"{max(snapshots)} lies beyond the data; its last booking is of {tables.last_day}. Name a Monday "
            f"up to {newest}, or ingest newer files first."
        )
    matured = with_outcome(context.settings, tables, snapshots, end)
    build_snapshots(context.settings, context.home, tables, snapshots, progress)
    build_outcomes(context.settings, context.home, tables, matured, end, progress)
    return matured


def build_history(context: Context, tables: Ingested, snapshots: Sequence[date], data_through: date) -> None:
    """Write features and outcomes of these Mondays by what was known before ``data_through``."""
    with progress_bar("snapshots") as on_bucket:
        build_snapshots(context.settings, context.home, tables, snapshots, on_bucket)
        build_outcomes(context.settings, context.home, tables, snapshots, data_through, on_bucket)


def ablate_families(context: Context, tables: Ingested, as_of: date) -> pd.DataFrame:
    """``ablate`` on the Mondays that training would use on ``as_of``; kept as ``ablation.json`` too."""
    split, rows = _training_rows(context, tables, as_of)
    families = {name: entry.family for name, entry in columns_of(context.settings).items()}
    with progress_bar("families") as on_family:
        table = ablate(context.settings, rows, split, families, on_family)
    return _kept(context, "ablation", as_of, table.rename_axis("without"))


def learn_longer(context: Context, tables: Ingested, as_of: date) -> pd.DataFrame:
    """``learning_curve`` on the Mondays of training on ``as_of``; kept as ``learning-curve.json`` too."""
    split, rows = _training_rows(context, tables, as_of)
    with progress_bar("learning curve") as on_model:
        table = learning_curve(context.settings, rows, split, on_model)
    return _kept(context, "learning-curve", as_of, table.rename_axis("mondays"))


def learning_curve(settings: Settings, rows: Matrix, split: Split, progress: Progress) -> pd.DataFrame:
    """One row per length of history, a quarter to all of the training Mondays, the last ones: its metrics.

    All are stopped, calibrated and evaluated on the same Mondays, and their peers are those of all of
    training. Four models are fitted, however long the history.
    """
    metrics = {}
    for quarters in (1, 2, 3, 4):
        last = split.train[-max(1, len(split.train) * quarters // 4) :]
        metrics[len(last)] = _refitted(settings, rows, replace(split, train=last))
        progress(quarters, 4)
    return pd.DataFrame(metrics).T[CURVE]


def ablate(
    settings: Settings, rows: Matrix, split: Split, families: dict[str, str], progress: Progress
) -> pd.DataFrame:
    """One row per family of features: the metrics on the evaluated Mondays without it, and its value.

    ``families`` names the family of each column. The first row, ``none``, is the whole model. Each model is
    fitted, stopped and calibrated as in training.
    """
    names = ["none", *sorted({families[column] for column in rows.columns})]
    metrics = {}
    for done, left_out in enumerate(names, start=1):
        kept = rows.only([column for column in rows.columns if families[column] != left_out])
        metrics[left_out] = _refitted(settings, kept, split) | {"columns": len(kept.columns)}
        progress(done, len(names))
    for row in metrics.values():
        row["average_precision_lost"] = metrics["none"]["average_precision"] - row["average_precision"]
    return pd.DataFrame(metrics).T[ABLATION]


def _refitted(settings: Settings, rows: Matrix, split: Split) -> dict[str, float]:
    tuned, evaluated, horizons = rows.on(split.tune), rows.on(split.evaluation), settings.label.horizons
    signs = monotone_signs(settings, rows.columns)
    model = fit(rows.on(split.train), tuned, horizons, settings.training, signs).model
    calibrator = fit_calibrator(model.raw(tuned.features), tuned.time_to_attrition, horizons)
    return evaluate(evaluated, calibrator.risks(model.raw(evaluated.features)), horizons)


def _training_rows(context: Context, tables: Ingested, as_of: date) -> tuple[Split, Matrix]:
    split = plan(context.settings, tables, as_of)
    build_history(context, tables, split.mondays, as_of)
    learnt = load_learnt(context.settings, context.home, split)
    return split, load_matrix(context.home, split.mondays, learnt)


def _kept(context: Context, name: str, as_of: date, table: pd.DataFrame) -> pd.DataFrame:
    """The table, written for the report of models trained on ``as_of``."""
    rows = table.reset_index().to_dict("records")
    write_json(context.home.root / f"{name}.json", {"as_of": str(as_of), "rows": rows})
    return table
