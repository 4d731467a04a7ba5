from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from models.bundle import settings_of
from pipeline.context import Context
from pipeline.evaluation.model_report import report_in_full
from pipeline.training.training_rows import columns_of


def test_a_model_of_another_definition_is_not_judged_by_todays(tmp_path: Path) -> None:
    now = load_settings("demo")
    then = load_settings("demo", {"label": {"min_drop": 0.3, "horizon_days": 60}})
    columns = tuple(columns_of(now))
    old: Any = SimpleNamespace(
        model_id="feed", model=SimpleNamespace(columns=columns), settings=settings_of(then)
    )
    tables: Any = None  # nothing is read
    with pytest.raises(DataError, match="model feed was trained on another label than today's settings name"):
        report_in_full(Context(now, tmp_path), tables, old, None)
