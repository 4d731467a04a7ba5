"""A delivery that its gates refuse is neither kept, nor learnt from, nor scored."""

from datetime import date
from types import SimpleNamespace

import pytest

from configs.bank_folder import load_settings
from configs.errors import GateError
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
