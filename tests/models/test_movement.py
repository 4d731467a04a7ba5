"""Expected movement against a world whose probabilities are known, and planted errors that χ² catches."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from models.movement import (
    Quarter,
    agreement,
    counts_by_cell,
    expected_cells,
    fit_movement,
    log_loss,
)

STATES, ENDS, CUSTOMERS, GROUPS = 3, 4, 3_000, 4


def _quarter(seed: int, shock: float = 0.0) -> Quarter:
    """Three states by a size; who is near a bound moves, the last end is leaving. ``shock``: of log-odds."""
    random = np.random.default_rng(seed)
    size = random.uniform(0, STATES, CUSTOMERS)
    start = size.astype(np.int64)
    trend = random.normal(0, 0.3, CUSTOMERS)
    center = np.array([0.5, 1.5, 2.5])
    odds = -4 * np.abs((size + trend)[:, None] - center)
    odds = np.column_stack([odds, np.full(CUSTOMERS, -4.5)])
    odds += random.normal(0, shock, (STATES, ENDS))[start]
    end = (softmax(odds, axis=1).cumsum(axis=1) < random.uniform(size=(CUSTOMERS, 1))).sum(axis=1)
    known = np.where(np.arange(CUSTOMERS) % 10 == 0, np.nan, trend)
    group = np.arange(CUSTOMERS) % GROUPS
    return Quarter(np.column_stack([start, size, known]), start, np.minimum(end, STATES), group)


def _plain(quarter: Quarter, ahead: Quarter) -> np.ndarray:
    """The baseline: the matrix of the last quarter as it was."""
    seen = counts_by_cell(quarter.start, quarter.end, STATES, ENDS) + 0.1
    return (seen / seen.sum(axis=1, keepdims=True))[ahead.start]


def _worst(quarter: Quarter, probabilities: np.ndarray, spread: float, quarters: int) -> float:
    cells = expected_cells(probabilities, quarter.start, STATES)
    observed = counts_by_cell(quarter.start, quarter.end, STATES, ENDS)
    return min(row.p for row in agreement(cells, observed, spread, quarters))


def test_expected_cells_of_two_customers_are_sums() -> None:
    probabilities = np.array([[0.5, 0.5], [0.2, 0.8]])
    cells = expected_cells(probabilities, np.array([0, 0]), 2, np.array([10.0, 100.0]))
    assert cells.mean.tolist() == [[25.0, 85.0], [0.0, 0.0]]
    # 100 · ¼ + 10,000 · 0.16; a unit of log-odds moves 10 · ¼ + 100 · 0.16 of money.
    assert cells.chance[0] == pytest.approx(np.array([[1625, -1625], [-1625, 1625]]))
    assert cells.slope[0, 0].tolist() == [pytest.approx(18.5), pytest.approx(-18.5)]
    low, high = cells.interval(0.0, 10**9)
    assert high[0, 1] == pytest.approx(85 + 1.959964 * 1625**0.5)
    assert low[0, 0] == 0
    # Of a shock's variance 0.01 comes 0.01 · 2 · 18.5²; of two quarters behind it half as much again.
    assert cells.covariance(0.01, 2)[0, 0, 0] == pytest.approx(1.5 * (1625 + 0.01 * 2 * 18.5**2))


def test_movement_is_calibrated_and_planted_errors_are_seen() -> None:
    quarters, ahead = [_quarter(seed) for seed in (1, 2, 3)], _quarter(4)
    model = fit_movement(quarters, STATES, seed=7)
    probabilities = model.probabilities(ahead.features, ahead.start)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    fitted = [model.probabilities(quarter.features, quarter.start) for quarter in quarters]
    expected = sum(expected_cells(p, q.start, STATES).mean for p, q in zip(fitted, quarters, strict=True))
    seen = sum(counts_by_cell(quarter.start, quarter.end, STATES, ENDS) for quarter in quarters)
    assert expected == pytest.approx(seen, abs=1.5)  # one customer more per row keeps empty cells possible
    assert log_loss(probabilities, ahead.end) < log_loss(_plain(quarters[-1], ahead), ahead.end) - 0.1
    assert _worst(ahead, probabilities, model.spread, 3) > 0.001
    again = fit_movement(quarters, STATES, seed=7)
    assert np.array_equal(again.probabilities(ahead.features, ahead.start), probabilities)

    swapped = replace(ahead, end=np.array([1, 0, 2, 3])[ahead.end])
    assert _worst(swapped, probabilities, model.spread, 3) < 1e-6
    # A feature that knows the end in the quarters fitted on, and cannot know it now.
    leaking = [replace(q, features=np.column_stack([q.features, q.end])) for q in quarters]
    leak = fit_movement(leaking, STATES, seed=7)
    blind = leak.probabilities(np.column_stack([ahead.features, ahead.start]), ahead.start)
    assert _worst(ahead, blind, leak.spread, 3) < 1e-6


def test_shocks_that_customers_share_widen_the_intervals() -> None:
    shocked = [_quarter(seed, shock=0.3) for seed in range(10, 16)]
    model = fit_movement(shocked[:4], STATES, seed=7)
    assert 0.02 < model.spread < 0.3  # 0.09
    assert model.group_spread >= model.spread
    calm = fit_movement([_quarter(seed) for seed in range(20, 24)], STATES, seed=7)
    assert calm.spread < 0.01
    inside, chance = [], []
    for ahead in shocked[4:]:
        cells = expected_cells(model.probabilities(ahead.features, ahead.start), ahead.start, STATES)
        observed = counts_by_cell(ahead.start, ahead.end, STATES, ENDS)
        for bag, spread in ((inside, model.spread), (chance, 0.0)):
            low, high = cells.interval(spread, 4)
            bag += [(np.floor(low) <= observed) & (observed <= np.ceil(high))]
    assert np.mean(inside) > 0.85 > np.mean(chance)


def test_one_quarter_knows_no_spread() -> None:
    model = fit_movement([_quarter(1)], STATES, seed=7)
    assert (model.spread, model.group_spread, model.quarters) == (0.0, 0.0, 1)
