"""What training refuses before it fits."""

from datetime import date, timedelta

import numpy as np
import pytest

from configs.errors import DataError
from configs.folder import load_settings
from models.matrix import Matrix
from models.splits import Split
from pipeline.train import fit_bundle

MONDAYS = tuple(date(2024, 1, 1) + timedelta(weeks=week) for week in range(3))


def rows_with(leak: bool) -> Matrix:
    """40 customers on three Mondays, one in four leaves; a feature of noise and perhaps one of the outcome."""
    random, rows = np.random.default_rng(1), 120
    gone = np.where(np.arange(rows) % 4 == 0, 30, 0).astype(np.int16)
    features = np.stack([random.normal(size=rows), gone * 2.0 if leak else random.normal(size=rows)], axis=1)
    return Matrix(
        features, ("aum_last", "complaint_count_4w"), np.tile([f"c{n:02}" for n in range(40)], 3),
        np.repeat(np.array(MONDAYS, dtype="datetime64[D]"), 40), gone, np.full(rows, 0.5), np.full(rows, 1e6),
    )  # fmt: skip


def test_a_planted_copy_of_the_label_stops_training() -> None:
    split = Split(MONDAYS[:1], MONDAYS[1:2], MONDAYS[2:])
    told: list[int] = []
    with pytest.raises(
        DataError, match=r"1 of 2 features alone .* 0.95 allows: complaint_count_4w \(1.000\)"
    ):
        fit_bundle(load_settings("demo"), rows_with(True), split, MONDAYS[2], lambda *at: told.append(at[0]))
    assert told == []
