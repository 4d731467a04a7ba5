"""Predicted and observed leavers of published Mondays: one file per Monday and horizon, once the outcome
window of that horizon has closed.

Who is gone after 30 days is counted then. A model predicts a little less: who leaves and stays away until the
longest horizon. So ``predicted`` is the sum of risks over the *standing share*: of those gone at the horizon
the share who stayed away, on the Mondays that calibrated and evaluated the model. (On the made-up bank 86 of
100 who are gone after 30 days stay away.) It was known when the model predicted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from configs.dates import WEEK, Timeline
from configs.errors import DataError
from configs.published import Run
from configs.response import Cell
from configs.settings import Label, Settings
from models.bundle import Bundle, load, settings_of
from pipeline.alarms.alarms import split_message
from pipeline.artefacts import Home, read_json, write_json
from pipeline.context import Context
from pipeline.gates.sources import data_through
from pipeline.ingest.renumbered import Numbers, newest_numbers
from pipeline.progress import log
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_eligible, read_partition
from pipeline.snapshots.labelled import at_horizon, with_outcome
from pipeline.tables import Ingested
from serve.store.predictions import PREDICTION, listed_between, predictions
from serve.store.store import Store

Progress = Callable[[int, int], None]
Counted = Mapping[Path, Mapping[str, Any]]  # the content of each file that is to be kept, by its path
EVERYBODY = ("all", "")  # kind and name of the group of all scored customers
SETTLES_WITHIN = timedelta(weeks=4)  # after a window has closed; later corrections count by `make outcomes`
COUNTS = ("customers", "predicted", "observed", "unlisted_predicted", "unlisted_at_most")
CELL = ("reason_group", "risk_band", "lifecycle_stage")
KINDS = {"branch": "branch_id", "tier": "tier", "band": "risk_band"}  # of the other groups, by column


class CellCounts(NamedTuple):
    """Those of one Monday and cell (configs/response.py) without a call: the sum of their risks, and leavers.

    A later call may have kept some of them, so ``observed`` is a little less than it would have been.
    """

    cell: Cell
    expected: float
    observed: int


@dataclass(frozen=True)
class Matured:
    """One published Monday at one horizon. ``groups``: per kind and name the counts of its customers.

    ``customers``, ``predicted`` and ``observed`` are of all of them; ``unlisted_predicted`` and
    ``unlisted_at_most`` of those without a call. ``unlisted_at_most`` takes those who were listed later with
    the risk they had then: no fewer would have left without that call. ``cells`` is empty where an earlier
    version counted.
    """

    snapshot_date: date
    days: int
    trained_as_of: date
    groups: dict[tuple[str, str], dict[str, float]]
    cells: tuple[CellCounts, ...] = ()


def count_matured(context: Context, tables: Ingested, as_of: date, progress: Progress) -> Counted:
    """Of each Monday and horizon matured before ``as_of`` the file to keep, if none stands; writes none."""
    runs, known = _newest_runs(context.home), data_through(tables, as_of)
    counted: dict[Path, dict[str, Any]] = {}
    for days in context.settings.label.horizons:
        settings = at_horizon(context.settings, days)
        matured = {*with_outcome(settings, tables, [run.snapshot_date for run in runs], known)}
        runs_matured = [run for run in runs if run.snapshot_date in matured]
        due = [run for run in runs_matured if _due(context, tables, run, days, known)]
        counted |= _count(context, tables, due, days, known, progress)
    return counted


def keep_matured(counted: Counted) -> None:
    """Write what was counted, each file whole."""
    for path, content in counted.items():
        write_json(path, content)


def keep_again(context: Context, tables: Ingested, monday: date, progress: Progress) -> list[int]:
    """The horizons in days of one published Monday that have matured, each counted anew by what the tables
    know today."""
    end = tables.last_day + timedelta(days=1)
    runs = [run for run in _newest_runs(context.home) if run.snapshot_date == monday]
    matured = [
        days
        for days in context.settings.label.horizons
        if with_outcome(at_horizon(context.settings, days), tables, [monday], end)
    ]
    for days in matured:
        keep_matured(_count(context, tables, runs, days, end, progress))
    return matured if runs else []


def read_matured(
    home: Home, label: Label, as_of: date, counted: Counted = MappingProxyType({})
) -> list[Matured]:
    """All files of the label's horizons, and what was ``counted`` but is not kept yet, whose outcome window
    had closed before ``as_of``; the oldest Monday first."""
    kept = (path for days in label.horizons for path in (home.root / "matured").glob(f"*_{days}d.json"))
    contents = {path: read_json(path) for path in kept if path not in counted} | dict(counted)
    matured = [_matured(content) for content in contents.values()]
    return sorted(
        (each for each in matured if Timeline(each.snapshot_date, label.lead_days, each.days).matured(as_of)),
        key=lambda each: (each.snapshot_date, each.days),
    )


def _matured(content: Mapping[str, Any]) -> Matured:
    return Matured(
        date.fromisoformat(content["snapshot_date"]),
        content["days"],
        date.fromisoformat(content["trained_as_of"]),
        {
            (group["kind"], group["name"]): {name: group[name] for name in COUNTS}
            for group in content["groups"]
        },
        tuple(CellCounts(tuple(cell), *counts) for cell, *counts in content.get("cells", ())),
    )


def _newest_runs(home: Home) -> list[Run]:
    """The newest run of each published Monday, the oldest Monday first; none before the first publication."""
    try:
        with Store(home.store) as store, store.at_run() as read_session:
            runs = read_session.runs()
    except DataError as reason:
        missing, _ = split_message(str(reason))  # the remedy is the run that this is a part of
        log.info("no outcome to compare yet: %s", missing)
        return []
    newest: dict[date, Run] = {}
    for run in runs:
        newest.setdefault(run.snapshot_date, run)
    return sorted(newest.values(), key=lambda run: run.snapshot_date)


def _timeline(context: Context, monday: date, days: int) -> Timeline:
    return Timeline(monday, context.settings.label.lead_days, days)


def _due(context: Context, tables: Ingested, run: Run, days: int, known: date) -> bool:
    """True where nothing is counted yet, or by another run; for some weeks also by other tables than today's.

    The run has matured. So rows that came late or were corrected count, and a delivery that was refused
    leaves nothing behind.
    """
    timeline = _timeline(context, run.snapshot_date, days)
    path = _path(context.home, run.snapshot_date, days)
    counted = read_json(path) if path.is_file() else {"run_id": None}
    settled = known >= timeline.outcome_end + SETTLES_WITHIN
    return bool(counted["run_id"] != run.run_id or not (settled or counted["tables"] == tables.fingerprint))


def _path(home: Home, monday: date, days: int) -> Path:
    return home.root / "matured" / f"{monday}_{days}d.json"


def _count(
    context: Context, tables: Ingested, runs: list[Run], days: int, known: date, progress: Progress
) -> dict[Path, dict[str, Any]]:
    """Count these runs at one horizon; one whose bundle is lost, or predicts another label, is left out."""
    models = dict(_models(context, {run.model_id for run in runs}))
    runs = [run for run in runs if run.model_id in models]
    outcomes = _outcomes(context, tables, [run.snapshot_date for run in runs], days, known, progress)
    standing = {
        name: _standing_share(context, tables, model, days, progress) for name, model in models.items()
    }
    counted = {}
    for run in runs:
        standing_of_run, gone = standing[run.model_id], outcomes[run.snapshot_date]
        customers = _customers(context, run, days, standing_of_run, gone, newest_numbers(tables))
        counted[_path(context.home, run.snapshot_date, days)] = {
            "run_id": run.run_id,
            "tables": tables.fingerprint,
            "model_id": run.model_id,
            "snapshot_date": str(run.snapshot_date),
            "days": days,
            "trained_as_of": str(models[run.model_id].trained_as_of),
            "standing_share": standing[run.model_id],
            "groups": list(_groups(context.settings, customers)),
            "cells": _cells(customers),
        }
    return counted


def _models(context: Context, model_ids: set[str]) -> Iterator[tuple[str, Bundle]]:
    for model_id in sorted(model_ids):
        try:
            model = load(context.home.models / model_id, context.bundle_key)
        except DataError as reason:
            log.warning("runs of model %s are not compared with outcomes: %s", model_id, reason)
            continue
        if model.settings["label"] == settings_of(context.settings)["label"]:
            yield model_id, model
        else:
            log.info("runs of model %s are not compared with outcomes: it predicts another label", model_id)


def _outcomes(
    context: Context, tables: Ingested, mondays: list[date], days: int, known: date, progress: Progress
) -> dict[date, "pd.Series[Any]"]:
    """By Monday whether each customer was gone at the end of the window of so many days, by customer_id."""
    settings = at_horizon(context.settings, days)
    kind = "labels" if days == context.settings.label.horizon_days else f"labels_{days}d"
    build_outcomes(settings, context.home, tables, mondays, known, progress, kind)
    return {
        monday: read_partition(context.home, kind, [monday]).set_index("customer_id")["attrited"]
        for monday in mondays
    }


def _standing_share(
    context: Context, tables: Ingested, model: Bundle, days: int, progress: Progress
) -> float:
    """The share of the customers gone at a horizon who stay away until the longest one, on the Mondays that
    calibrated and evaluated the model; one customer is added to both, so that it is never 0."""
    longest = context.settings.label.horizon_days
    if days == longest:
        return 1.0
    for path in sorted((context.home.root / "matured").glob(f"*_{days}d.json")):
        content = read_json(path)
        if content["model_id"] == model.model_id:
            return float(content["standing_share"])
    mondays, known = [*model.snapshots.tune, *model.snapshots.evaluation], model.trained_as_of
    build_snapshots(context.settings, context.home, tables, mondays, progress)
    gone = _outcomes(context, tables, mondays, days, known, progress)
    build_outcomes(context.settings, context.home, tables, mondays, known, progress)
    at_horizon = stayed_away = 1
    for monday in mondays:
        eligible = read_eligible(context.home, [monday])["customer_id"]
        labels = read_partition(context.home, "labels", [monday]).set_index("customer_id")
        gone_by = labels["time_to_attrition"].reindex(eligible) <= days
        at_horizon += int(gone[monday].reindex(eligible).sum())
        stayed_away += int(gone_by.sum())
    return round(min(stayed_away / at_horizon, 1.0), 6)


def _customers(
    context: Context, run: Run, days: int, standing: float, gone: "pd.Series[Any]", numbers: Numbers
) -> pd.DataFrame:
    """One row per scored customer with a known outcome: its groups and what it adds to each count."""
    window_end = _timeline(context, run.snapshot_date, days).outcome_end
    leaves_before = window_end - timedelta(days=context.settings.label.settle_days)
    with Store(context.home.store) as store, store.at_run(run.run_id) as read_session:
        rows = predictions(read_session.connection, read_session.run_version, days)
        listed = listed_between(read_session.connection, run.snapshot_date, leaves_before, days)
    customers = pd.DataFrame.from_records([*map(tuple, rows)], columns=[*PREDICTION], index="customer_id")
    customers["customers"] = 1
    customers["predicted"] = customers["risk"].astype(float) / standing
    newest = customers.index.map(numbers.of)
    customers["observed"] = gone.reindex(newest).to_numpy()
    listed = {numbers.of(name): risk for name, risk in reversed(listed.items())}
    listed_risk = (pd.Series(listed, dtype=float) / standing).reindex(newest)
    at_most = pd.Series(listed_risk.to_numpy(), customers.index)
    unlisted = customers["unlisted"].astype(bool)
    customers["unlisted_predicted"] = customers["predicted"].where(unlisted, 0.0)
    customers["unlisted_at_most"] = at_most.fillna(customers["observed"]).where(unlisted, 0.0)
    return customers.dropna(subset=["predicted", "observed"])


def _groups(settings: Settings, customers: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The counts of everybody, then of each branch, tier and band, sorted.

    A bank may have no branches, and has no tiers where it counts customers.
    """
    kinds = {EVERYBODY[0]: np.full(len(customers), EVERYBODY[1], object)}
    kinds |= {
        kind: customers[column].fillna("").to_numpy()
        for kind, column in KINDS.items()
        if kind != "tier" or settings.counts == "money"
    }
    for kind, names in kinds.items():
        if kind in KINDS and not any(names):
            continue
        for name, counts in customers[[*COUNTS]].groupby(names).sum().iterrows():
            total = {column: round(float(counts[column]), 6) for column in COUNTS}
            yield {"kind": kind, "name": name, **total}


def _cells(customers: pd.DataFrame) -> list[tuple[Cell, float, int]]:
    """The ``CellCounts`` of each cell, sorted."""
    unlisted = customers[customers["unlisted"].astype(bool)]
    sums = unlisted.groupby([*CELL])[["risk", "observed"]].sum()
    return [(cell, round(float(risk), 6), int(left)) for cell, risk, left in sums.itertuples()]


def week_of(monday: date) -> int:
    """The number of a Monday's week, by which windows are told apart."""
    return monday.toordinal() // WEEK.days
