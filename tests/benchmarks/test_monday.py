"""The benchmark of a large bank's Monday: its figures by hand, and in the long form all of it at toy size."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.monday_steps import Sample, Sampler, at_goal, by_step, exponent, figures, in_words
from pipeline.progress import Step, recorded_steps, step
from tests.servers import run_to_end

MEASURES = {"seconds", "cpu_s", "peak_mb", "read_mb", "written_mb", "floor_s", "ratio"}
STEPS = [Step("lists", 14, 2, {}, True), Step("publish", 12, 6, {}, True), Step("publish", 20, 2, {}, True)]


def sampled(*rows: tuple[float, float, float, float, float]) -> list[Sample]:
    return [Sample(at, mb, cpu, int(read * 1e6), int(written * 1e6)) for at, mb, cpu, read, written in rows]


def test_a_step_has_what_no_step_within_it_has() -> None:
    samples = sampled(
        (11, 50, 0, 0, 0), (12, 60, 1, 0, 0), (14, 90, 4, 10, 1), (16, 300, 5, 11, 31), (18, 80, 6, 11, 33),
        (20, 70, 6, 11, 33), (21, 75, 7, 511, 34),
    )  # fmt: skip
    found = by_step(STEPS, samples, 100)
    assert found["lists"] == {"seconds": 2, "cpu_s": 1, "peak_mb": 300, "read_mb": 1, "written_mb": 30}
    # Both of its runs; before and after the lists; of 510 MB read no more than the bank has.
    assert found["publish"] == {"seconds": 5, "cpu_s": 5, "peak_mb": 300, "read_mb": 100, "written_mb": 4}
    assert found["between"]["seconds"] == 3
    assert sum(own["seconds"] for own in found.values()) == 10


def test_a_step_that_runs_is_sampled() -> None:
    with Sampler() as sampler, recorded_steps() as steps:
        with step("small"):
            time.sleep(0.05)
        with step("large"):
            held = bytearray(60_000_000)
            time.sleep(0.05)
        del held
    found = by_step(steps, sampler.samples, 1)
    assert found["large"]["peak_mb"] - found["small"]["peak_mb"] > 40
    assert found["large"]["seconds"] >= 0.04


def measured(seconds: float, cpu: float, mb: float) -> dict[str, Any]:
    own = {"seconds": seconds, "cpu_s": cpu, "peak_mb": mb, "read_mb": 100.0, "written_mb": 50.0}
    return {
        "steps": {"score": own, "between": dict.fromkeys(own, 0.0)},
        "order": ["score", "between"],
        "whole_peak_mb": mb + 1,
        "disk": {"read_mb_s": 200.0, "write_mb_s": 100.0},
        "lightgbm": {"predict_s": 1.0, "contributions_s": 9.0},
    }


def test_the_floor_is_the_bytes_at_the_disks_speed_and_lightgbms_predictions() -> None:
    found = figures({"100": measured(8, 6, 40)}, 100)
    score, whole = (found["sizes"]["100"]["steps"][name] for name in ("score", "whole"))
    assert score.keys() == whole.keys() == MEASURES
    assert (score["floor_s"], score["ratio"]) == (2.0, 4.0)  # 100/200 + 50/100 + 1
    assert (whole["ratio"], whole["peak_mb"]) == (4.0, 41)
    assert found["sizes"]["100"]["steps"]["between"]["ratio"] is None
    goal = found["goal"]
    assert (goal["customers"], goal["extrapolated"]) == (100, False)
    assert goal["steps"]["score"]["seconds"] == 8


def test_a_goal_that_was_not_measured_is_extrapolated_and_says_so() -> None:
    sizes = {"100": measured(1, 1, 10), "200": measured(2, 4, 11), "400": measured(4, 16, 13)}
    lists = {"seconds": 0.0, "cpu_s": 10.0, "peak_mb": 1.0, "read_mb": 0.0, "written_mb": 0.0}
    for one in sizes.values():
        one["steps"]["lists"] = lists
        one["order"].append("lists")
    found = figures(sizes, 800)
    goal = found["goal"]
    assert (goal["customers"], goal["extrapolated"]) == (800, True)
    score = goal["steps"]["score"]
    assert (score["exponent"], score["exponent_cpu"]) == (1.0, 2.0)
    assert score["seconds"] == pytest.approx(8)  # both ways
    assert score["cpu_s"] == pytest.approx(64)  # the power; the line says less
    assert score["peak_mb"] == pytest.approx(17)  # the line: 9 and a hundredth of each; the power says less
    assert goal["steps"]["whole"]["seconds"] == pytest.approx(8)
    assert goal["steps"]["whole"]["cpu_s"] == pytest.approx(
        74
    )  # of the steps; its own power and line say less
    assert goal["steps"]["whole"]["ratio"] == pytest.approx(8 / 2)
    assert goal["steps"]["between"] | {"ratio": 0} == dict.fromkeys(
        ("seconds", "cpu_s", "floor_s", "peak_mb", "ratio"), 0
    ) | {"exponent": None, "exponent_cpu": None}
    assert list(goal["steps"]) == ["score", "between", "lists", "whole"]
    assert "800 extrapolated" in in_words(found)
    assert "8.0 s (64.0) × 4.0, 17 MB" in in_words(found)


def test_of_one_size_growth_is_taken_as_linear() -> None:
    assert exponent([100], [3.0]) is None
    assert at_goal([100], [3.0], 1_000) == 30.0


@pytest.mark.long
def test_all_of_it_at_toy_size(tmp_path: Path) -> None:
    size = "--customers 1500 2000 --weeks 110 --goal 4000"
    folders = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out.json")]
    command = [sys.executable, "-m", "benchmarks.monday", *size.split(), *folders]
    run_to_end(command, cwd=Path.cwd())
    made = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert list(made["sizes"]) == ["1500", "2000"]
    for one in made["sizes"].values():
        assert one["steps"].keys() >= {
            "ingest",
            "snapshots",
            "score",
            "effect",
            "choose",
            "publish",
            "lists",
            "whole",
        }
        assert all(own.keys() == MEASURES for own in one["steps"].values())
        assert one["cohort"] > 100
    assert made["goal"]["extrapolated"]
    assert not list((tmp_path / "work").glob("*/measured.json"))  # the next run measures anew
