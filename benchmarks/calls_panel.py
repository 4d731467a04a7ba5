"""Panels of quiet lives: per customer and Monday what the product says, beside the truth; Parquet by seed.

Everything is made by the product's own pipeline from raw extracts. One model scores all banks; it is trained
on banks of their own (TRAINERS), on the weeks before any list, and so is the regression that says what the
best policy could see: of the true effect of a call × money, on all features and scores that the product has.

A panel, and the trained models, stand as long as the sources that make them and their options do, so that an
interrupted run goes on where it ended.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.calls_lives import MONDAYS, columns, live
from configs.bank_folder import load_settings
from configs.published import Score
from configs.settings import Settings
from models.bundle import Bundle, load, write
from pipeline.artefacts import Home, fingerprint
from pipeline.demo_bank import parameters as p
from pipeline.ingest.ingest import ingest
from pipeline.scoring.reasons import Models
from pipeline.scoring.score import score
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_eligible, read_partition
from pipeline.tables import Ingested
from pipeline.training.train import fit_mondays, plan

TRAINERS = tuple(range(9_000, 9_012))  # 30,000 customers: what a bank has that can learn from its own leavers
EVERY = 3  # of the Mondays that the regression learns from
KEY = b"signs the model that the processes of a benchmark share"
SEEN = ("today", "harm")  # sets of effects of which the regression learns
MADE_BY = ("features", "pipeline/demo_bank", "pipeline/scoring", "pipeline/snapshots", "pipeline/training")
SHAPING = {"label", "cohort", "features", "response", "training", "tiers"}  # settings that scores rest on
REGRESSION: dict[str, Any] = {
    "objective": "regression", "num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 100,
    "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 10.0, "verbose": -1,
    "deterministic": True, "force_row_wise": True, "num_threads": 1, "seed": 18,
}  # fmt: skip
ROUNDS = 300


@dataclass(frozen=True)
class Work:
    """The folder of a benchmark, and the number of customers of each of its banks."""

    root: Path
    customers: int
    began: float

    @property
    def settings(self) -> Settings:
        """A row that the made-up bank spoils stands in each bank; a manager reads one reason."""
        changes = {"lists": {"reasons": 1}, "engine": {"workers": 1}, "quarantine_limit": 0.5}
        return load_settings("demo", changes | {"training": {"threads": 1}})

    @cached_property
    def made_by(self) -> str:
        """A digest of all that shapes a panel."""
        here = Path(__file__).parent
        sources = [path for name in MADE_BY for path in sorted((here.parent / name).rglob("*.py"))]
        own = [here / "calls_lives.py", here / "calls_panel.py", here / "worlds.py"]
        return fingerprint(
            str(self.customers),
            self.settings.model_dump_json(include=SHAPING),
            *(path.read_text("utf-8") for path in (*own, *sources)),
        )[:12]

    @property
    def models(self) -> Path:
        return self.root / f"models-{self.made_by}"

    def panel(self, seed: int) -> Path:
        return self.root / f"panel-{self.made_by}" / f"{seed}.parquet"

    def home(self, name: str) -> Home:
        return Home(self.root / name)

    def say(self, what: str) -> None:
        print(f"{time.perf_counter() - self.began:7.0f} s  {what}", file=sys.stderr, flush=True)


def train(work: Work) -> None:
    """The model that scores all banks, and the regressions on what it sees; nothing where they stand."""
    if (work.models / "done").is_file():
        return
    shutil.rmtree(work.models, ignore_errors=True)
    settings, home = work.settings, work.home("trainers")
    shutil.rmtree(home.root, ignore_errors=True)
    truth = live(TRAINERS, work.customers, home.root / "raw")
    work.say(f"{len(TRAINERS)} banks to train on")
    tables = ingest(settings, home.root / "raw", home, lambda _: None)
    chosen = plan(settings, tables, MONDAYS[0])
    build_snapshots(settings, home, tables, chosen.mondays, lambda *_: None)
    build_outcomes(settings, home, tables, chosen.mondays, MONDAYS[0], lambda *_: None)
    bundle, *_ = fit_mondays(settings, home, chosen, MONDAYS[0], lambda *_: None)
    write(bundle, work.models / "bundle", KEY)
    work.say(f"a model, AUROC {bundle.metrics['model']['auroc']:.3f} out of time")
    days = MONDAYS[::EVERY]
    build_snapshots(settings, home, tables, days, lambda *_: None)
    frames = [of_monday(settings, home, tables, bundle, day) for day in days]
    rows = joined(pd.concat([rows for rows, _ in frames], ignore_index=True), truth)
    seen = np.concatenate([seen for _, seen in frames])[rows["row"].to_numpy()]
    for effects in SEEN:
        text = fit_seen(seen, rows, effects).model_to_string()
        (work.models / f"{effects}.txt").write_text(text, "utf-8")
    shutil.rmtree(home.root)
    (work.models / "done").touch()
    work.say(f"what can be seen of a call, from {len(rows):,} rows")


def effect(rows: pd.DataFrame, effects: str) -> NDArray[np.float64]:
    """What one more call takes off the probability of leaving, where none worked before."""
    kind = "harm_late" if effects == "harm" else "late"
    first, last = columns(kind)[0], columns(kind)[-1]
    return p.ANSWER_CHANCE * (rows[first] - rows[last]).to_numpy(np.float64)


def fit_seen(seen: NDArray[np.float32], rows: pd.DataFrame, effects: str) -> lgb.Booster:
    """The regression of a call's effect on what the product sees; money counts as it is at stake."""
    weight = rows["money"].to_numpy(np.float64)
    data = lgb.Dataset(seen, 100 * effect(rows, effects), weight=weight / weight.mean())
    return lgb.train(REGRESSION, data, ROUNDS)


def make_panels(work: Work, seeds: Sequence[int]) -> None:
    """The panels of these seeds, of those at once that do not stand yet."""
    due = [seed for seed in seeds if not work.panel(seed).is_file()]
    if not due:
        return
    settings, home = work.settings, work.home(f"bank-{due[0]}")
    shutil.rmtree(home.root, ignore_errors=True)
    bundle = load(next((work.models / "bundle").iterdir()), KEY)
    truth = live(due, work.customers, home.root / "raw")
    tables = ingest(settings, home.root / "raw", home, lambda _: None)
    work.say(f"{due}: tables")
    build_snapshots(settings, home, tables, MONDAYS, lambda *_: None)
    work.say(f"{due}: features")
    regressions = {name: lgb.Booster(model_file=work.models / f"{name}.txt") for name in SEEN}
    parts = []
    for day in MONDAYS:
        rows, seen = of_monday(settings, home, tables, bundle, day)
        for name, regression in regressions.items():
            rows[f"seen_{name}"] = (regression.predict(seen, num_threads=1) / 100).astype(np.float32)
        parts.append(rows)
    rows = joined(pd.concat(parts, ignore_index=True), truth).drop(columns="row")
    for seed in due:
        write_panel(rows[rows["customer_id"].str.startswith(f"{seed}n")], work.panel(seed))
    shutil.rmtree(home.root)
    work.say(f"{due}: panels of {len(rows):,} rows")


def of_monday(
    settings: Settings, home: Home, tables: Ingested, bundle: Bundle, day: date
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """One row per score of a Monday; and what the product sees: all columns of its model, risks and money."""
    scores = score(settings, home, tables, Models(bundle), day).scores
    frame = read_partition(home, "features", [day])
    frame = bundle.learnt.extended(frame, read_eligible(home, [day]))[list(bundle.model.columns)]
    rows = pd.DataFrame([row_of(one, day) for one in scores])
    rows["row"] = 0
    own = rows[["risk_30d", "risk_60d", "risk_90d", "money_at_risk_minor"]]
    return rows, np.hstack([frame.to_numpy(np.float32), own.to_numpy(np.float32)])


def row_of(one: Score, day: date) -> dict[str, Any]:
    """A score as a panel holds it."""
    return {
        "customer_id": one.customer_id,
        "snapshot_date": np.datetime64(day, "D"),
        "branch_id": one.branch_id,
        "manager_id": one.manager_id,
        "tier": one.tier,
        "lifecycle_stage": one.lifecycle_stage,
        "segment": one.segment,
        "marketing_opt_out": one.marketing_opt_out,
        "aum_minor": one.aum_minor,
        "money_at_risk_minor": one.money_at_risk_minor,
        "risk_band": one.risk_band,
        "reason_group": one.reasons[0].group if one.reasons else "",
        "risk_30d": one.risk_30d,
        "risk_60d": one.risk_60d,
        "risk_90d": one.risk_90d,
        "movable": one.movable,  # a score that is told another risk has another (configs.response)
    }


def joined(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Scores beside their truth; ``row`` counts the scores.

    A late row can bring somebody into the cohort whom the bank itself knows outside of it; they are left out.
    """
    rows["row"] = np.arange(len(rows))
    return rows.merge(truth, on=["customer_id", "snapshot_date"], how="inner", validate="one_to_one")


def write_panel(rows: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), draft, compression="zstd")
    draft.replace(path)
