"""Weights: margins are met, a planted non-response is undone, and rare answers do not speak for a crowd."""

import numpy as np
import pytest

from models.weighting import LARGEST, effective_n, holm, raked, weighted_mean


def test_weights_meet_every_margin():
    rng = np.random.default_rng(1)
    tier, age = rng.integers(0, 3, 400), rng.integers(0, 4, 400)
    targets = [np.array([0.5, 0.3, 0.2]), np.array([400.0, 300, 200, 100])]
    weights = raked([tier, age], targets)
    assert np.bincount(tier, weights) / 400 == pytest.approx(targets[0], abs=1e-4)
    assert np.bincount(age, weights) / 400 == pytest.approx(targets[1] / 1000, abs=1e-4)
    assert weights.mean() == pytest.approx(1)
    assert effective_n(weights) < 400
    assert effective_n(np.ones(400)) == 400


def test_weights_undo_a_planted_non_response():
    rng = np.random.default_rng(2)
    tier, old = rng.integers(0, 2, 60_000), rng.integers(0, 2, 60_000)
    level = 6 + 1.0 * tier + 1.5 * old + rng.normal(size=60_000)
    answers = rng.uniform(size=60_000) < np.array([[0.02, 0.06], [0.04, 0.12]])[tier, old]
    plain = weighted_mean(level[answers], np.ones(answers.sum()), np.arange(answers.sum()))
    weights = raked([tier[answers], old[answers]], [np.bincount(tier), np.bincount(old)])
    undone = weighted_mean(level[answers], weights, np.arange(len(weights)))
    assert plain.low > level.mean() + 0.2
    assert undone.low < level.mean() < undone.high


def test_a_weight_has_an_end_and_nobody_answers_for_a_category_without_answers():
    tier = np.array([0] * 199 + [1])
    weights = raked([tier], [np.array([0.5, 0.3, 0.2])])
    assert weights.max() == LARGEST
    assert weights[0] == pytest.approx(195 / 199)
    assert weights.mean() == pytest.approx(1)


def test_a_mean_by_hand():
    # Of 4, 6, 9 with weights 2, 1, 1: (8 + 6 + 9) / 4; the errors are √((3.5² + 0.25² + 3.25²) · 3/2) / 4.
    mean = weighted_mean(np.array([4.0, 6, 9, np.nan]), np.array([2.0, 1, 1, 7]), np.arange(4))
    assert mean.mean == 5.75
    assert mean.error == pytest.approx(np.sqrt((3.5**2 + 0.25**2 + 3.25**2) * 1.5) / 4)
    assert mean.high - mean.mean == pytest.approx(4.302652729911275 * mean.error)
    assert np.isnan(weighted_mean(np.array([4.0]), np.ones(1), np.arange(1)).mean)
    # Two rows of each customer that say the same are no more evidence than one.
    twice = weighted_mean(np.repeat([4.0, 6, 9], 2), np.repeat([2.0, 1, 1], 2), np.repeat(np.arange(3), 2))
    assert (twice.mean, twice.error) == (mean.mean, pytest.approx(mean.error))


def test_many_comparisons_ask_for_more():
    adjusted = holm(np.array([0.01, np.nan, 0.04, 0.03]))
    assert adjusted[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(adjusted[1])
