import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import DataError
from models.boosting import Trees
from models.bundle import Bundle, write
from models.calibrate import Calibrator
from models.hazard import Model
from models.severity import Severity
from pipeline.training.registry import champion, promote, record

KEY = bytes(range(1, 64, 2))
SETTINGS = {"bank": "demo", "label": {"min_drop": 0.5}, "features": {"windows": [4, 13]}, "tiers": []}
BUNDLE = Bundle(
    Model(Trees("tree\n", ("inflow",), (None,)), (30, 60, 90), 0.0),
    Calibrator((1.0,) * 3, (0.0,) * 3),
    Severity(None, 0.8, 1.0),
    {"judge": {"auroc": 0.75}},
    SETTINGS,
    (None,),
)


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with its tables and nothing in it: MLflow takes seconds to make one."""
    data = tmp_path_factory.mktemp("data")
    with pytest.raises(DataError, match="not in the registry"):
        promote(data, "demo", "unknown")
    return data / "mlflow.db"


@pytest.fixture
def data(empty_registry: Path, tmp_path: Path) -> Path:
    shutil.copy(empty_registry, tmp_path / "mlflow.db")
    return tmp_path


def folder(data: Path, auroc: float = 0.75, bank: str = "demo") -> Path:
    return write(replace(BUNDLE, metrics={"judge": {"auroc": auroc}}), data / bank / "models", KEY)


def rows(data: Path, select: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(data / "mlflow.db")
    try:
        return connection.execute(select).fetchall()
    finally:
        connection.close()


def test_a_recorded_model_becomes_champion_when_promoted(data: Path) -> None:
    first = folder(data)
    assert record(data, "demo", first, KEY, {"fingerprint": "abc"}) == "1"
    with pytest.raises(DataError, match="'demo' has no champion"):
        champion(data, "demo")
    promote(data, "demo", first.name)
    assert champion(data, "demo") == first


def test_the_same_model_has_one_version_and_one_run(data: Path) -> None:
    versions = {record(data, "demo", folder(data), KEY, {}) for _ in range(3)}
    assert versions == {"1"}
    assert rows(data, "select count(*) from runs") == [(1,)]
    assert record(data, "demo", folder(data, auroc=0.8), KEY, {}) == "2"


def test_roll_back_is_promoting_an_older_model(data: Path) -> None:
    old, new = folder(data), folder(data, auroc=0.8)
    for one in (old, new):
        record(data, "demo", one, KEY, {})
        promote(data, "demo", one.name)
    assert champion(data, "demo") == new
    promote(data, "demo", old.name)
    assert champion(data, "demo") == old


def test_banks_do_not_meet(data: Path) -> None:
    ours, theirs = folder(data), folder(data, bank="berka")
    for bank, one in (("demo", ours), ("berka", theirs)):
        record(data, bank, one, KEY, {})
        promote(data, bank, one.name)
    assert (champion(data, "demo"), champion(data, "berka")) == (ours, theirs)


def test_the_run_holds_parameters_metrics_tags_and_files(data: Path) -> None:
    first = folder(data)
    record(data, "demo", first, KEY, {"fingerprint": "abc"})
    assert dict(rows(data, "select key, value from params")) == {
        "label.min_drop": "0.5",
        "features.windows": "[4, 13]",
    }
    assert rows(data, "select key, value from latest_metrics") == [("judge.auroc", 0.75)]
    assert ("fingerprint", "abc") in rows(data, "select key, value from tags")
    assert ("bundle", f"demo/models/{first.name}") in rows(data, "select key, value from model_version_tags")
    kept = {path.name: path.read_bytes() for path in (data / "mlflow").rglob("*") if path.is_file()}
    assert kept == {path.name: path.read_bytes() for path in first.iterdir()}


def test_a_changed_or_misplaced_bundle_is_not_recorded(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = folder(data)
    (first / "metrics.json").write_text("{}")
    with pytest.raises(DataError, match=r"metrics.json is changed"):
        record(data, "demo", first, KEY, {})
    with pytest.raises(DataError, match="does not lie below"):
        record(data, "demo", folder(tmp_path_factory.mktemp("elsewhere")), KEY, {})
    assert rows(data, "select count(*) from runs") == [(0,)]


def test_a_champion_whose_folder_is_gone_is_named(data: Path) -> None:
    first = folder(data)
    record(data, "demo", first, KEY, {})
    promote(data, "demo", first.name)
    shutil.rmtree(first)
    with pytest.raises(DataError, match=f"gone from .*{first.name}"):
        champion(data, "demo")


def test_asking_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Train a model first"):
        champion(tmp_path, "demo")
    assert not list(tmp_path.iterdir())


def test_it_is_silent_and_refuses_pickles(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, "demo", folder(tmp_path), KEY, {})
    assert capfd.readouterr() == ("", "")
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
