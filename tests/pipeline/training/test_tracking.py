import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from configs.errors import DataError
from models.boosting import Trees
from models.bundle import Bundle, write
from models.calibrate import Calibrator
from models.hazard import Model
from models.severity import Severity
from pipeline.training.registry import record, run_of
from pipeline.training.tracking import LOCK, drawn, lock_digest, track, track_ablation

METRICS = {
    "rounds": 2,
    "losses": [0.5, 0.4, 0.45],
    "mondays": [
        {"snapshot_date": "2024-03-04", "rows": 9, "attrited": 0, "log_loss": 0.1},
        {"snapshot_date": "2024-03-11", "rows": 9, "attrited": 2, "log_loss": 0.3, "auroc": 0.75,
         "average_precision": 0.5, "recall_at_10": 0.25},
    ],
    "calibration": [{"promised": 0.1, "came": 0.0, "rows": 9}, {"promised": 0.3, "came": 0.2, "rows": 9}],
}  # fmt: skip
KEY = b"k" * 32
BUNDLE = Bundle(
    Model(Trees("tree\n", ("inflow",), (None,)), (30, 60, 90), 0.0),
    Calibrator((1.0,) * 3, (0.0,) * 3),
    Severity(None, 0.8, 1.0),
    METRICS,
    {"bank": "demo"},
    (None,),
)


def steps(client: object, run_id: str, name: str) -> list[tuple[int, float]]:
    return [(one.step, one.value) for one in client.get_metric_history(run_id, name)]  # type: ignore[attr-defined]


def test_a_run_shows_how_its_model_learnt_and_did(tmp_path: Path) -> None:
    record(tmp_path, "demo", write(BUNDLE, tmp_path / "demo" / "models", KEY), KEY, {"data": "abc"})
    run_id = track(tmp_path, "demo", BUNDLE)
    client, found = run_of(tmp_path, "demo", BUNDLE.model_id)
    assert found == run_id
    assert steps(client, run_id, "tune.log_loss") == [(0, 0.5), (1, 0.4), (2, 0.45)]
    assert steps(client, run_id, "judged.log_loss") == [(0, 0.1), (1, 0.3)]
    assert steps(client, run_id, "judged.auroc") == [(1, 0.75)]  # nobody left on the first Monday
    assert client.get_run(run_id).data.tags["data"] == "abc"
    assert (
        client.get_run(run_id).data.tags["requirements_lock"] == hashlib.sha256(LOCK.read_bytes()).hexdigest()
    )
    charts = {path.name: path.read_text("utf-8") for path in (tmp_path / "mlflow").rglob("*.svg")}
    assert set(charts) == {"learning.svg", "mondays.svg", "calibration.svg"}
    assert all(text.startswith("<svg") for text in charts.values())
    # Training the same model again adds nothing.
    assert track(tmp_path, "demo", BUNDLE) == run_id
    assert len(steps(client, run_id, "tune.log_loss")) == 3


def test_a_model_that_was_not_recorded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not in the registry"):
        track(tmp_path, "demo", BUNDLE)


def test_charts_follow_the_metrics() -> None:
    other = replace(BUNDLE, metrics={**METRICS, "losses": [0.5, 0.1]})
    assert drawn(other)["learning"] != drawn(BUNDLE)["learning"]
    assert drawn(other)["calibration"] == drawn(BUNDLE)["calibration"]


def test_an_ablation_is_a_run_of_its_own(tmp_path: Path) -> None:
    table = pd.DataFrame({"auroc": [0.8, 0.7]}, index=["none", "flows"])
    run_id = track_ablation(tmp_path, "demo", date(2026, 11, 16), table)
    (kept,) = (tmp_path / "mlflow").rglob("ablation.csv")
    assert kept.read_text("utf-8") == ",auroc\nnone,0.8\nflows,0.7\n"
    assert run_id in str(kept)


def test_without_the_lock_it_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pipeline.training.tracking.LOCK", tmp_path / "requirements.lock")
    assert lock_digest() == "absent"
