"""Intervals: whole customers are drawn, and a weighed draw has the figures of its rows written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.capacity import Ranked, Teams, at_capacity, listed
from models.matrix import Matrix, at_rows
from models.metrics import calibration_slope, expected_calibration_error, ranking, tenths
from models.resample import Mondays, Ranking, Slope, Tenths, Times, intervals
from tests.matrices import made_matrix, rows


def customers_on(customers: int, mondays: int, seed: int = 1) -> Matrix:
    """The same fate on every Monday: a customer's rows are one observation, not many."""
    fate = np.where(np.random.default_rng(seed).random(customers) < 0.3, 30, 0)
    return made_matrix(np.tile(fate, mondays), mondays)


def written_out(whole: Matrix, times: Times) -> tuple[Matrix, np.ndarray]:
    """The rows of a draw, copies as customers of their own, and the row of ``whole`` that each is."""
    places = np.repeat(np.arange(len(whole)), times)
    copy = np.arange(len(places)) - np.repeat(np.cumsum(times) - times, times)
    names = np.char.add(whole.customer_id[places], np.char.mod("-%03d", copy))
    by_row = (whole.snapshot_date, whole.time_to_attrition, whole.outflow_share, whole.aum)
    return Matrix(np.empty((len(places), 0)), (), names, *(each[places] for each in by_row)), places


def test_whole_customers_are_drawn_with_all_their_mondays() -> None:
    whole, drawn = customers_on(30, 4), list[Times]()
    intervals(whole, lambda times: drawn.append(times) or {}, 5, seed=3)  # type: ignore[func-returns-value]
    assert len(drawn) == 5
    for times in drawn:
        assert times.sum() == 30 * 4
        assert (times.reshape(4, 30) == times[:30]).all()
        assert times.max() > 1


def rate_of(whole: Matrix):
    return lambda times: {"rate": float(times @ whole.attrited / times.sum())}


def test_the_interval_is_that_of_customers_not_of_rows() -> None:
    # 400 customers of whom 0.3 go: standard error sqrt(0.3 × 0.7 / 400) = 0.023, however many Mondays.
    for mondays in (1, 9):
        whole = customers_on(400, mondays)
        low, high = intervals(whole, rate_of(whole), 400, seed=3)["rate"]
        assert low < whole.attrited.mean() < high
        assert (high - low) / 3.92 == pytest.approx(0.023, rel=0.15)


def test_the_same_seed_gives_the_same_interval() -> None:
    whole = customers_on(100, 3)
    assert intervals(whole, rate_of(whole), 20, seed=3) == intervals(whole, rate_of(whole), 20, seed=3)
    assert intervals(whole, rate_of(whole), 20, seed=3) != intervals(whole, rate_of(whole), 20, seed=4)


def test_draws_of_one_outcome_only_are_left_out() -> None:
    nobody = customers_on(3, 1)
    nobody = nobody.where(nobody.time_to_attrition == 0)
    assert intervals(nobody, rate_of(nobody), 20, seed=3) == {}


ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 5),
        st.booleans(),
        st.integers(0, 1),
        st.sampled_from([1, 2, 3, np.nan]),
    ),
    min_size=2,
    max_size=20,
)


@given(ROWS, st.integers(0, 99))
def test_law_a_weighed_draw_has_the_figures_of_its_rows_written_out(drawn, seed):
    team, aum, barred, gone, score = (np.array(each + each) for each in zip(*drawn, strict=True))
    gone[0], gone[-1] = 0, 1
    whole, capacity = rows(gone.tolist(), mondays=2, aum=100.0 + aum), np.array([1, 2, 5])[team]
    teams, mondays = Teams(team, capacity, ~barred), Mondays(whole)
    times = np.tile(np.random.default_rng(seed).integers(0, 3, len(drawn)), 2).astype(np.int16)
    sample, places = written_out(whole, times)
    totals = mondays.totals(times)
    if not 0 < sample.attrited.sum() < len(sample) or (totals.rows == 0).any():
        return
    assert Ranking(whole, mondays, score).figures(times, totals) == pytest.approx(
        ranking(sample, score[places])
    )
    anew = at_capacity(sample, listed(sample, at_rows(teams, places), score[places], aum[places] / 1.0))
    assert Ranked(whole, mondays, teams, score, aum / 1.0).figures(times, totals) == pytest.approx(anew)
    risk = np.nan_to_num(score, nan=4) / 10
    predicted, observed = Tenths(risk, risk, whole.attrited).sums(times)
    ece = np.abs(predicted - observed).sum() / len(sample)
    assert ece == pytest.approx(expected_calibration_error(sample.attrited, risk[places]))
    lost = [sample.lost[tenth].sum() for tenth in tenths(whole.aum[places])]
    assert Tenths(whole.aum, whole.lost).sums(times)[0] == pytest.approx(lost)


@pytest.mark.parametrize("seed", range(5))
def test_the_slope_is_that_of_the_rows_written_out(seed) -> None:
    random = np.random.default_rng(seed)
    risk = 1 / (1 + np.exp(-random.normal(-2, 1, 300)))
    whole = rows((random.random(300) < risk).astype(int).tolist(), mondays=3)
    times = np.tile(random.poisson(1, 100), 3).astype(np.int16)
    sample, places = written_out(whole, times)
    anew = calibration_slope(sample.attrited, risk[places])
    assert Slope(whole.attrited, risk).of(times) == pytest.approx(anew, rel=1e-6)


def test_the_slope_of_a_draw_that_one_number_separates() -> None:
    """Newton's steps alone would run away: the outcomes of the rows drawn are told apart by their risk."""
    whole, risk = rows([0, 1, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])
    times = np.array([1, 0, 2, 1, 1, 1], dtype=np.int16)
    sample, places = written_out(whole, times)
    assert Slope(whole.attrited, risk).of(times) == pytest.approx(
        calibration_slope(sample.attrited, risk[places]), rel=1e-3
    )
