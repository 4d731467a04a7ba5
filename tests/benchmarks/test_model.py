"""The benchmark of training: its figures by hand, and in the long form the whole of it at toy size."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.model import figures, in_words
from tests.servers import run_to_end

FOUND = {
    "train": {"seconds": 12.0, "cpu": 20.0, "peak_mb": 900, "rounds_tried": 70},
    "fit": {
        "seconds": 10.0, "cpu": 16.0, "peak_mb": 800, "rows": 1000, "severity": {"seconds": 2.0},
        "load": {"cpu": 3.0}, "binning": {"cpu": 4.0}, "loaded_rows": 600, "tuned_periods": 500,
        "columns": 9, "rounds": 60,
    },
    "judge": {"seconds": 0.9, "cpu": 1.2, "rows": 5_000, "peak_mb": 500},
    "score": {
        "predict": {"seconds": 2.0, "cpu": 4.0},
        "trees": {"cpu": 3.0, "trees": 50, "periods": 3},
        "reasons": {"seconds": 30.0, "cpu": 60.0},
        "rows": 200_000,
        "peak_mb": 700,
    },
}  # fmt: skip


def test_the_figures_by_hand() -> None:
    made = figures(FOUND)
    assert made["train_per_fit"] == 1.2
    assert made["train_per_fit_cpu"] == 1.25
    assert made["reasons_per_predict"] == 15.0
    assert (made["train_s"], made["fit_s"], made["train_peak_mb"], made["rows"]) == (12.0, 10.0, 900, 200_000)
    assert made["train_per_fits"] == 1.0
    assert (made["judge_per_train"], made["judge_per_train_cpu"]) == (0.07, 0.06)
    assert made["rates"] == {
        "values_loaded": 600 * 9 / 3,
        "values_binned": 1500 * 10 / 4,
        "values_fitted": 1000 * 10 * 60 / 12,  # without the bins
        "trees_predicted": 200_000 * 3 * 50 / 3,
    }
    assert made["all"] == FOUND
    assert "training 12.0 s, LightGBM alone 10.0 s on 1,000 customer-periods: × 1.2" in in_words(made)


@pytest.mark.long
def test_all_of_it_at_toy_size(tmp_path: Path) -> None:
    size = "--customers 1500 --weeks 110 --rows 2000 --rounds 15 --work"
    run_to_end([sys.executable, "-m", "benchmarks.model", *size.split(), str(tmp_path)], cwd=Path.cwd())
    made = json.loads((tmp_path / "model.json").read_text("utf-8"))
    assert made["train_s"] > 0 < made["fit_s"]
    assert min(*made["rates"].values(), *made["bytes"].values()) > 0
    assert made["all"]["fit"]["rows"] == made["all"]["train"]["customer_periods"]
