"""The rows of training: the signs of constraints, and the matrix on disk."""

from pathlib import Path

import numpy as np
import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.settings import Settings
from pipeline.training.training_rows import monotone_signs, to_disk

COLUMNS = ("outflow_sum_4w", "aum_slope_26w", "login_count_13w", "not_of_this_bank")


def settings(*words: str) -> Settings:
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
    assert monotone_signs(settings(*words), COLUMNS) == signs


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
        monotone_signs(settings(word), COLUMNS)


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
