import hashlib
import os
import shutil
import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from configs.errors import DataError
from models.bundle import write
from pipeline.training import registry
from pipeline.training.registry import (
    champion,
    lock_digest,
    promote,
    record,
    runs_page,
    svg_charts,
    track_ablation,
)
from tests.bundles import tiny_bundle
from tests.folders import bytes_below

KEY = bytes(range(1, 64, 2))
SETTINGS = {"bank": "demo", "label": {"min_drop": 0.5}, "features": {"windows": [4, 13]}, "tiers": []}
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
BUNDLE = tiny_bundle(METRICS, SETTINGS)


@pytest.fixture
def data(empty_registry, tmp_path):
    shutil.copy(empty_registry, tmp_path / "mlflow.db")
    return tmp_path


def folder(data: Path, auroc: float = 0.75, bank: str = "demo") -> Path:
    return write(replace(BUNDLE, metrics=METRICS | {"judge": {"auroc": auroc}}), data / bank / "models", KEY)


def rows(data: Path, select: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(data / "mlflow.db")
    try:
        return connection.execute(select).fetchall()
    finally:
        connection.close()


def test_a_recorded_model_becomes_champion_when_promoted(data):
    first = folder(data)
    assert record(data, "demo", first, KEY, {"fingerprint": "abc"}) == "1"
    assert champion(data, "demo") is None
    promote(data, "demo", first.name)
    assert champion(data, "demo") == first.name


def test_looking_needs_neither_mlflow_nor_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_client", None)
    assert (champion(tmp_path, "demo"), registry.recorded(tmp_path, "demo")) == (None, set())
    (tmp_path / "mlflow.db").touch()  # as somebody killed left it
    assert (champion(tmp_path, "demo"), registry.recorded(tmp_path, "demo")) == (None, set())


def test_the_same_model_has_one_version_and_one_run(data):
    versions = {record(data, "demo", folder(data), KEY, {}) for _ in range(3)}
    assert versions == {"1"}
    assert rows(data, "select count(*) from runs") == [(1,)]
    assert record(data, "demo", folder(data, auroc=0.8), KEY, {}) == "2"


def test_banks_do_not_meet(data: Path) -> None:
    ours, theirs = folder(data), folder(data, bank="berka")
    for bank, one in (("demo", ours), ("berka", theirs)):
        record(data, bank, one, KEY, {})
        promote(data, bank, one.name)
    assert (champion(data, "demo"), champion(data, "berka")) == (ours.name, theirs.name)


def test_the_page_of_the_runs_is_the_banks_own(data: Path) -> None:
    with pytest.raises(DataError, match=r"bank 'demo' has no training run yet\. .* make train BANK=demo"):
        runs_page(data, "demo")
    for bank in ("wallet", "demo"):
        record(data, bank, folder(data, bank=bank), KEY, {})
    ids = dict(rows(data, "select name, experiment_id from experiments"))
    page = "#/experiments/{}/runs?workflowType=machine_learning"
    assert runs_page(data, "demo") == page.format(ids["attrition-demo"])
    assert runs_page(data, "wallet") == page.format(ids["attrition-wallet"])


def test_the_run_holds_parameters_metrics_tags_and_files(data):
    first = folder(data)
    record(data, "demo", first, KEY, {"fingerprint": "abc"})
    params = {"label.min_drop": "0.5", "features.windows": "[4, 13]"}
    assert dict(rows(data, "select key, value from params")) == params
    latest = dict(rows(data, "select key, value from latest_metrics"))
    assert latest["judge.auroc"] == 0.75
    assert latest["rounds"] == 2
    assert ("fingerprint", "abc") in rows(data, "select key, value from tags")
    assert ("bundle", f"demo/models/{first.name}") in rows(data, "select key, value from model_version_tags")
    kept = {path.name: path.read_bytes() for path in (data / "mlflow").rglob("bundle/*")}
    assert kept == {path.name: path.read_bytes() for path in first.iterdir()}


def test_the_newest_page_of_a_model_lies_beside_its_run(data):
    recorded = folder(data)
    record(data, "demo", recorded, KEY, {})
    for page in ("<p>first", "<p>second"):
        registry.keep_report(data, "demo", recorded.name, page)
    registry.keep_report(data, "demo", "unrecorded", "<p>other")
    assert [path.read_text("utf-8") for path in data.rglob("report.html")] == ["<p>second"]


def test_a_changed_or_misplaced_bundle_is_not_recorded(data, tmp_path_factory):
    first = folder(data)
    (first / "metrics.json").write_text("{}")
    with pytest.raises(DataError, match=r"metrics.json is changed"):
        record(data, "demo", first, KEY, {})
    with pytest.raises(DataError, match="does not lie below"):
        record(data, "demo", folder(tmp_path_factory.mktemp("elsewhere")), KEY, {})
    assert rows(data, "select count(*) from runs") == [(0,)]


def test_it_is_silent_and_refuses_pickles(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, "demo", folder(tmp_path), KEY, {})
    assert capfd.readouterr() == ("", "")
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def steps(client: object, run_id: str, name: str) -> list[tuple[int, float]]:
    return [(one.step, one.value) for one in client.get_metric_history(run_id, name)]


def test_a_run_shows_how_its_model_learnt_and_did(data: Path) -> None:
    record(data, "demo", folder(data), KEY, {"data": "abc"})
    ((run_id,),) = rows(data, "select run_uuid from runs")
    client = registry._client(data)
    assert steps(client, run_id, "tune.log_loss") == [(0, 0.5), (1, 0.4), (2, 0.45)]
    assert steps(client, run_id, "evaluated.log_loss") == [(0, 0.1), (1, 0.3)]
    assert steps(client, run_id, "evaluated.auroc") == [(1, 0.75)]  # nobody left on the first Monday
    assert client.get_run(run_id).data.tags["data"] == "abc"
    tags = client.get_run(run_id).data.tags
    assert tags["requirements_lock"] == hashlib.sha256(registry.LOCK.read_bytes()).hexdigest()
    charts = {path.name: path.read_text("utf-8") for path in (data / "mlflow").rglob("*.svg")}
    assert set(charts) == {"learning.svg", "mondays.svg", "calibration.svg"}
    assert all(text.startswith("<svg") for text in charts.values())
    # Training the same model again adds nothing.
    record(data, "demo", folder(data), KEY, {"data": "abc"})
    assert len(steps(client, run_id, "tune.log_loss")) == 3


def test_charts_follow_the_metrics() -> None:
    other = replace(BUNDLE, metrics={**METRICS, "losses": [0.5, 0.1]})
    assert svg_charts(other)["learning"] != svg_charts(BUNDLE)["learning"]
    assert svg_charts(other)["calibration"] == svg_charts(BUNDLE)["calibration"]


def test_an_ablation_is_a_run_of_its_own(tmp_path):
    table = pd.DataFrame({"auroc": [0.8, 0.7]}, index=["none", "flows"])
    run_id = track_ablation(tmp_path, "demo", date(2026, 11, 16), table)
    (kept,) = (tmp_path / "mlflow").rglob("ablation.csv")
    assert kept.read_text("utf-8") == ",auroc\nnone,0.8\nflows,0.7\n"
    assert run_id in str(kept)


def test_without_the_lock_it_is_said_so(monkeypatch, tmp_path):
    monkeypatch.setattr("pipeline.training.registry.LOCK", tmp_path / "requirements.lock")
    assert lock_digest() == "absent"


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "copied"])
def test_a_copied_folder_writes_into_itself_and_names_nothing_of_the_first(data, tmp_path_factory, moved):
    first = folder(data)
    record(data, "demo", first, KEY, {})
    before = bytes_below(data)
    copy = tmp_path_factory.mktemp("copies") / "a b 100%"
    (shutil.move if moved else shutil.copytree)(data, copy)
    second = folder(copy, auroc=0.8)
    record(copy, "demo", second, KEY, {})
    record(copy, "demo", second, KEY, {})
    assert {path.parent.name for path in (copy / "mlflow").rglob("manifest.json")} == {"bundle"}
    assert len(list((copy / "mlflow").rglob("manifest.json"))) == 2
    assert bytes_below(data) == ({} if moved else before)
    for table, column in registry._ADDRESSES:
        addresses = [address for (address,) in rows(copy, f"select {column} from {table}")]
        assert addresses
        assert all(address.startswith((copy / "mlflow").as_uri()) for address in addresses)
