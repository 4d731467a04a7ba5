"""What the search says at the end; the search itself is tested in tests/models/test_tune.py, on its made-up
rows."""

import tomllib
from typing import Any

import pytest

from pipeline.artefacts import read_json
from pipeline.training.tuning import Budget, in_words, run_tuning
from tests.pipeline.conftest import LAST_MONDAY, made_up_bank


def trial(loss: float, folds: int, rate: float) -> dict[str, Any]:
    params = {"learning_rate": rate, "num_leaves": 7}
    return {"params": params, "log_loss": [loss] * folds, "average_precision": [0.4] * folds}


def test_the_words_end_in_a_block_to_paste() -> None:
    trials = [trial(0.3, 2, 0.03), trial(0.1, 1, 0.09), trial(0.2, 2, 0.05)]
    said = in_words({"folds": [{}, {}], "trials": trials, "best": trials[2]})
    assert said.startswith("3 trials on 2 folds, 1 of them given up; trial 0 is what the settings say")
    block = tomllib.loads(said[said.index("[training.lightgbm]") :])
    assert block == {"training": {"lightgbm": {"learning_rate": 0.05, "num_leaves": 7}}}
    assert "0.09" not in said  # given up: its loss is of one fold only


@pytest.mark.long
def test_a_search_on_a_small_bank_repeats_itself_and_never_sees_the_judged_mondays(tmp_path: Any) -> None:
    small = {
        "label": {"horizon_days": 30, "settle_days": 7},
        "training": {"judged_snapshots": 3, "tuned_snapshots": 4, "rounds": 15, "patience": 15},
    }
    bank = made_up_bank(tmp_path, 1000, 68, **small)
    first = run_tuning(bank, bank.tables, LAST_MONDAY, Budget(3))
    assert read_json(bank.home.root / "tune.json") == first
    assert run_tuning(bank, bank.tables, LAST_MONDAY, Budget(3)) == first
    # The first judged Monday is 2026-09-21; what tunes has matured before it.
    assert first["folds"][-1]["tune"][1] <= "2026-08-17"
    assert len(first["trials"]) == 3
