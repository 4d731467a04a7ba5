"""Evidence at every look: by hand, the law that a bet gains nothing, offsets, and a new beginning."""

from itertools import product
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.e_process import SIDES, Offsets

PROBABILITIES = st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5)


def one_window(side: str, predicted: float, observed: float, slack: float = 0.0) -> float:
    """The e-process after one window, without offsets."""
    process = Offsets(1, 1, side, slack)
    process.update(0, np.array([predicted]), np.array([observed]))
    return exp(process.evidence()[0])


def test_one_window_worked_out_by_hand():
    """10 predicted, 16 observed, slack 5%: the bound is 10.5, the ratios 1.3 / 1.05 and 2 / 1.05; a 32nd is
    bet on each and 15/16 are kept: (1.2381^16 e^−2.5 + 1.9048^16 e^−9.5) / 32 + 15/16
    = (30.48 · 0.0821 + 30,025 · 0.00007485) / 32 + 0.9375 = 1.0859.
    """
    assert one_window("more", 10, 16, slack=0.05) == pytest.approx(1.0859, abs=1e-4)
    fewer = 0.9375 + sum((r**4 * exp((1 - r) * 9.5)) for r in (1 / 1.3 / 0.95, 1 / 2 / 0.95)) / 32
    assert one_window("fewer", 10, 4, slack=0.05) == pytest.approx(fewer)


@given(PROBABILITIES, st.sampled_from(SIDES), st.floats(0, 0.2), st.booleans())
def test_a_bet_gains_nothing_where_the_prediction_is_right(probabilities, side, slack, at_bound):
    """Over all outcomes of some customers, weighted by their probability, the mean is at most 1."""
    predicted = sum(probabilities)
    if at_bound:  # as many leave as the slack allows
        predicted /= 1 + slack if side == "more" else 1 - slack
    mean = 0.0
    for outcome in product((0, 1), repeat=len(probabilities)):
        pairs = zip(probabilities, outcome, strict=True)
        weight = np.prod([p if left else 1 - p for p, left in pairs])
        mean += weight * one_window(side, predicted, sum(outcome), slack if at_bound else 0.0)
    assert mean <= 1 + 1e-9


def test_windows_of_one_offset_multiply_and_others_do_not():
    """Stride 2: weeks 0 and 2 belong together, week 1 stands alone; the largest is divided by 2."""
    together, alone = Offsets(1, 2, "more", 0.0), Offsets(1, 1, "more", 0.0)
    for week, observed in ((0, 150.0), (1, 90.0), (2, 140.0)):
        together.update(week, np.array([100.0]), np.array([observed]))
        if week != 1:
            alone.update(week, np.array([100.0]), np.array([observed]))
    assert together.evidence()[0] == pytest.approx(alone.evidence()[0] - log(2))


def test_groups_are_separate_and_one_without_customers_is_left_alone():
    process = Offsets(3, 1, "more", 0.0)
    process.update(0, np.array([100.0, 100.0, 0.0]), np.array([150.0, 100.0, 0.0]))
    high, level, empty = process.evidence()
    assert high > 5 > 0 > level
    assert empty == 0


def test_a_group_that_begins_anew_forgets_and_the_others_do_not():
    process = Offsets(2, 6, "fewer", 0.05)
    for week in range(12):
        process.update(week, np.array([500.0, 500.0]), np.array([350.0, 350.0]))
    assert process.evidence().min() > 5
    process.restart(np.array([True, False]))
    assert process.evidence()[0] == pytest.approx(-log(6))
    assert process.evidence()[1] > 5


def test_a_shift_after_years_of_calm_is_found_as_fast():
    """Four years without a shift, then half as many again: one window later there is evidence."""
    process = Offsets(1, 1, "more", 0.05)
    for week in range(35):
        process.update(week, np.array([300.0]), np.array([300.0]))
    assert process.evidence()[0] < 0
    process.update(35, np.array([300.0]), np.array([450.0]))
    assert process.evidence()[0] > log(1000)


def test_large_counts_do_not_overflow():
    process = Offsets(1, 1, "more", 0.05)
    process.update(0, np.array([1e6]), np.array([3e6]))
    process.update(1, np.array([1e6]), np.array([0.0]))
    assert np.isfinite(process.evidence()[0])
