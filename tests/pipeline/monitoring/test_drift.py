"""How far features have moved: by hand, and what noise alone shows."""

import numpy as np
import pytest

from pipeline.monitoring.drift import _noise, psi, reading


def test_a_shift_worked_out_by_hand():
    """Of 20 then, ten are 0 and ten 1; of 20 now, five are 0 and fifteen 1; half a customer is added to each bin.

    The tenths end at 0, 0.5 (the middle) and 1, so there are five bins with the one above and the one for missing:
    then (10.5, .5, 10.5, .5, .5) / 22.5, now (5.5, .5, 15.5, .5, .5) / 22.5, and
    (5.5 − 10.5) / 22.5 · ln(5.5 / 10.5) + (15.5 − 10.5) / 22.5 · ln(15.5 / 10.5) = 0.1437 + 0.0865 = 0.2302.
    """
    then, now = np.repeat([0.0, 1.0], 10), np.repeat([0.0, 1.0], [5, 15])
    assert psi(then, now) == pytest.approx(0.2302, abs=1e-4)


def test_what_goes_missing_counts_as_a_shift():
    then = np.arange(100.0)
    now = np.where(np.arange(100) < 50, np.nan, then)
    assert psi(then, now) > 1
    assert psi(np.full(5, np.nan), np.array([np.nan, 1.0, 2.0])) is not None


def test_what_everybody_shares_is_left_out():
    assert psi(np.arange(100.0), np.full(100, 7.0)) is None
    assert psi(np.full(9, np.nan), np.full(9, np.nan)) is None


@pytest.mark.parametrize("customers", [200, 2_000, 20_000])
def test_stable_features_are_read_as_stable_however_few_customers(customers):
    """463 features for a year of Mondays: none of them is alarmed, although noise alone is above the limits at 200."""
    rng = np.random.default_rng(4)
    noise = _noise(customers, customers)
    found = [psi(*rng.lognormal(size=(2, customers))) for _ in range(463)]
    assert {reading(one, noise) for one in found} == {"stable"}


@pytest.mark.parametrize("customers", [200, 2_000])
def test_a_planted_shift_of_one_standard_deviation_is_read_as_drift(customers):
    rng = np.random.default_rng(5)
    now = rng.normal(size=customers) + 1
    assert reading(psi(rng.normal(size=customers), now), _noise(customers, customers)) == "drifted"
