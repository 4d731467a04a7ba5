"""Train: split by time, fit, calibrate, judge out of time beside two simple rules, register."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.dates import mondays
from configs.settings import Settings
from features.build import first_monday
from models.bundle import Bundle, settings_of, write
from models.calibrate import fit_calibrator, fit_severity
from models.evaluate import compare, evaluate
from models.fit import Fitted, fit
from models.matrix import Matrix
from models.splits import Split, split
from pipeline.artefacts import Home
from pipeline.snapshots import read_partition
from pipeline.tables import Ingested

# What a bank can do without a model: rank by the money already gone, or by silence. Higher = riskier.
RULES = {"largest_drop": ("aum_change_13w", -1), "longest_silence": ("days_since_booking", +1)}


def plan(settings: Settings, tables: Ingested, as_of: date) -> Split:
    """Which Mondays train, tune and judge on ``as_of``; nothing known on or after it is used."""
    start = first_monday(tables.first_day)
    candidates = mondays(start, as_of)[settings.training.first_after_weeks :]
    return split(candidates, settings.label, settings.training, as_of)


def train(
    settings: Settings, home: Home, chosen: Split, as_of: date, progress: Callable[[int, float], None]
) -> tuple[Bundle, Matrix, NDArray[np.float64]]:
    """Fit on ``train``, stop and calibrate on ``tune``, judge on ``judge``; the bundle is written.

    Returns the bundle, the judged rows and their calibrated risk. Nothing known from ``as_of`` on is used.
    """
    rows = load_matrix(home, (*chosen.train, *chosen.tune, *chosen.judge))
    fitted = fit(rows.on(chosen.train), rows.on(chosen.tune), settings.training, progress)
    tuned, judged = rows.on(chosen.tune), rows.on(chosen.judge)
    calibrator = fit_calibrator(fitted.model.raw(tuned.features), tuned.attrited)
    risk = calibrator.apply(fitted.model.raw(judged.features))
    bundle = Bundle(
        fitted.model,
        calibrator,
        fit_severity(rows.on(chosen.train)),
        judge(judged, risk) | _noted(fitted, chosen, as_of),
        settings_of(settings),
    )
    write(bundle, home.models)
    return bundle, judged, risk


def judge(judged: Matrix, risk: NDArray[np.float64]) -> dict[str, Any]:
    """The metrics of the model out of time, and those of each rule on the same rows."""
    rules = {name: sign * column(judged, feature) for name, (feature, sign) in RULES.items()}
    table = compare(judged, rules)
    return {"model": evaluate(judged, risk), "rules": {name: row.to_dict() for name, row in table.iterrows()}}


def load_matrix(home: Home, snapshots: tuple[date, ...]) -> Matrix:
    """Features and outcome of every eligible customer of these Mondays; eligible without outcome is an error."""
    frame = read_partition(home, "features", snapshots)
    keys = ["customer_id", "snapshot_date"]
    labels = read_partition(home, "labels", snapshots)
    names = [name for name in frame.columns if name not in keys]
    return Matrix.from_frames(frame, labels, names)


def column(rows: Matrix, name: str) -> NDArray[np.float64]:
    """One feature of the matrix."""
    return rows.features[:, rows.columns.index(name)]


def comparison(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """One row per way to rank (the model, each rule), the columns a reader compares."""
    shown = [
        "auroc",
        "average_precision",
        "lift_at_5",
        "recall_at_5",
        "lift_at_10",
        "recall_at_10",
        "aum_caught_at_10",
    ]
    return pd.DataFrame({"model": metrics["model"], **metrics["rules"]}).T[shown]


def trained_as_of(bundle: Bundle) -> date:
    """The Monday on which a bundle was trained: it has seen outcomes known before that day."""
    return date.fromisoformat(bundle.metrics["trained_as_of"])


def judged_snapshots(bundle: Bundle) -> tuple[date, ...]:
    """The Mondays the bundle was judged on."""
    return tuple(date.fromisoformat(day) for day in bundle.metrics["snapshots"]["judge"])


def _noted(fitted: Fitted, chosen: Split, as_of: date) -> dict[str, Any]:
    """How the model came about: rounds kept, and the Mondays that trained, tuned and judged it."""
    used = {"train": chosen.train, "tune": chosen.tune, "judge": chosen.judge}
    return {
        "rounds": fitted.rounds,
        "trained_as_of": str(as_of),
        "snapshots": {name: [str(day) for day in days] for name, days in used.items()},
    }
