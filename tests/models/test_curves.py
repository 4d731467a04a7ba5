from dataclasses import replace

import numpy as np
import pytest

from models.curves import by_monday, calibration, log_loss
from models.matrix import Matrix


def test_one_point_per_monday(judge: Matrix) -> None:
    days = np.unique(judge.snapshot_date)
    # On the first Monday the risk is the outcome itself, later it says nothing; on the last nobody left.
    risk = np.where(judge.snapshot_date == days[0], 0.1 + 0.8 * judge.attrited, 0.5)
    stayed = np.where(judge.snapshot_date == days[-1], 0, judge.gone_within)
    points = by_monday(replace(judge, gone_within=stayed), risk)
    assert [point["snapshot_date"] for point in points] == [str(day) for day in days]
    assert [point["rows"] for point in points] == [400] * 4
    assert points[0]["auroc"] == points[0]["average_precision"] == 1
    assert points[1]["auroc"] == 0.5
    assert points[0]["log_loss"] == pytest.approx(-np.log(0.9))
    assert points[1]["log_loss"] == pytest.approx(np.log(2))
    assert "auroc" not in points[-1]


def test_calibration_by_hand(judge: Matrix) -> None:
    twenty = judge.where(np.arange(len(judge)) < 20)
    gone = np.array([0, 30] * 10, dtype=np.int16)
    points = calibration(replace(twenty, gone_within=gone), np.arange(20)[::-1] / 20)
    assert len(points) == 10
    assert points[0] == {"promised": pytest.approx(0.025), "came": 0.5, "rows": 2}
    assert points[-1]["promised"] == pytest.approx(0.925)


def test_certainty_that_was_wrong_is_finite() -> None:
    assert log_loss(np.array([1], np.int8), np.array([0.0])) == pytest.approx(-np.log(1e-15))
