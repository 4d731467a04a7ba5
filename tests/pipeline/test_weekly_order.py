"""A delivery that its gates refuse is neither kept, nor learnt from, nor scored; a model that its smoke test
refuses is not registered."""

from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError, GateError
from pipeline import weekly
from pipeline.context import Context


def test_gates_look_before_anything_is_learnt(tmp_path, monkeypatch):
    """Each step in its order; where the gates refuse none after them runs."""
    called = []

    def step(name, result=None):
        monkeypatch.setattr(weekly, name, lambda *_: called.append(name) or result)

    step("check_salt")
    step("run_ingest")
    step("run_calibration", ({}, {}))
    step("run_gates")
    step("keep_matured")
    step("scoring_model", SimpleNamespace(model_id="m"))
    step("changed_selects", [])
    step("run_publish")
    monkeypatch.setattr(weekly.promotion, "register", lambda *_: called.append("register"))
    context, monday = Context(load_settings("demo"), tmp_path), date(2026, 11, 16)
    weekly.run_weekly(context, tmp_path, monday)
    order = [
        "check_salt",
        "run_ingest",
        "run_calibration",
        "run_gates",
        "keep_matured",
        "scoring_model",
        "changed_selects",
        "run_publish",
        "register",
    ]
    assert called == order
    called.clear()

    def refused(*_):
        raise GateError("refused")

    monkeypatch.setattr(weekly, "run_gates", refused)
    with pytest.raises(GateError):
        weekly.run_weekly(context, tmp_path, monday)
    assert called == order[:3]


def test_a_bundle_that_its_smoke_test_refuses_is_not_registered(tmp_path, monkeypatch):
    bundle = SimpleNamespace(model_id="m", metrics={"rounds": 1})
    chosen = SimpleNamespace(train=(), tune=(), evaluation=())
    for name, result in (
        ("plan_or_datasets", chosen), ("build_snapshots", 0), ("build_outcomes", 0),
        ("train", (bundle, [], None)), ("keep_selects", None), ("evaluate_after_training", None),
    ):  # fmt: skip
        monkeypatch.setattr(weekly, name, lambda *_, result=result: result)
    registered: list[tuple[object, ...]] = []
    monkeypatch.setattr(weekly.promotion, "champion_or_none", lambda *_: None)
    monkeypatch.setattr(weekly.promotion, "register_challenger", lambda *given: registered.append(given))
    monkeypatch.setattr(weekly, "comparison_table", lambda _: pd.DataFrame())

    def refused(*_):
        raise DataError("refused")

    context, monday = Context(load_settings("demo"), tmp_path), date(2026, 11, 16)
    monkeypatch.setattr(weekly, "smoke_test", refused)
    with pytest.raises(DataError, match="refused"):
        weekly.run_train(context, None, monday)
    assert registered == []
    monkeypatch.setattr(weekly, "smoke_test", lambda *_: None)
    assert weekly.run_train(context, None, monday) == bundle
    assert len(registered) == 1
