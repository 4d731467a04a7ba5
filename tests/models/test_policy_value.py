"""What a policy is worth, where the truth is known and by hand."""

import numpy as np
import pytest

from models.policy_value import effects, policy_value


def test_the_value_of_a_policy_is_right_whatever_was_expected():
    """Contacts keep 0.2 of 1 from the riskier half and lose 0.1 in the other; expected was the reverse."""
    covered, values = 0, list[float]()
    for seed in range(40):
        random = np.random.default_rng(seed)
        risky, listed = random.random(2_000) < 0.5, random.random(2_000) < 0.8
        left = random.random(2_000) < 0.4 - listed * np.where(risky, 0.2, -0.1)
        expected = (np.full(2_000, 0.3), np.where(risky, -0.1, 0.2))
        known = effects(listed, np.full(2_000, 0.8), left * 1.0, *expected)
        value = policy_value(np.where(risky, known, 0.0))
        values.append(value.kept)
        covered += value.low <= 0.2 * risky.sum() <= value.high
    assert np.mean(values) == pytest.approx(200, abs=12)
    assert covered >= 36


def test_effects_by_hand():
    """Both left. Listed with 0.8, expected 0.5 − 0.1: 0.1 − 0.6 / 0.8. Control: 0.1 + 0.5 / 0.2."""
    known = effects(np.array([True, False]), np.full(2, 0.8), np.ones(2), np.full(2, 0.5), np.full(2, 0.1))
    assert known == pytest.approx([-0.65, 2.6])
