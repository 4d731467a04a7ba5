"""A command about a model knows how far the data reaches."""

from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner

from configs.dates import WEEK, latest_monday
from configs.errors import DataError
from pipeline.__main__ import app
from pipeline.context import Context


@pytest.mark.parametrize("verb", ["train", "tune", "ablation", "learning-curve", "backtest"])
def test_no_model_is_made_of_outcomes_behind_the_data(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    tables = tiny.first_ingest()
    monkeypatch.setattr("pipeline.context.read_ingested", lambda _home: tables)
    data = ["--bank", "tiny", "--data", str(tiny.home.root.with_name("data"))]
    with pytest.raises(DataError, match=f"ends on {tables.last_day}, more than 5 weeks before 2030-01-07"):
        CliRunner().invoke(app, [verb, "--as-of", "2030-01-07", *data], catch_exceptions=False)


def test_a_bank_of_month_ends_has_five_weeks(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = tiny.first_ingest()
    monkeypatch.setattr("pipeline.context.read_ingested", lambda _home: tables)
    last: date = latest_monday(tables.last_day + 5 * WEEK)
    assert Context(tiny.settings(), tiny.home.root).tables_for(last) == tables
