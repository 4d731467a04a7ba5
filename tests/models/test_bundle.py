import ast
import json
import random
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest

import models as package
from configs.errors import DataError
from configs.settings import Settings
from models.bundle import Bundle, load, settings_of, write
from models.severity import Severity


def test_written_and_loaded_it_scores_the_same(
    bundle: Bundle, models: Path, monday_frame: pd.DataFrame
) -> None:
    again = load(write(bundle, models))
    assert again == bundle
    assert again.model_id == bundle.model_id
    before, after = bundle.score(monday_frame), again.score(monday_frame)
    assert np.array_equal(before.risks, after.risks)
    assert np.array_equal(before.share, after.share)
    assert np.array_equal(before.contributions.values, after.contributions.values)
    assert before.risks.shape == (len(monday_frame), 3)
    assert before.share.shape == (len(monday_frame),)


def test_a_customer_is_scored_alike_alone_and_in_any_order(
    bundle: Bundle, monday_frame: pd.DataFrame
) -> None:
    for name in ("risks", "share"):
        whole = getattr(bundle.score(monday_frame), name)
        assert np.array_equal(getattr(bundle.score(monday_frame.iloc[::-1]), name), whole[::-1])
        assert np.array_equal(getattr(bundle.score(monday_frame.iloc[[7]]), name)[0], whole[7])


def test_risk_grows_with_the_horizon_for_everybody(bundle: Bundle, monday_frame: pd.DataFrame) -> None:
    assert (np.diff(bundle.score(monday_frame).risks, axis=1) > 0).all()


def test_a_bundle_without_trees_for_the_share_reads_back(bundle: Bundle, models: Path) -> None:
    plain = replace(bundle, severity=Severity(None, 0.8, 1.05))
    assert load(write(plain, models)) == plain


def test_the_same_bytes_on_a_rerun_and_nothing_left_over(bundle: Bundle, models: Path) -> None:
    first = write(bundle, models)
    bytes_before = {path.name: path.read_bytes() for path in first.iterdir()}
    (models / ".draft-0123456789abcdef").mkdir()
    second = write(replace(bundle), models)
    assert second == first
    assert {path.name: path.read_bytes() for path in second.iterdir()} == bytes_before
    assert [path.name for path in models.iterdir()] == [bundle.model_id]


def test_threads_change_no_byte_and_metrics_do(bundle: Bundle, settings: Settings) -> None:
    two = settings.model_copy(update={"training": settings.training.model_copy(update={"threads": 2})})
    assert replace(bundle, settings=settings_of(two)).files == bundle.files
    assert replace(bundle, metrics={}).model_id != bundle.model_id


def test_the_engine_changes_no_byte(settings: Settings) -> None:
    elsewhere = settings.engine.model_copy(update={"kind": "spark", "workers": 64})
    assert settings_of(settings.model_copy(update={"engine": elsewhere})) == settings_of(settings)


@pytest.mark.parametrize("break_at", ["open", "fsync", "rename"])
def test_a_write_that_fails_leaves_no_bundle(
    break_at: str, bundle: Bundle, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync" if break_at == "fsync" else f"pathlib.Path.{break_at}", full)
        with pytest.raises(OSError, match="No space"):
            write(bundle, models)
    assert not (models / bundle.model_id).exists()
    assert load(write(bundle, models)) == bundle
    assert [path.name for path in models.iterdir()] == [bundle.model_id]


@pytest.mark.parametrize("name", ["model.txt", "calibrator.json", "severity.txt", "severity.json",
                                  "contract.json", "metrics.json", "settings.json", "manifest.json"])  # fmt: skip
def test_a_missing_file_is_named(name: str, bundle: Bundle, models: Path) -> None:
    folder = write(bundle, models)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing.*train again"):
        load(folder)


def test_whatever_does_not_belong_is_named(bundle: Bundle, models: Path) -> None:
    folder = write(bundle, models)
    (folder / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"notes.txt does not belong"):
        load(folder)
    (folder / "notes.txt").unlink()
    (folder / "more").mkdir()
    with pytest.raises(DataError, match="more does not belong"):
        write(bundle, models)


def test_another_folder_name_or_none_is_refused(bundle: Bundle, models: Path) -> None:
    folder = write(bundle, models)
    shutil.move(folder, models / "0123456789abcdef")
    with pytest.raises(DataError, match="another model than the folder's name"):
        load(models / "0123456789abcdef")
    with pytest.raises(DataError, match="there is no bundle"):
        load(folder)


def mutate(content: bytes, dice: random.Random) -> bytes:
    """One byte changed, the end cut off, or something appended."""
    at = dice.randrange(len(content))
    kind = dice.choice(("byte", "byte", "byte", "cut", "append"))
    if kind == "cut":
        return content[:at]
    if kind == "append":
        return content + dice.randbytes(1 + dice.randrange(8))
    return content[:at] + bytes([content[at] ^ (1 + dice.randrange(255))]) + content[at + 1 :]


@pytest.mark.parametrize("times", [40, pytest.param(1_100, marks=pytest.mark.long)])
def test_no_mutation_reaches_lightgbm(
    times: int, bundle: Bundle, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("LightGBM was given the bytes of a changed bundle")

    folder = write(bundle, models)
    monkeypatch.setattr(lightgbm, "Booster", never)
    dice = random.Random(20240304)
    for path in sorted(folder.iterdir()):
        good = path.read_bytes()
        for _ in range(times):
            path.write_bytes(mutate(good, dice))
            with pytest.raises(DataError, match=path.name):
                load(folder)
        path.write_bytes(good)
    assert load(folder) == bundle


def breaks(good: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, str]]:
    """The eight ways to break a contract when scoring, and a word of the message."""
    first, second, *rest = list(good.columns[2:])
    key = list(good.columns[:2])
    return {
        "order": (good[[*key, second, first, *rest]], "another order"),
        "type": (good.astype({first: "int64"}), "int64"),
        "missing": (good.drop(columns=first), "missing"),
        "extra": (good.assign(gender=1.0), "gender"),
        "repeated column": (good[[*key, first, first, second, *rest]], "twice"),
        "repeated customer": (pd.concat([good, good.iloc[:1]]), "1 repeated rows"),
        "unknown where always known": (good.assign(**{first: np.nan}), "always known"),
        "nobody": (good.iloc[:0], "nobody to score"),
    }


def test_eight_breaks_of_the_contract_are_refused(bundle: Bundle, monday_frame: pd.DataFrame) -> None:
    cases = breaks(monday_frame)
    assert len(cases) == 8
    for frame, says in cases.values():
        with pytest.raises(DataError, match=says):
            bundle.score(frame)
    assert monday_frame["noise_a"].isna().any()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), date(2024, 3, 4), np.float32(1)])
def test_only_plain_json_goes_into_a_bundle(value: object, bundle: Bundle, models: Path) -> None:
    with pytest.raises(DataError, match="plain JSON"):
        write(replace(bundle, metrics={"auroc": value}), models)
    assert not models.exists()


def test_the_folder_says_what_it_is(bundle: Bundle, models: Path) -> None:
    folder = write(bundle, models)
    contract = json.loads((folder / "contract.json").read_text("utf-8"))
    assert [column["name"] for column in contract["columns"]] == list(bundle.model.columns)
    assert {column["dtype"] for column in contract["columns"]} == {"float64"}
    assert json.loads((folder / "metrics.json").read_text("utf-8"))["judge"]["rows"] == 1_600
    assert json.loads((folder / "settings.json").read_text("utf-8"))["bank"] == "made_up"
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["model_id"] == folder.name


def test_no_pickle_in_the_code() -> None:
    imported = set()
    for path in Path(package.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {one.name.split(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert "lightgbm" in imported
    assert not imported & {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
