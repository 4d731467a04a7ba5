"""Training: outcomes no model could learn from and a leak are refused before anything is fitted; the signs of
constraints; the matrix on disk."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError, DataError
from configs.settings import Settings
from models.matrix import Matrix
from models.splits import Split
from pipeline.training.train import fit_bundle, monotone_signs, to_disk
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


COLUMNS = ("outflow_sum_4w", "aum_slope_26w", "login_count_13w", "not_of_this_bank")


def constrained(*words: str) -> Settings:
    return load_settings("demo", {"training": {"monotone": list(words)}})


@pytest.mark.parametrize(
    ("words", "signs"),
    [
        (["outflow"], (1, 0, 0, 0)),  # a group of reasons
        (["aum_slope_26w"], (0, -1, 0, 0)),  # a name: less is worrying
        (["outflow_sum_*", "balance"], (1, -1, 0, 0)),
        (["*"], (1, -1, 0, 0)),  # logins are worrying in no direction
        ([], ()),
    ],
)
def test_names_patterns_and_groups_become_signs(words: list[str], signs: tuple[int, ...]) -> None:
    assert monotone_signs(constrained(*words), COLUMNS) == signs


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("outflow_sum_4", r"'outflow_sum_4' names no feature. Did you mean 'outflow_sum_4w'"),
        ("outflo", r"'outflo' names no feature. Did you mean 'outflow'"),
        ("login_count_*", r"names \d+ features, none of which is worrying"),
    ],
)
def test_a_word_that_constrains_nothing_is_refused(word: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        monotone_signs(constrained(word), COLUMNS)


def test_parts_come_back_in_their_order_from_a_file_that_nobody_sees(tmp_path: Path) -> None:
    parts = [np.array([[1.0, np.nan], [3.0, 4.0]]), np.empty((0, 2)), np.array([[5.0, 6.0]])]
    found = to_disk(tmp_path, parts)
    assert found.tobytes() == np.concatenate(parts).tobytes()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 2.0


def test_columns_of_another_layout_are_rows_all_the_same(tmp_path: Path) -> None:
    rows = to_disk(tmp_path, [np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])])
    assert rows.tolist() == [[1, 2], [3, 4]]


def test_no_row_at_all(tmp_path: Path) -> None:
    assert to_disk(tmp_path, [np.empty((0, 3))]).shape == (0, 3)
