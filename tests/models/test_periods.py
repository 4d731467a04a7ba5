import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.periods import Periods, customer_periods, thinned


def test_four_customers_by_hand() -> None:
    found = customer_periods(np.array([60, 0, 30, 90], dtype=np.int16), (30, 60, 90))
    rows = list(zip(found.row.tolist(), found.days.tolist(), found.gone.tolist(), strict=True))
    assert rows == [
        (0, 30, 0), (0, 60, 1),
        (1, 30, 0), (1, 60, 0), (1, 90, 0),
        (2, 30, 1),
        (3, 30, 0), (3, 60, 0), (3, 90, 1),
    ]  # fmt: skip


@given(st.lists(st.sampled_from([0, 30, 60, 90]), max_size=40))
def test_law_everybody_goes_once_or_never(gone_within: list[int]) -> None:
    found = customer_periods(np.array(gone_within, dtype=np.int16), (30, 60, 90))
    events = np.bincount(found.row, weights=found.gone, minlength=len(gone_within))
    assert events.tolist() == [float(one > 0) for one in gone_within]
    assert (np.diff(found.row) >= 0).all()


def made(negatives: int, positives: int) -> Periods:
    gone = np.array([0] * negatives + [1] * positives, dtype=np.int8)
    return Periods(np.arange(len(gone)), np.full(len(gone), 30.0), gone)


def test_thinning_keeps_every_event_and_is_the_same_every_time() -> None:
    found = thinned(made(9_000, 500), 0.3, seed=5)
    assert (found.gone == 1).sum() == 500
    assert (found.gone == 0).sum() == pytest.approx(2_700, abs=150)
    assert (np.diff(found.row) > 0).all()
    assert np.array_equal(thinned(made(9_000, 500), 0.3, seed=5).row, found.row)
    assert thinned(made(90, 5), 1.0, seed=5) is not None
    assert len(thinned(made(90, 5), 1.0, seed=5)) == 95


def test_the_correction_of_the_odds_is_exact_in_expectation() -> None:
    # Of 9,000 and 500 the odds are 1/18. Over many draws 500 / E[negatives kept] × 0.3 is the same odds.
    kept = [int((thinned(made(9_000, 500), 0.3, seed).gone == 0).sum()) for seed in range(400)]
    # Standard error of the mean of 400 draws: sqrt(9000 × 0.3 × 0.7 / 400) = 2.2.
    assert np.mean(kept) == pytest.approx(2_700, abs=7)
    assert 500 / np.mean(kept) * 0.3 == pytest.approx(500 / 9_000, rel=0.003)
