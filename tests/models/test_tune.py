import numpy as np
import pytest

from models import hazard
from models.boosting import medians
from models.hazard import binned, fit
from pipeline.training import tuning
from pipeline.training.tuning import SPACE, Budget, best, search

HORIZONS = (30, 60, 90)


@pytest.fixture(scope="module")
def quick(training):
    return training.model_copy(update={"rounds": 15, "patience": 5})


def test_the_first_trial_is_what_the_settings_say_and_a_rerun_repeats_all(train, tune, judge, quick):
    told: list[tuple[int, int]] = []
    folds = [(train, tune), (train, judge)]
    first = search(folds, quick, HORIZONS, Budget(6), lambda *at: told.append(at))
    assert first == search(folds, quick, HORIZONS, Budget(6), lambda *_: None)
    assert told == [(number, 6) for number in range(1, 7)]
    assert first[0]["params"] == {name: quick.lightgbm[name] for name in SPACE}
    for one in first:
        assert all(low <= one["params"][name] <= high for name, (low, high, _) in SPACE.items())
    other = search(folds, quick.model_copy(update={"seed": 1}), HORIZONS, Budget(2), lambda *_: None)
    assert other[1]["params"] != first[1]["params"]
    assert np.mean(best(first)["log_loss"]) <= np.mean(first[0]["log_loss"])


def test_a_fold_has_its_bins_and_medians_once_for_all_trials(train, tune, judge, quick, monkeypatch):
    made, looked_at = list[int](), list[int]()
    monkeypatch.setattr(tuning, "binned", lambda rows, *rest: made.append(len(rows)) or binned(rows, *rest))
    monkeypatch.setattr(hazard, "medians", lambda rows: looked_at.append(len(rows)) or medians(rows))
    search([(train, tune), (tune, judge)], quick, HORIZONS, Budget(4), lambda *_: None)
    assert made == looked_at == [len(train), len(tune)]


def test_trees_of_shared_bins_are_those_of_bins_of_their_own(train, tune, quick):
    def text(leaf: int, **shared) -> str:
        chosen = {**quick.lightgbm, "feature_pre_filter": False, "min_data_in_leaf": leaf}
        changed = quick.model_copy(update={"lightgbm": chosen})
        return fit(train, tune, HORIZONS, changed, **shared).model.trees.text

    chosen = {**quick.lightgbm, "feature_pre_filter": False}
    bins = binned(train, tune, HORIZONS, quick.model_copy(update={"lightgbm": chosen}))
    for leaf in (400, 10):
        assert text(leaf, bins=bins) == text(leaf)


def test_a_bad_start_is_found_out(train, tune, quick):
    """Leaves of a thousand rows learn next to nothing here; the search leaves them."""
    bad = quick.model_copy(update={"lightgbm": {**quick.lightgbm, "min_data_in_leaf": 1000, "max_depth": 3}})
    tried = search([(train, tune)], bad, HORIZONS, Budget(8), lambda *_: None)
    assert best(tried) is not tried[0]
    assert best(tried)["log_loss"] < tried[0]["log_loss"]


def test_no_trial_begins_after_the_seconds(train, tune, quick, monkeypatch):
    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr("pipeline.training.tuning.time.monotonic", lambda: next(clock))
    assert len(search([(train, tune)], quick, HORIZONS, Budget(9, seconds=100), lambda *_: None)) == 3


def test_the_best_ran_over_all_folds() -> None:
    half, worse, good = ({"log_loss": losses} for losses in ([0.1], [0.3, 0.3], [0.2, 0.3]))
    assert best([worse, half, good]) is good
