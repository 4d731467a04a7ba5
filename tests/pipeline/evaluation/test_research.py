"""One line to a frame, and the ablation by family."""

from datetime import date, timedelta

import numpy as np
import pytest

import pipeline
from configs.bank_folder import load_settings
from configs.errors import DataError
from models.splits import Split
from pipeline.evaluation.research import ablate, learning_curve
from tests.matrices import made_matrix
from tests.pipeline.conftest import LAST_MONDAY, made_up_bank


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_up_bank(tmp_path_factory.mktemp("data"), 400, 60).data


def test_a_frame_with_outcomes_where_they_have_matured(data):
    matured, open_one = LAST_MONDAY - timedelta(weeks=16), LAST_MONDAY
    frame = pipeline.dataset("demo", [str(open_one), str(matured)], data)
    assert list(frame.columns[:2]) == ["customer_id", "snapshot_date"]
    assert list(frame["snapshot_date"].unique()) == [matured, open_one]
    known = frame["snapshot_date"] == matured
    assert frame.loc[known, "attrited"].isin((0, 1)).all()
    assert (frame.loc[known, "time_to_attrition"].notna() == (frame.loc[known, "attrited"] == 1)).all()
    assert (
        frame.loc[~known, ["attrited", "time_to_attrition", "outflow_share", "aum_base"]]
        .isna()
        .all(axis=None)
    )
    assert not frame.duplicated(["customer_id", "snapshot_date"]).any()


def test_only_open_mondays_have_no_outcome_at_all(data):
    frame = pipeline.dataset("demo", [LAST_MONDAY], data)
    assert len(frame) > 50
    assert frame["attrited"].isna().all()


def test_a_monday_beyond_the_data_is_refused(data):
    """The last booking is of the Sunday before LAST_MONDAY; of the week after it nothing is known."""
    beyond = LAST_MONDAY + timedelta(weeks=1)
    with pytest.raises(DataError, match=f"{beyond} lies beyond the data; .* up to {LAST_MONDAY}, or ingest"):
        pipeline.dataset("demo", [LAST_MONDAY, beyond], data)


@pytest.fixture(scope="module")
def made():
    """Settings, a matrix whose truth hangs on its first column, and how its Mondays split."""
    random = np.random.default_rng(5)
    weeks, customers = 12, 300
    rows = weeks * customers
    signal, noise = random.normal(size=rows), random.normal(size=rows)
    mondays = [date(2024, 1, 1) + timedelta(weeks=week) for week in range(weeks)]
    times = np.where(random.random(rows) < 1 / (1 + np.exp(2 - 2 * signal)), 90, 0)
    matrix = made_matrix(
        times, mondays, features=np.stack([signal, noise], axis=1), columns=("flow", "season")
    )
    split = Split(tuple(mondays[:6]), tuple(mondays[6:9]), tuple(mondays[9:]))
    settings = load_settings("demo", {"training": {"rounds": 40, "lightgbm": {"min_data_in_leaf": 50}}})
    return settings, matrix, split


def test_the_family_that_carries_the_signal_is_the_one_that_is_missed(made):
    settings, matrix, split = made
    seen = []
    families = {"flow": "flows", "season": "seasons"}
    table = ablate(settings, matrix, split, families, lambda done, total: seen.append((done, total)))
    assert list(table.index) == ["none", "flows", "seasons"]
    assert table.loc["flows", "average_precision_lost"] > 0.2
    assert abs(table.loc["seasons", "average_precision_lost"]) < 0.05
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_longer_history_is_judged_on_the_same_mondays(made):
    settings, matrix, split = made
    seen = []
    table = learning_curve(settings, matrix, split, lambda done, total: seen.append((done, total)))
    # Of six training Mondays the last 1, 3, 4 and 6.
    assert list(table.index) == [1, 3, 4, 6]
    assert table["average_precision"].iloc[-1] >= table["average_precision"].iloc[0]
    # The shortest is the model of the last Monday alone, the longest that of all.
    families = {"flow": "flows", "season": "seasons"}
    for mondays in (1, 6):
        alone = Split(split.train[-mondays:], split.tune, split.evaluation)
        whole = ablate(settings, matrix, alone, families, lambda *_: None).loc["none"]
        assert table.loc[mondays, "auroc"] == whole["auroc"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
