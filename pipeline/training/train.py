"""Train: split by time, fit, calibrate, judge out of time beside two simple rules, register."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.dates import mondays
from configs.errors import DataError
from configs.settings import Settings
from features.build import catalogue, first_monday
from features.catalogue.entries import Entry
from features.catalogue.peers import peer_entries
from models.bundle import Bundle, settings_of, write
from models.calibrate import fit_calibrator
from models.curves import by_monday, calibration
from models.hazard import Fitted, fit
from models.leakage import refuse_leaks
from models.matrix import KEY, Matrix, check_finite, joined
from models.metrics import compare, evaluate, money
from models.peers import Peers, fit_peers
from models.reference_rows import golden
from models.severity import fit_severity, money_at_risk
from models.smoke_test import try_out
from models.splits import Split, split
from pipeline.artefacts import Home
from pipeline.context import Context
from pipeline.snapshots.build import READERS, feature_names, read_eligible, read_features, read_partition
from pipeline.tables import Ingested
from pipeline.training.monotone import monotone_signs
from pipeline.training.on_disk_matrix import Spool

# What a bank can do without a model: rank by the money already gone, or by silence. Higher = riskier.
RULES = {"largest_drop": ("aum_change_13w", -1), "longest_silence": ("days_since_booking", +1)}
AUM_NOW = "aum_last"


@dataclass(frozen=True)
class Predicted:
    """What a bundle says of rows whose outcome is known: risks (rows × horizons) and money at risk."""

    risks: NDArray[np.float64]
    money: NDArray[np.float64]


def plan(settings: Settings, tables: Ingested, as_of: date) -> Split:
    """Which Mondays train, tune and judge on ``as_of``; nothing known on or after it is used."""
    start = first_monday(tables.first_day)
    candidates = mondays(start, as_of)[settings.training.first_after_weeks :]
    return split(candidates, settings.label, settings.training, as_of)


def train(
    bank: Context, chosen: Split, as_of: date, progress: Callable[[int, float], None]
) -> tuple[Bundle, Matrix]:
    """``fit_bundle`` on the partitions of the Mondays; the bundle is written, signed and tried in a process of its
    own. The judged rows are returned with it."""
    bundle, rows = fit_mondays(bank.settings, bank.home, chosen, as_of, progress)
    limits = bank.settings.promotion
    folder = write(bundle, bank.home.models, bank.bundle_key)
    try_out(folder, bank.bundle_key, limits.smoke_test_seconds)
    return bundle, rows.on(chosen.judge)


def fit_mondays(
    settings: Settings, home: Home, chosen: Split, as_of: date, progress: Callable[[int, float], None]
) -> tuple[Bundle, Matrix]:
    """The same without writing: the bundle and the rows of all its Mondays."""
    peers = load_peers(settings, home, chosen.train)
    rows = load_matrix(home, (*chosen.train, *chosen.tune, *chosen.judge), peers)
    return replace(fit_bundle(settings, rows, chosen, as_of, progress), peers=peers), rows


def fit_bundle(
    settings: Settings, rows: Matrix, chosen: Split, as_of: date, progress: Callable[[int, float], None]
) -> Bundle:
    """Fit on ``train``, stop and calibrate on ``tune``, judge on ``judge``; nothing known from ``as_of`` on is used.

    ``rows`` hold the Mondays of ``chosen`` and no others. The bundle knows no peers yet.
    """
    trained, tuned, judged = (rows.on(days) for days in (chosen.train, chosen.tune, chosen.judge))
    _check_outcomes(settings, {"train": trained, "tune": tuned, "judge": judged})
    refuse_leaks(judged, settings.training.max_single_auroc)
    fitted = fit(trained, tuned, settings.label.horizons, settings.training, progress, signs_of(settings))
    raw = fitted.model.raw(tuned.features)
    calibrator = fit_calibrator(raw, tuned.gone_within, fitted.model.horizons)
    severity = fit_severity(trained, tuned, settings.training).scaled(
        tuned, calibrator.risks(raw)[:, -1], tuned.column(AUM_NOW)
    )
    bundle = Bundle(fitted.model, calibrator, severity, {}, settings_of(settings), fitted.medians)
    predicted = predict(bundle, judged)
    risk = predicted.risks[:, -1]
    curves = {"mondays": by_monday(judged, risk), "calibration": calibration(judged, risk)}
    metrics = judge(settings, judged, predicted) | curves | _noted(fitted, chosen, as_of)
    return replace(bundle, metrics=metrics, golden=golden(bundle, judged, settings.training.seed))


def predict(bundle: Bundle, rows: Matrix) -> Predicted:
    """Risks and money at risk of rows that are already a matrix, without reasons."""
    risks = bundle.calibrator.risks(bundle.model.raw(rows.features))
    share = bundle.severity.share(rows.features)
    return Predicted(risks, money_at_risk(risks[:, -1], share, rows.aum, rows.column(AUM_NOW)))


def ranked_by(bundle: Bundle, home: Home, rows: Matrix) -> NDArray[np.float64]:
    """The risks that another bundle gives to the same customers and Mondays; its peers are its own."""
    days = tuple(day.astype(object) for day in np.unique(rows.snapshot_date))
    return predict(bundle, load_matrix(home, days, bundle.peers)).risks[:, -1]


def judge(settings: Settings, judged: Matrix, predicted: Predicted) -> dict[str, Any]:
    """The metrics of the model out of time, its money, and the metrics of each rule on the same rows."""
    table = compare(judged, rules(judged))
    tier = np.array([settings.tier_of(aum).name for aum in judged.aum])
    return {
        "model": evaluate(judged, predicted.risks, settings.label.horizons),
        "money": money(judged, predicted.money, tier),
        "rules": {name: row.to_dict() for name, row in table.iterrows()},
    }


def rules(rows: Matrix) -> dict[str, NDArray[np.float64]]:
    """The score of each rule, higher = riskier."""
    return {name: sign * rows.column(feature) for name, (feature, sign) in RULES.items()}


def load_peers(settings: Settings, home: Home, snapshots: tuple[date, ...]) -> Peers:
    """What is usual in each tier and branch on these Mondays, which are those that train."""
    columns = list(settings.training.peers)
    frame = read_partition(home, "features", snapshots, [*KEY, *columns])
    return fit_peers(frame, read_eligible(home, snapshots), columns)


def load_matrix(home: Home, snapshots: Sequence[date], peers: Peers | None = None) -> Matrix:
    """Features and outcome of every eligible customer of these Mondays; eligible without outcome is an error.

    With ``peers`` their columns stand behind the features, as a model of theirs expects. ``READERS`` Mondays are
    in memory at a time; all features together lie on disk and are read as they are needed.
    """
    mondays, peers = sorted(snapshots), peers or Peers()
    names = feature_names(home, mondays[0])
    spool, days = Spool(home.root), list[Matrix]()
    with ThreadPoolExecutor(READERS) as pool:
        for first in range(0, len(mondays), READERS):
            for one in pool.map(partial(_of_monday, home, peers, names), mondays[first : first + READERS]):
                spool.append(one.features)
                days.append(one.only([]))
    return joined(days, spool.array(), [*names, *peers.names])


def _of_monday(home: Home, peers: Peers, names: list[str], day: date) -> Matrix:
    key, values = read_features(home, day, names, len(peers.names))
    own = pd.DataFrame({name: values[:, names.index(name)] for name in peers.columns}, key.index)
    values[:, len(names) :] = peers.extended(own, read_eligible(home, [day]))[[*peers.names]]
    columns = [*names, *peers.names]
    check_finite(values, columns)
    return Matrix.labelled(key, values, columns, read_partition(home, "labels", [day]))


def columns_of(settings: Settings) -> dict[str, Entry]:
    """Every column of a model by its name, in order: the features, then the deviations from their peers."""
    features = catalogue(settings)
    return features | peer_entries(settings, features)


def signs_of(settings: Settings) -> dict[str, int]:
    """The signs of ``training.monotone`` by column, for every column that a model of this bank may have."""
    return monotone_signs(settings.training.monotone, columns_of(settings))


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


def snapshots_of(bundle: Bundle) -> Split:
    """The Mondays that trained, tuned and judged the bundle."""
    used = bundle.metrics["snapshots"]
    return Split(**{name: tuple(map(date.fromisoformat, days)) for name, days in used.items()})


def judged_snapshots(bundle: Bundle) -> tuple[date, ...]:
    """The Mondays the bundle was judged on."""
    return snapshots_of(bundle).judge


def _check_outcomes(settings: Settings, sets: Mapping[str, Matrix]) -> None:
    """Before anything is fitted: each set needs customers who left and customers who stayed."""
    for name, rows in sets.items():
        attrited = int(rows.attrited.sum())
        if attrited in (0, len(rows)):
            raise DataError(
                f"by [label] definition {settings.label.definition!r} {attrited} of {len(rows)} rows attrited "
                f"within {settings.label.horizon_days} days on the {len(np.unique(rows.snapshot_date))} Mondays "
                f"that {name}; both outcomes are needed. `make definitions BANK={settings.bank}` shows what each "
                "definition would find: choose another, widen the cohort, or deliver a longer history."
            )


def _noted(fitted: Fitted, chosen: Split, as_of: date) -> dict[str, Any]:
    """How the model came about: rounds kept, the loss after each one, and the Mondays of each set."""
    used = {"train": chosen.train, "tune": chosen.tune, "judge": chosen.judge}
    return {
        "rounds": fitted.rounds,
        "losses": [round(loss, 6) for loss in fitted.losses],
        "customer_periods": fitted.customer_periods,
        "trained_as_of": str(as_of),
        "snapshots": {name: [str(day) for day in days] for name, days in used.items()},
    }
