import hashlib
import hmac
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

from configs.errors import DataError
from models.alive import Alive
from models.bundle import MANIFEST, SIGNATURE, load, settings_of, write
from models.learnt import Learnt
from models.peers import Peers
from models.severity import Severity
from models.start import Start

FILES = ("model.txt", "calibrator.json", "severity.txt", "severity.json", "contract.json", "peers.json",
         "alive.json", "metrics.json", "settings.json", "golden.json", MANIFEST, SIGNATURE)  # fmt: skip
KEY, OTHER_KEY = bytes(range(1, 64, 2)), bytes(range(0, 64, 2))


def test_written_and_loaded_it_scores_the_same(bundle, models, monday_frame):
    again = load(write(bundle, models, KEY), KEY)
    assert again == bundle
    assert again.model_id == bundle.model_id
    before, after = bundle.score(monday_frame), again.score(monday_frame)
    assert np.array_equal(before.risks, after.risks)
    assert np.array_equal(before.share, after.share)
    assert np.array_equal(before.contributions.values, after.contributions.values)
    assert before.risks.shape == (len(monday_frame), 3)
    assert before.share.shape == (len(monday_frame),)


def test_a_customer_is_scored_alike_alone_and_in_any_order(bundle, monday_frame):
    for name in ("risks", "share"):
        whole = getattr(bundle.score(monday_frame), name)
        assert np.array_equal(getattr(bundle.score(monday_frame.iloc[::-1]), name), whole[::-1])
        assert np.array_equal(getattr(bundle.score(monday_frame.iloc[[7]]), name)[0], whole[7])


def test_risk_grows_with_the_horizon_for_everybody(bundle, monday_frame):
    assert (np.diff(bundle.score(monday_frame).risks, axis=1) > 0).all()


def test_a_bundle_without_trees_for_the_share_reads_back(bundle, models):
    plain = replace(bundle, severity=Severity(None, 0.8, 1.05))
    assert load(write(plain, models, KEY), KEY) == plain


def test_what_was_learnt_reads_back(bundle, models):
    learnt = Learnt(Peers(("drop",), (3.0,), {"branch": {"B1": [10.0]}}), Alive(0.2, 4.4, 0.8, 2.4, 7, 90))
    begun = replace(bundle.model, start=Start(0.8, -1.5, (-2.0, -3.0, -3.5)))
    again = load(write(replace(bundle, learnt=learnt, model=begun), models, KEY), KEY)
    assert (again.learnt, again.model.start) == (learnt, begun.start)


def test_the_same_bytes_on_a_rerun(bundle, models):
    first = write(bundle, models, KEY)
    bytes_before = {path.name: path.read_bytes() for path in first.iterdir()}
    second = write(replace(bundle), models, KEY)
    assert second == first
    assert {path.name: path.read_bytes() for path in second.iterdir()} == bytes_before
    assert [path.name for path in models.iterdir()] == [bundle.model_id]


def test_threads_change_no_byte_and_metrics_do(bundle, settings):
    two = settings.model_copy(update={"training": settings.training.model_copy(update={"threads": 2})})
    assert replace(bundle, settings=settings_of(two)).files == bundle.files
    assert replace(bundle, metrics={}).model_id != bundle.model_id


def test_the_engine_changes_no_byte(settings):
    elsewhere = settings.engine.model_copy(update={"kind": "spark", "workers": 64})
    assert settings_of(settings.model_copy(update={"engine": elsewhere})) == settings_of(settings)


def test_the_salt_of_the_lots_stands_in_no_model(settings):
    secret = settings.lists.model_copy(update={"salt": "only-the-bank-knows"})
    assert "only-the-bank-knows" not in json.dumps(settings_of(settings.model_copy(update={"lists": secret})))


@pytest.mark.parametrize("break_at", ["open", "fsync", "rename"])
def test_a_write_that_fails_leaves_no_bundle(break_at, bundle, models, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync" if break_at == "fsync" else f"pathlib.Path.{break_at}", full)
        with pytest.raises(OSError, match="No space"):
            write(bundle, models, KEY)
    assert not (models / bundle.model_id).exists()
    assert load(write(bundle, models, KEY), KEY) == bundle
    assert [path.name for path in models.iterdir()] == [bundle.model_id]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, bundle, models):
    folder = write(bundle, models, KEY)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing.*train again"):
        load(folder, KEY)


def test_whatever_does_not_belong_is_named(bundle, models):
    folder = write(bundle, models, KEY)
    (folder / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"notes.txt does not belong"):
        load(folder, KEY)
    (folder / "notes.txt").unlink()
    (folder / "more").mkdir()
    with pytest.raises(DataError, match="more does not belong"):
        write(bundle, models, KEY)


def test_a_file_of_four_gigabytes_is_refused_by_its_size_and_not_read(bundle, models):
    folder = write(bundle, models, KEY)
    with (folder / "model.txt").open("r+b") as file:
        file.truncate(4 << 30)  # a hole, which takes no room
    with pytest.raises(DataError, match=r"model\.txt has 4,294,967,296 bytes, more than a model's file"):
        load(folder, KEY)


def test_another_folder_name_or_none_is_refused(bundle, models):
    folder = write(bundle, models, KEY)
    shutil.move(folder, models / "0123456789abcdef")
    with pytest.raises(DataError, match="another model than the folder's name"):
        load(models / "0123456789abcdef", KEY)
    with pytest.raises(DataError, match="there is no bundle"):
        load(folder, KEY)


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
def test_no_mutation_reaches_lightgbm(times, bundle, models, monday_frame, monkeypatch):
    """Whoever writes to the disk but has no key: one file changed, then also the manifest made to fit it."""

    class ReachedError(Exception):
        pass

    def reached(*_: object, **__: object) -> None:
        raise ReachedError

    folder = write(bundle, models, KEY)
    monkeypatch.setattr(lightgbm, "Booster", reached)
    dice = random.Random(20240304)
    for path in sorted(folder.iterdir()):
        good = path.read_bytes()
        for _ in range(times):
            path.write_bytes(mutate(good, dice))
            with pytest.raises(DataError, match=path.name):
                load(folder, KEY).score(monday_frame)
        path.write_bytes(good)
    with pytest.raises(ReachedError):  # whole, it is given to LightGBM: the net above catches something
        load(folder, KEY).score(monday_frame)


def forge(folder: Path, name: str, content: bytes) -> Path:
    """The bundle with one file exchanged and everything made to fit, but for the signature."""
    (folder / name).write_bytes(content)
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in folder.iterdir()
        if path.name not in ("manifest.json", "signature")
    }
    model_id = hashlib.sha256(as_json(files)).hexdigest()[:16]
    (folder / "manifest.json").write_bytes(as_json({"files": files, "model_id": model_id}))
    return folder.rename(folder.with_name(model_id))


def as_json(value: object) -> bytes:
    return f"{json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False)}\n".encode()


def test_a_forged_bundle_is_refused_for_its_signature_alone(bundle, models):
    metrics = as_json({"judge": {"auroc": 0.99}})
    forged = forge(write(bundle, models, KEY), "metrics.json", metrics)
    with pytest.raises(DataError, match=r"signature does not fit manifest\.json.*or train again"):
        load(forged, KEY)
    signed = hmac.new(KEY, (forged / "manifest.json").read_bytes(), "sha256").hexdigest()
    (forged / "signature").write_text(f"{signed}\n")
    assert load(forged, KEY).metrics == {"judge": {"auroc": 0.99}}


def test_a_bundle_of_another_version_says_so(bundle, models):
    """Well signed by us, but before golden rows were kept; the files are those that the reader asks for."""
    folder = write(bundle, models, KEY)
    assert {path.name for path in folder.iterdir()} == set(FILES)
    (folder / "golden.json").unlink()
    older = forge(folder, "metrics.json", (folder / "metrics.json").read_bytes())
    signed = hmac.new(KEY, (older / MANIFEST).read_bytes(), "sha256").hexdigest()
    (older / SIGNATURE).write_text(f"{signed}\n")
    with pytest.raises(DataError, match=r"lacks 'golden\.json': it was written by another version"):
        load(older, KEY)


def test_the_key_changes_the_signature_and_nothing_else(bundle, tmp_path):
    ours, theirs = (write(bundle, tmp_path / key.hex(), key) for key in (KEY, OTHER_KEY))
    assert ours.name == theirs.name
    differ = [path.name for path in ours.iterdir() if path.read_bytes() != (theirs / path.name).read_bytes()]
    assert differ == ["signature"]


def test_another_key_is_refused_and_no_key_is_ever_shown(bundle, models):
    folder = write(bundle, models, KEY)
    with pytest.raises(DataError, match="another key signed it") as refused:
        load(folder, OTHER_KEY)
    with pytest.raises(DataError, match="another key signed it"):
        write(bundle, models, OTHER_KEY)
    assert not any(
        key.hex() in str(refused.value) or repr(key) in str(refused.value) for key in (KEY, OTHER_KEY)
    )


def test_nothing_is_parsed_before_the_signature_is_verified(bundle, models, monkeypatch):
    folder = write(bundle, models, KEY)
    monkeypatch.setattr("models.bundle.json.loads", lambda _: pytest.fail("parsed"))
    with pytest.raises(DataError, match="another key"):
        load(folder, OTHER_KEY)


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
        "infinity": (good.assign(**{first: [np.inf, *good[first][1:]]}), "infinity"),
    }


def test_eight_breaks_of_the_contract_are_refused(bundle, monday_frame):
    cases = breaks(monday_frame)
    assert len(cases) == 8
    for frame, says in cases.values():
        with pytest.raises(DataError, match=says):
            bundle.score(frame)
    with pytest.raises(DataError, match="nobody to score"):
        bundle.score(monday_frame.iloc[:0])
    assert monday_frame["noise_a"].isna().any()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), date(2024, 3, 4), np.float32(1)])
def test_only_plain_json_goes_into_a_bundle(value, bundle, models):
    with pytest.raises(DataError, match="plain JSON"):
        write(replace(bundle, metrics={"auroc": value}), models, KEY)
    assert not models.exists()


def test_the_folder_says_what_it_is(bundle, models):
    folder = write(bundle, models, KEY)
    contract = json.loads((folder / "contract.json").read_text("utf-8"))
    assert [column["name"] for column in contract["columns"]] == list(bundle.model.columns)
    assert {column["dtype"] for column in contract["columns"]} == {"float64"}
    assert json.loads((folder / "metrics.json").read_text("utf-8"))["judge"]["rows"] == 1_600
    assert json.loads((folder / "settings.json").read_text("utf-8"))["bank"] == "made_up"
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["model_id"] == folder.name
