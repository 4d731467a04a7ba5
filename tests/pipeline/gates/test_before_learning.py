"""A delivery that a gate refuses teaches nothing: no model, no champion, no count of what has matured."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta

import pytest

from benchmarks.gates import SMALL, GoodWeeks, copy_state
from benchmarks.planted_weeks import RawWeek, plants
from configs.bank_folder import load_settings
from configs.errors import GateError
from pipeline import weekly
from pipeline.artefacts import read_json
from pipeline.context import Context
from pipeline.training import promotion
from pipeline.weekly import run_weekly
from serve.store.audit import entries
from serve.store.store import Store

pytestmark = pytest.mark.long

LAST = date(2026, 11, 16)
FIRST = LAST - timedelta(weeks=7)  # what it published has matured seven weeks later
TRAINING = SMALL["training"] | {"rounds": 5, "patience": 5, "retrain_weeks": 7}


@pytest.fixture(scope="module")
def first_week(tmp_path_factory) -> GoodWeeks:
    """A bank whose first model was trained and published seven weeks ago; a week of files each since."""
    bank = GoodWeeks(tmp_path_factory.mktemp("learning"), 700, 5, 7, lived=100)
    bank.make()
    context = Context(load_settings("demo", SMALL | {"training": TRAINING}), bank.data)
    run_weekly(context, bank.raw(FIRST, bank.work / "raw"), FIRST)
    return bank


@pytest.fixture
def bank(first_week, tmp_path):
    """A copy of its state, and a folder with the files of this Monday."""
    copy_state(first_week.data, tmp_path / "data")
    context = Context(load_settings("demo", SMALL | {"training": TRAINING}), tmp_path / "data")
    return context, first_week.raw(LAST, tmp_path / "raw")


def learnt(context):
    """All that a run learns: bundles, decisions and counts of what matured, champion, registry, audit log."""
    folders = [context.home.root / name for name in ("models", "models-reports", "decisions", "matured")]
    files = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    with Store(context.home.store) as store, store.read() as connection:
        log = [(entry.action, entry.subject) for entry in entries(connection)]
    with closing(sqlite3.connect(context.data / "mlflow.db")) as registry:
        registered = registry.execute("SELECT name, version FROM model_versions").fetchall()
    return files, promotion.champion(context).model_id, registered, log


def test_a_refused_delivery_is_not_learnt_from_and_a_good_one_is(bank, monkeypatch):
    """Training is due on this Monday, and files of what has matured. A good delivery brings both."""
    context, raw = bank
    before = learnt(context)
    folder = raw.with_name("planted")
    copy_state(raw, folder)
    plants(raw)["half of all rows missing"](RawWeek(folder, LAST - timedelta(days=1)))
    for asked_by in ("age", "alarm"):
        if asked_by == "alarm":
            monkeypatch.setattr(weekly, "asks_for_training", lambda *_: True)
        with pytest.raises(GateError, match="of its gates; nothing was learnt or published"):
            run_weekly(context, folder, LAST)
        *state, log = learnt(context)
        delivery = read_json(context.home.gates / f"{LAST}.json")["delivery"]
        assert state == list(before[:3])
        assert log[len(before[3]) :][-1] == ("run refused", delivery)
    assert [action for action, _ in log[len(before[3]) :]] == ["run refused"] * 2
    run_weekly(context, raw, LAST)
    files, _, registered, log = learnt(context)
    assert {path.name for path in files.keys() - before[0].keys()} >= {f"{FIRST}_30d.json", "model.txt"}
    assert len(registered) == len(before[2]) + 1
    assert "trained" in [action for action, _ in log[len(before[3]) :]]


def test_an_overridden_delivery_is_learnt_from(bank, monkeypatch):
    context, raw = bank
    waiver = weekly.Waiver(override_by="Li Na", override_why="a court order")
    monkeypatch.setenv("ATTRITION_USER", "Wang Wei")
    plants(raw)["everybody opted out"](RawWeek(raw, LAST - timedelta(days=1)))
    with pytest.raises(GateError):
        run_weekly(context, raw, LAST)
    with pytest.raises(GateError, match="nothing was published"):  # nobody has seen what becomes of the lists
        run_weekly(context, raw, LAST, waiver)
    assert {"listed"} <= {*read_json(context.home.gates / f"{LAST}.json")["refused"]}
    publication, _ = run_weekly(context, raw, LAST, waiver)
    assert {"opted_out", "listed"} <= {*publication.run.gate_overrides}
    with Store(context.home.store) as store, store.read() as connection:
        overrides = entries(connection, ["run overridden"])
    assert [entry.actor for entry in overrides] == ["Li Na"] * 3  # the delivery twice, its lists once
