"""What training refuses before it fits anything: outcomes no model could learn from, and a leak."""

from datetime import date, timedelta

import numpy as np
import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from models.matrix import Matrix
from models.splits import Split
from pipeline.training.train import fit_bundle
from tests.matrices import made_matrix

DAYS = (date(2024, 1, 1), date(2024, 6, 3), date(2024, 11, 4))


@pytest.mark.parametrize(
    ("time_to_attrition", "said"),
    [
        ([0, 0, 30, 0, 30, 0], "0 of 2 rows attrited within 90 days on the 1 Mondays that train"),
        ([30, 0, 0, 0, 30, 0], "0 of 2 rows .* that tune"),
        ([30, 0, 30, 0, 60, 30], "2 of 2 rows .* that evaluate"),
    ],
)
def test_a_definition_that_finds_nobody_or_everybody_is_named(time_to_attrition, said):
    settings = load_settings("demo", {"label": {"definition": "closure"}})
    rows = made_matrix(time_to_attrition, DAYS, features=np.zeros((6, 1)), columns=("aum_last",))
    chosen = Split(*((day,) for day in DAYS))
    with pytest.raises(DataError, match=f"definition 'closure' {said}.*make definitions BANK=demo"):
        fit_bundle(settings, rows, chosen, DAYS[-1], lambda *_: None)


MONDAYS = tuple(date(2024, 1, 1) + timedelta(weeks=week) for week in range(3))


def rows_with(leak: bool) -> Matrix:
    """40 customers on three Mondays, one in four leaves; a feature of noise and perhaps one of the
    outcome."""
    random, rows = np.random.default_rng(1), 120
    gone = np.where(np.arange(rows) % 4 == 0, 30, 0)
    features = np.stack([random.normal(size=rows), gone * 2.0 if leak else random.normal(size=rows)], axis=1)
    return made_matrix(gone, MONDAYS, features=features, columns=("aum_last", "complaint_count_4w"))


def test_a_planted_copy_of_the_label_stops_training():
    split = Split(MONDAYS[:1], MONDAYS[1:2], MONDAYS[2:])
    told: list[int] = []
    sentence = r"1 of 2 features alone .* 0.95 allows: complaint_count_4w \(1.000\)"
    with pytest.raises(DataError, match=sentence):
        fit_bundle(load_settings("demo"), rows_with(True), split, MONDAYS[2], lambda *at: told.append(at[0]))
    assert told == []
