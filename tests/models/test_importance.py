"""Relative importance: against the definition written out, and what is planted is found again."""

from itertools import permutations

import numpy as np
import pytest

from models import importance as module
from models.importance import importance

ORDER = (0.45, 0.30, 0.20, 0.10)


def planted(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Four predictors that go together by a third, and an outcome that they drive in ORDER."""
    rng = np.random.default_rng(seed)
    predictors = np.sqrt(0.3) * rng.normal(size=(rows, 1)) + np.sqrt(0.7) * rng.normal(size=(rows, 4))
    return predictors, predictors @ np.array(ORDER) + 0.5 * rng.normal(size=rows)


def r2_of(predictors: np.ndarray, outcome: np.ndarray) -> float:
    design = np.column_stack([np.ones(len(outcome)), predictors])
    rest = outcome - design @ np.linalg.lstsq(design, outcome, rcond=None)[0]
    return float(1 - rest.var() / outcome.var())


def test_a_share_is_the_mean_over_all_orders_of_what_a_predictor_adds():
    predictors, outcome = planted(120, 1)
    parts = np.zeros(4)
    for order in permutations(range(4)):
        for place, chosen in enumerate(order):
            before, after = predictors[:, order[:place]], predictors[:, order[: place + 1]]
            parts[chosen] += (r2_of(after, outcome) - r2_of(before, outcome)) / 24
    measured = importance(predictors, outcome, np.ones(120), seed=1)
    assert measured.shares == pytest.approx(parts / parts.sum(), abs=1e-6)
    assert measured.r2 == pytest.approx(r2_of(predictors, outcome), abs=1e-6)
    slopes = np.linalg.lstsq(np.column_stack([predictors, np.ones(120)]), outcome, rcond=None)[0][:4]
    assert measured.slopes == pytest.approx(slopes * predictors.std(axis=0), abs=1e-6)


def test_planted_drivers_come_in_their_order_and_their_intervals_hold_the_truth():
    predictors, outcome = planted(1_500, 2)
    measured = importance(predictors, outcome, np.ones(1_500), seed=3)
    assert (np.diff(measured.shares) < 0).all()
    assert measured.p < 0.01
    among = 0.3 + 0.7 * np.eye(4)
    drives = among @ ORDER
    population = np.block([[among, drives[:, None]], [drives, drives @ ORDER + 0.25]])
    truth = module._shares(module._explained(population[None]))[0]
    assert ((measured.low < truth) & (truth < measured.high)).all()
    assert (measured.slope_low < measured.slopes).all()
    assert (measured.slopes < measured.slope_high).all()
    again = importance(predictors, outcome, np.ones(1_500), seed=3)
    assert (again.low == measured.low).all()


def test_a_row_of_weight_two_counts_as_two_rows():
    predictors, outcome = planted(80, 4)
    weights = np.where(np.arange(80) < 30, 2.0, 1.0)
    twice = np.concatenate([np.arange(80), np.arange(30)])
    one, two = (
        importance(predictors, outcome, weights, 1),
        importance(predictors[twice], outcome[twice], np.ones(110), 1),
    )
    assert one.shares == pytest.approx(two.shares, abs=1e-6)
    assert one.slopes == pytest.approx(two.slopes, abs=1e-6)


def test_an_outcome_of_chance_is_said_to_be_so():
    predictors, _ = planted(300, 6)
    left = (np.random.default_rng(8).uniform(size=300) < 0.05).astype(float)
    assert importance(predictors, left, np.ones(300), 1).p > 0.05
    constant = importance(predictors, np.zeros(300), np.ones(300), 1)
    assert (constant.r2, constant.p) == (0, 1)
    assert constant.shares == pytest.approx([0.25] * 4)


def test_of_many_predictors_relative_weights_take_the_place_of_orders(monkeypatch):
    predictors, outcome = planted(2_000, 2)
    exact = importance(predictors, outcome, np.ones(2_000), 1)
    monkeypatch.setattr(module, "MOST_EXACT", 3)
    quick = importance(predictors, outcome, np.ones(2_000), 1)
    assert quick.shares == pytest.approx(exact.shares, abs=0.02)
    assert quick.r2 == pytest.approx(exact.r2, abs=1e-6)
