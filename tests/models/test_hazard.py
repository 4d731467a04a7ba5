from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError, DataError
from models.boosting import medians, parameters
from models.hazard import Model, Periods, customer_periods, downsample_negatives, fit
from models.metrics import ranking

HORIZONS = (30, 60, 90)


def test_it_finds_what_was_planted(fitted, judge):
    # The planted log-odds itself ranks the judged rows with AUROC 0.80; noise alone would give 0.5.
    planted = 1.2 * judge.features[:, 0] + 0.5 * judge.features[:, 1] - 0.6 * judge.features[:, 2]
    best = ranking(judge, planted)["auroc"]
    assert best > 0.78
    assert ranking(judge, fitted.model.raw(judge.features).mean(axis=1))["auroc"] > best - 0.03


def test_the_same_text_on_one_and_two_threads(fitted, train, tune, training):
    two = fit(train, tune, HORIZONS, training.model_copy(update={"threads": 2}))
    assert two == fitted


def test_the_same_text_whether_counted_by_row_or_by_column(fitted, train, tune, training, monkeypatch):
    by_row = {"force_row_wise": True, "force_col_wise": False}
    monkeypatch.setattr("models.hazard.parameters", lambda *given: parameters(*given) | by_row)
    assert fit(train, tune, HORIZONS, training).model.trees == fitted.model.trees


def test_another_seed_gives_another_model(fitted, train, tune, training):
    assert fit(train, tune, HORIZONS, training.model_copy(update={"seed": 1})).model != fitted.model


def test_progress_is_told_each_round_and_the_best_is_kept(fitted, train, tune, training):
    told: list[tuple[int, float]] = []
    again = fit(train, tune, HORIZONS, training, progress=lambda number, loss: told.append((number, loss)))
    assert told == list(enumerate(fitted.losses, start=1))
    assert again.rounds == 1 + int(np.argmin(fitted.losses))
    assert again.model.trees.booster.num_trees() == again.rounds


def test_the_medians_of_what_is_known():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 7.0, np.nan], [8.0, 5.0, np.nan]])
    assert medians(values) == ((3.0, 6.0, None), (3.0, None, None))


def test_an_unknown_value_is_filled_where_training_knew_them_all(fitted, train):
    known = dict(zip(fitted.model.columns, fitted.model.trees.fill_values, strict=True))
    assert [name for name, fill_value in known.items() if fill_value is None] == ["noise_a"]
    first, second = train.columns[0], train.features[:1].copy()
    second[0, 0] = np.nan
    assert fitted.model.trees.filled(second)[0, 0] == known[first] == np.median(train.features[:, 0])
    assert np.isnan(second[0, 0])


def test_trees_are_no_deeper_than_the_settings_allow(fitted, training):
    depth = fitted.model.trees.booster.trees_to_dataframe()["node_depth"].max()
    assert depth - 1 <= int(training.lightgbm["max_depth"])


def test_downsampled_negatives_are_corrected(train, tune, judge, training):
    hazards = {}
    for kept in (1.0, 0.2):
        one = fit(train, tune, HORIZONS, training.model_copy(update={"negatives_kept": kept}))
        hazards[kept] = 1 / (1 + np.exp(-one.model.raw(judge.features)))
        assert one.model.log_kept == pytest.approx(np.log(kept))
    # About one in six goes within 90 days; without the correction that model would say two in five.
    for found in hazards.values():
        whole = 1 - np.prod(1 - found, axis=1)
        assert whole.mean() == pytest.approx(judge.attrited.mean(), abs=0.02)
    assert np.corrcoef(hazards[1.0].ravel(), hazards[0.2].ravel())[0, 1] > 0.9


def test_it_learns_when(fitted, judge):
    # Planted: of those who go, half go within 30 days where the first column is above 0, a fifth elsewhere;
    # sixty rounds on 3,200 rows find a good part of the difference.
    hazard = 1 / (1 + np.exp(-fitted.model.raw(judge.features)))
    soon = hazard[:, 0] / (1 - np.prod(1 - hazard, axis=1))
    high = judge.features[:, 0] > 0
    assert soon[high].mean() == pytest.approx(0.5, abs=0.1)
    assert 0.12 < soon[~high].mean() < soon[high].mean() - 0.1


def test_rows_on_disk_a_few_at_a_time_give_the_same_model(
    fitted, train, tune, training, tmp_path, monkeypatch
):
    for name, value in (("matrix.CHUNK", 100), ("matrix.COLUMNS", 2), ("boosting.Rows.batch_size", 64)):
        monkeypatch.setattr(f"models.{name}", value)
    train.features.tofile(tmp_path / "features")
    stored = np.memmap(tmp_path / "features", np.float64, "r", shape=train.features.shape)
    assert fit(replace(train, features=stored), tune, HORIZONS, training) == fitted
    expected = fitted.model.raw(train.features)
    monkeypatch.undo()
    assert np.array_equal(fitted.model.raw(train.features), expected)


@pytest.mark.parametrize("value", [0, 1])
def test_one_outcome_only_is_refused(value, train, tune, training):
    with pytest.raises(DataError, match="train holds"):
        fit(train.where(train.attrited == value), tune, HORIZONS, training)
    with pytest.raises(DataError, match="tune holds"):
        fit(train, tune.where(tune.attrited == value), HORIZONS, training)


def test_a_misspelt_parameter_is_refused(train, tune, training):
    wrong = training.model_copy(update={"lightgbm": {"learning_rat": 0.1}})
    with pytest.raises(ConfigError, match=r"'learning_rat'. Did you mean 'learning_rate'"):
        fit(train, tune, HORIZONS, wrong)


def test_a_constraint_holds_whatever_the_data_say(fitted, train, tune, judge, training):
    def lowest_step(model: Model) -> float:
        """The largest fall of the log-odds as the first column rises, over 200 customers."""
        rows = np.repeat(judge.features[:200, None, :], 9, axis=1)
        rows[:, :, 0] = np.linspace(-3, 3, 9)
        raw = model.raw(rows.reshape(-1, rows.shape[2])).reshape(200, 9, -1)
        return float(np.diff(raw, axis=1).min())

    assert lowest_step(fitted.model) < 0
    up = fit(train, tune, HORIZONS, training, (1, 0, 0, 0, 0)).model
    assert lowest_step(up) >= 0
    # What was planted rises with the column, so a model that may only fall by it does without.
    down = fit(train, tune, HORIZONS, training, (-1, 0, 0, 0, 0)).model
    assert lowest_step(down) <= 0
    assert ranking(judge, down.raw(judge.features).mean(axis=1))["auroc"] < 0.7


def test_four_customers_by_hand():
    found = customer_periods(np.array([60, 0, 30, 90], dtype=np.int16), (30, 60, 90))
    rows = list(zip(found.row.tolist(), found.days.tolist(), found.gone.tolist(), strict=True))
    assert rows == [
        (0, 30, 0), (0, 60, 1),
        (1, 30, 0), (1, 60, 0), (1, 90, 0),
        (2, 30, 1),
        (3, 30, 0), (3, 60, 0), (3, 90, 1),
    ]  # fmt: skip


@given(st.lists(st.sampled_from([0, 30, 60, 90]), max_size=40))
def test_law_everybody_goes_once_or_never(time_to_attrition):
    found = customer_periods(np.array(time_to_attrition, dtype=np.int16), (30, 60, 90))
    events = np.bincount(found.row, weights=found.gone, minlength=len(time_to_attrition))
    assert events.tolist() == [float(one > 0) for one in time_to_attrition]
    assert (np.diff(found.row) >= 0).all()


def made(negatives: int, positives: int) -> Periods:
    gone = np.array([0] * negatives + [1] * positives, dtype=np.int8)
    return Periods(np.arange(len(gone)), np.full(len(gone), 30.0), gone)


def test_downsampling_keeps_every_event_and_is_the_same_every_time():
    found = downsample_negatives(made(9_000, 500), 0.3, seed=5)
    assert (found.gone == 1).sum() == 500
    assert (found.gone == 0).sum() == pytest.approx(2_700, abs=150)
    assert (np.diff(found.row) > 0).all()
    assert np.array_equal(downsample_negatives(made(9_000, 500), 0.3, seed=5).row, found.row)
    assert len(downsample_negatives(made(90, 5), 1.0, seed=5).row) == 95


def test_the_correction_of_the_odds_is_exact_in_expectation():
    # Of 9,000 and 500 the odds are 1/18. Over many draws 500 / E[negatives kept] × 0.3 is the same odds.
    kept = [int((downsample_negatives(made(9_000, 500), 0.3, seed).gone == 0).sum()) for seed in range(400)]
    # Standard error of the mean of 400 draws: sqrt(9000 × 0.3 × 0.7 / 400) = 2.2.
    assert np.mean(kept) == pytest.approx(2_700, abs=7)
    assert 500 / np.mean(kept) * 0.3 == pytest.approx(500 / 9_000, rel=0.003)
