"""What the search says at the end; the search itself is tested in tests/models/test_tune.py, on its made-up
rows."""

import tomllib
from datetime import date
from typing import Any

import pytest

from configs.bank_folder import load_settings
from pipeline.artefacts import read_json
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.training.tuning import Budget, in_words, run_tuning
from pipeline.weekly import run_ingest

AS_OF = date(2026, 11, 16)


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
    bank = Context(load_settings("demo", small), tmp_path)
    write_demo_bank(bank.home.root / "raw", 1000, 68, 3, AS_OF)
    run_ingest(bank, bank.home.root / "raw")
    first = run_tuning(bank, bank.tables, AS_OF, Budget(3))
    assert read_json(bank.home.root / "tune.json") == first
    assert run_tuning(bank, bank.tables, AS_OF, Budget(3)) == first
    # The first judged Monday is 2026-09-21; what tunes has matured before it.
    assert first["folds"][-1]["tune"][1] <= "2026-08-17"
    assert len(first["trials"]) == 3
