"""What training refuses before it fits anything: outcomes no model could learn from, and a leak."""

from datetime import date, timedelta

import numpy as np
import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from models.matrix import Matrix
from models.splits import Split
from pipeline.training.train import fit_bundle

DAYS = (date(2024, 1, 1), date(2024, 6, 3), date(2024, 11, 4))


def rows_of(time_to_attrition: list[int]) -> Matrix:
    """Two customers on each of three Mondays."""
    return Matrix(
        np.zeros((6, 1)),
        ("aum_last",),
        np.array(["C1", "C2"] * 3),
        np.repeat(np.array(DAYS, "datetime64[D]"), 2),
        np.array(time_to_attrition, np.int16),
        np.full(6, 0.9),
        np.full(6, 600_000.0),
    )


@pytest.mark.parametrize(
    ("time_to_attrition", "said"),
    [
        ([0, 0, 30, 0, 30, 0], "0 of 2 rows attrited within 90 days on the 1 Mondays that train"),
        ([30, 0, 0, 0, 30, 0], "0 of 2 rows .* that tune"),
        ([30, 0, 30, 0, 60, 30], "2 of 2 rows .* that evaluate"),
    ],
)
def test_a_definition_that_finds_nobody_or_everybody_is_named(
    time_to_attrition: list[int], said: str
) -> None:
    settings = load_settings("demo", {"label": {"definition": "closure"}})
    chosen = Split(*((day,) for day in DAYS))
    with pytest.raises(DataError, match=f"definition 'closure' {said}.*make definitions BANK=demo"):
        fit_bundle(settings, rows_of(time_to_attrition), chosen, DAYS[-1], lambda *_: None)


MONDAYS = tuple(date(2024, 1, 1) + timedelta(weeks=week) for week in range(3))


def rows_with(leak: bool) -> Matrix:
    """40 customers on three Mondays, one in four leaves; a feature of noise and perhaps one of the
    outcome."""
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
