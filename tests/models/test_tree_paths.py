"""Paths to leaves add what the definition of Shapley says, and what LightGBM's own reckoning finds."""

from itertools import permutations

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from configs.conflicts import DEEPEST
from configs.errors import ConfigError
from models.tree_paths import Paths, paths_of

PERIOD, HORIZONS = 4, (30, 60, 90)


def grown(**more: object) -> tuple[str, NDArray[np.float64]]:
    """Thirty trees on four features with unknown values and the period; and their rows without the period."""
    random = np.random.default_rng(5)
    rows = np.round(random.normal(size=(2_000, 5)), 1)
    rows[:, PERIOD] = random.choice(HORIZONS, len(rows))
    rows[random.random(len(rows)) < 0.2, 2] = np.nan
    score = rows[:, 0] * rows[:, 1] + np.nan_to_num(rows[:, 2], nan=1.5) + rows[:, PERIOD] / 60 * rows[:, 3]
    made = {"objective": "regression", "num_leaves": 12, "min_data_in_leaf": 20, "verbosity": -1} | more
    booster = lgb.train(made, lgb.Dataset(rows, score), num_boost_round=30)
    return booster.model_to_string(), rows[:200, :PERIOD]


def parts_of(paths: Paths, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    parts = np.zeros((PERIOD + 1, len(rows)))
    paths.add(np.ascontiguousarray(rows.T), parts)
    return parts


@pytest.mark.parametrize("more", [{}, {"use_missing": False}, {"max_depth": 2}, {"num_leaves": 31}])
def test_the_mean_over_the_periods_is_that_of_lightgbm(more: dict[str, object]) -> None:
    text, rows = grown(**more)
    booster = lgb.Booster(model_str=text)
    each = [
        booster.predict(np.column_stack([rows, np.full(len(rows), days)]), pred_contrib=True)
        for days in HORIZONS
    ]
    paths = paths_of(text, PERIOD, HORIZONS)
    expected = np.mean(each, axis=0)
    assert pytest.approx(expected[:, :-1], abs=1e-10) == parts_of(paths, rows).T
    assert paths.expected == pytest.approx(expected[0, -1])


def test_one_tree_by_the_definition() -> None:
    """In every order in which columns may become known, what each adds when it does; the mean over the
    orders."""
    tree = "\n".join(
        [
            "Tree=0", "num_leaves=3", "split_feature=0 1", "threshold=0.5 0.5", "decision_type=2 2",
            "left_child=1 -1", "right_child=-2 -3", "leaf_value=8 2 4", "leaf_count=30 60 10",
            "internal_count=100 40",
        ]
    )  # fmt: skip

    def value(known: set[int]) -> float:  # of a row that goes left at 0 (40 of 100) and right at 1 (10 of 40)
        below = 4.0 if 1 in known else 0.75 * 8 + 0.25 * 4
        return below if 0 in known else 0.4 * below + 0.6 * 2

    added = {0: 0.0, 1: 0.0}
    for order in permutations(added):
        for place, column in enumerate(order):
            added[column] += (value({*order[: place + 1]}) - value({*order[:place]})) / 2
    paths = paths_of(f"\n{tree}\n\nend of trees", 2, HORIZONS)
    parts = np.zeros((3, 1))
    paths.add(np.array([[0.0], [1.0]]), parts)
    assert parts[:, 0] == pytest.approx([added[0], added[1], 0.0])
    assert paths.expected == pytest.approx(value(set())) == pytest.approx(0.3 * 8 + 0.6 * 2 + 0.1 * 4)


def test_a_tree_without_a_split_is_what_everybody_has() -> None:
    paths = paths_of("\nTree=0\nnum_leaves=1\nleaf_value=0.25\n\nend of trees", 2, HORIZONS)
    assert (paths.trees, paths.expected) == ((), 0.25)


def test_splits_that_cannot_be_explained_are_named() -> None:
    sentence = r"splits of type .* Take categorical_feature and zero_as_missing out"
    with pytest.raises(ConfigError, match=sentence):
        paths_of(grown(zero_as_missing=True)[0], PERIOD, HORIZONS)


def test_a_path_with_too_many_features_says_what_to_set() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(4_000, 12))
    made = {"objective": "regression", "num_leaves": 200, "min_data_in_leaf": 2, "verbosity": -1}
    text = lgb.train(made, lgb.Dataset(rows, rows.prod(axis=1)), num_boost_round=3).model_to_string()
    with pytest.raises(ConfigError, match=f"reasons can be had of {DEEPEST} at most"):
        paths_of(text, 12, HORIZONS)
