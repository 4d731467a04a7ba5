"""For data scientists: one line from a bank's tables to a pandas frame, and what each family of features is worth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from configs.bank_folder import load_settings
from configs.dates import monday
from configs.settings import Settings
from models.calibrate import fit_calibrator
from models.hazard import fit
from models.matrix import Matrix
from models.metrics import evaluate
from models.splits import Split
from pipeline.artefacts import Home, write_json
from pipeline.progress import progress_bar
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_partition
from pipeline.tables import Ingested, read_ingested
from pipeline.training.train import plan
from pipeline.training.training_rows import columns_of, load_matrix, load_peers, monotone_signs

KEYS = ["customer_id", "snapshot_date"]
SHOWN = ["columns", "auroc", "average_precision", "average_precision_lost", "recall_at_10", "ece"]
CURVE = ["auroc", "average_precision", "recall_at_10", "ece"]
OUTCOMES = ["attrited", "gone_within", "outflow_share", "aum_base"]


def dataset(bank: str, snapshots: Sequence[date | str], data: Path | str = "data") -> pd.DataFrame:
    """One row per eligible customer and Monday: keys, every feature, and the outcome where it has matured.

    ``attrited``, ``outflow_share`` and ``aum_base`` are missing on Mondays whose outcome window the data does
    not cover, ``gone_within`` (days) there and for customers who stayed. The bank must have been ingested.
    Raises DataError otherwise, ConfigError for another weekday.
    For example ``dataset("demo", ["2026-05-04", "2026-11-16"])``.
    """
    settings, home = load_settings(bank), Home(Path(data) / bank)
    days = sorted({monday(date.fromisoformat(str(day))) for day in snapshots})
    matured = backfill(settings, home, read_ingested(home), days, _quietly)
    features = read_partition(home, "features", days)
    if not matured:
        return features.reindex(columns=[*features.columns, *OUTCOMES])
    labels = read_partition(home, "labels", matured)
    return features.merge(labels, on=KEYS, how="left", validate="one_to_one")


def backfill(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshots: Sequence[date],
    progress: Callable[[int, int], None],
) -> list[date]:
    """Write cohort and features of these Mondays, and labels of those that have matured, which are returned."""
    end = tables.last_day + timedelta(days=1)
    matured = [day for day in snapshots if settings.label.timeline(day).matured(end)]
    build_snapshots(settings, home, tables, snapshots, progress)
    build_outcomes(settings, home, tables, matured, end, progress)
    return matured


def ablate_families(settings: Settings, home: Home, tables: Ingested, as_of: date) -> pd.DataFrame:
    """``ablate`` on the Mondays that training would use on ``as_of``; kept as ``ablation.json`` too."""
    chosen, rows = _mondays_of(settings, home, tables, as_of)
    families = {name: entry.family for name, entry in columns_of(settings).items()}
    with progress_bar("families") as on_family:
        found = ablate(settings, rows, chosen, families, on_family)
    return _kept(home, "ablation", as_of, found.rename_axis("without"))


def learn_longer(settings: Settings, home: Home, tables: Ingested, as_of: date) -> pd.DataFrame:
    """``learning_curve`` on the Mondays of training on ``as_of``; kept as ``learning-curve.json`` too."""
    chosen, rows = _mondays_of(settings, home, tables, as_of)
    with progress_bar("learning curve") as on_model:
        found = learning_curve(settings, rows, chosen, on_model)
    return _kept(home, "learning-curve", as_of, found.rename_axis("mondays"))


def learning_curve(
    settings: Settings, rows: Matrix, chosen: Split, progress: Callable[[int, int], None]
) -> pd.DataFrame:
    """One row per length of history, a quarter to all of the training Mondays, the last ones: what it was worth.

    All are stopped, calibrated and judged on the same Mondays, and their peers are those of all of training.
    Four models are fitted, however long the history.
    """
    found = {}
    for done, quarters in enumerate((1, 2, 3, 4), start=1):
        last = chosen.train[-max(1, len(chosen.train) * quarters // 4) :]
        found[len(last)] = _judge(settings, rows, replace(chosen, train=last))
        progress(done, 4)
    return pd.DataFrame(found).T[CURVE]


def ablate(
    settings: Settings,
    rows: Matrix,
    chosen: Split,
    families: dict[str, str],
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """One row per family of features: the metrics on the judged Mondays without it, and what it was worth.

    ``families`` names the family of each column. The first row, ``none``, is the whole model. Each model is
    fitted, stopped and calibrated as in training.
    """
    names = ["none", *sorted({families[column] for column in rows.columns})]
    found = {}
    for done, left_out in enumerate(names, start=1):
        kept = rows.only([column for column in rows.columns if families[column] != left_out])
        found[left_out] = _judge(settings, kept, chosen) | {"columns": len(kept.columns)}
        progress(done, len(names))
    whole = found["none"]["average_precision"]
    for one in found.values():
        one["average_precision_lost"] = whole - one["average_precision"]
    return pd.DataFrame(found).T[SHOWN]


def _judge(settings: Settings, rows: Matrix, chosen: Split) -> dict[str, float]:
    tuned, judged, horizons = rows.on(chosen.tune), rows.on(chosen.evaluation), settings.label.horizons
    signs = monotone_signs(settings, rows.columns)
    model = fit(rows.on(chosen.train), tuned, horizons, settings.training, signs).model
    calibrator = fit_calibrator(model.raw(tuned.features), tuned.time_to_attrition, horizons)
    return evaluate(judged, calibrator.risks(model.raw(judged.features)), horizons)


def _mondays_of(settings: Settings, home: Home, tables: Ingested, as_of: date) -> tuple[Split, Matrix]:
    """The Mondays that training would use on ``as_of``, and their rows."""
    chosen = plan(settings, tables, as_of)
    days = (*chosen.train, *chosen.tune, *chosen.evaluation)
    with progress_bar("features") as on_bucket:
        build_snapshots(settings, home, tables, days, on_bucket)
        build_outcomes(settings, home, tables, days, as_of, on_bucket)
    return chosen, load_matrix(home, days, load_peers(settings, home, chosen.train))


def _kept(home: Home, name: str, as_of: date, found: pd.DataFrame) -> pd.DataFrame:
    """Written for the report of models trained on ``as_of``."""
    rows = found.reset_index().to_dict("records")
    write_json(home.root / f"{name}.json", {"as_of": str(as_of), "rows": rows})
    return found


def _quietly(done: int, total: int) -> None:
    """A notebook wants no bar."""
