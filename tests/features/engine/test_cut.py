"""Customers with late rows are computed again in passes over some snapshots each."""

import numpy as np
import pytest

from features.engine import cut
from features.engine.cut import _together


@pytest.mark.parametrize(
    ("snapshot", "cuts"),
    [
        ([], []),
        ([3], [[3]]),
        ([0, 0, 1, 2, 2, 2, 2, 4], [[0, 0, 1], [2, 2, 2, 2], [4]]),  # one snapshot has more than a cut holds
        ([0, 1, 2, 3, 4], [[0, 1, 2], [3, 4]]),
        ([0, 0, 0, 0, 0], [[0, 0, 0, 0, 0]]),
    ],
)
def test_a_cut_holds_whole_snapshots(
    snapshot: list[int], cuts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "TOGETHER", 3)
    pairs = np.array(snapshot, np.int64)
    assert [pairs[late].tolist() for late in _together(pairs, 5)] == cuts
