from datetime import date, timedelta

import numpy as np
import pytest

from models.bootstrap import intervals, resampled
from models.matrix import Matrix
from models.metrics import ranking


def bank(customers: int, mondays: int, seed: int = 1) -> Matrix:
    """The same fate on every Monday: a customer's rows are one observation, not many."""
    random = np.random.default_rng(seed)
    days = np.array([date(2024, 3, 4) + timedelta(weeks=week) for week in range(mondays)], "datetime64[D]")
    fate = np.where(random.random(customers) < 0.3, 30, 0).astype(np.int16)
    return Matrix(
        np.zeros((customers * mondays, 1)), ("nothing",),
        np.tile([f"C{number:04d}" for number in range(customers)], mondays), np.repeat(days, customers),
        np.tile(fate, mondays), np.full(customers * mondays, 0.5), np.full(customers * mondays, 100.0),
    )  # fmt: skip


def test_whole_customers_are_drawn_with_all_their_mondays() -> None:
    whole = bank(30, 4)
    for drawn, rows in resampled(whole, 5, seed=3):
        assert len(drawn) == 30 * 4
        assert len(set(drawn.customer_id)) == 30
        times = np.unique(whole.customer_id[rows], return_counts=True)[1]
        assert (times % 4 == 0).all()
        assert max(times) > 4
        assert np.array_equal(drawn.gone_within, whole.gone_within[rows])
        assert np.array_equal(drawn.snapshot_date, whole.snapshot_date[rows])


def rate(drawn: Matrix, _: np.ndarray) -> dict[str, float]:
    return {"rate": float(drawn.attrited.mean())}


def test_the_interval_is_that_of_customers_not_of_rows() -> None:
    # 400 customers of whom 0.3 go: standard error sqrt(0.3 × 0.7 / 400) = 0.023, however many Mondays.
    for mondays in (1, 9):
        whole = bank(400, mondays)
        low, high = intervals(whole, rate, 400, seed=3)["rate"]
        assert low < whole.attrited.mean() < high
        assert (high - low) / 3.92 == pytest.approx(0.023, rel=0.15)


def test_the_same_seed_gives_the_same_interval() -> None:
    whole, scores = bank(100, 3), np.random.default_rng(2).random(300)

    def metrics(drawn: Matrix, rows: np.ndarray) -> dict[str, float]:
        return ranking(drawn, scores[rows])

    assert intervals(whole, metrics, 20, seed=3) == intervals(whole, metrics, 20, seed=3)
    assert intervals(whole, metrics, 20, seed=3) != intervals(whole, metrics, 20, seed=4)


def test_draws_of_one_outcome_only_are_left_out() -> None:
    nobody = bank(3, 1)
    assert intervals(nobody.where(nobody.gone_within == 0), rate, 20, seed=3) == {}
