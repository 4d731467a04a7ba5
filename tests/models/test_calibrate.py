import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import DataError
from models.hazard import Calibrator, fit_calibrator
from models.metrics import expected_calibration_error, gone_by

HORIZONS = (30, 60, 90)


def test_two_scores_end_at_their_own_rates():
    # Score 0 goes 1 in 4, score 1 goes 1 in 2: log-odds ln(1/3) and 0, so slope ln 3, offset −ln 3.
    raw = np.repeat([0.0, 1.0], 4_000)[:, None]
    gone = np.concatenate([np.arange(4_000) % 4 == 0, np.arange(4_000) % 2 == 0])
    made = fit_calibrator(raw, (30 * gone).astype(np.int16), (30,))
    assert made.slopes == pytest.approx([np.log(3)], abs=1e-4)
    assert made.offsets == pytest.approx([-np.log(3)], abs=1e-4)
    assert made.risks(np.array([[0.0], [1.0]])) == pytest.approx(np.array([[0.25], [0.5]]), abs=1e-4)


def test_risks_of_three_hazards_by_hand():
    # Hazards 1/2, 1/2, 1/5: still here with 1/2, 1/4, 1/5.
    made = Calibrator((1.0,) * 3, (0.0,) * 3)
    found = made.risks(np.array([[0.0, 0.0, -np.log(4)]]))
    assert found == pytest.approx(np.array([[0.5, 0.75, 0.8]]))


@given(
    slopes=st.tuples(*[st.floats(0.05, 5)] * 3),
    offsets=st.tuples(*[st.floats(-5, 5)] * 3),
    raw=st.lists(st.tuples(*[st.floats(-6, 3)] * 3), min_size=1, max_size=20),
)
def test_law_risk_grows_with_the_horizon(slopes, offsets, raw):
    made = Calibrator(slopes, offsets)
    found, added = made.risks(np.array(raw)), made.hazards(np.array(raw))[:, 1:]
    assert (found > 0).all()
    assert (found <= 1).all()
    assert (np.diff(found, axis=1) >= 0).all()
    # Strictly, wherever the next period adds what a float can tell.
    assert ((np.diff(found, axis=1) > 0) | (added * (1 - found[:, :-1]) < 1e-14)).all()


@given(
    slope=st.floats(0.05, 5),
    offset=st.floats(-5, 5),
    raw=st.lists(st.integers(-5_000, 3_000), min_size=2, unique=True),
)
def test_law_probabilities_grow_strictly_with_the_score(slope, offset, raw):
    found = Calibrator((slope,), (offset,)).risks(np.sort(raw)[:, None] / 1_000)
    assert (np.diff(found[:, 0]) > 0).all()
    assert (found > 0).all()
    assert (found < 1).all()


def drawn(hazard: np.ndarray, seed: int) -> np.ndarray:
    """Fates of customers with these hazards (rows × periods): the first period they go in, 0 = stayed."""
    goes = np.random.default_rng(seed).random(hazard.shape) < hazard
    return np.where(goes.any(axis=1), np.array(HORIZONS)[goes.argmax(axis=1)], 0).astype(np.int16)


def test_hazards_with_a_known_truth_are_found_again():
    # The scores are half as steep as the truth in the first period and twice as steep in the last.
    truth = np.random.default_rng(5).normal(-2, 1, size=(60_000, 3))
    raw = truth * (0.5, 1.0, 2.0) + (0.3, 0.0, -1.0)
    made = fit_calibrator(raw, drawn(1 / (1 + np.exp(-truth)), 6), HORIZONS)
    assert made.slopes == pytest.approx((2.0, 1.0, 0.5), rel=0.05)
    assert made.offsets == pytest.approx((-0.6, 0.0, 0.5), abs=0.08)
    whole = 1 - np.prod(1 - 1 / (1 + np.exp(-truth)), axis=1)
    assert made.risks(raw)[:, -1] == pytest.approx(whole, abs=0.03)


def test_few_who_go_share_one_line():
    truth = np.random.default_rng(7).normal(-5, 1, size=(3_000, 3))
    time_to_attrition = drawn(1 / (1 + np.exp(-truth)), 8)
    assert 20 < (time_to_attrition > 0).sum() < 300
    made = fit_calibrator(truth, time_to_attrition, HORIZONS)
    assert len(set(made.slopes)) == len(set(made.offsets)) == 1
    assert made.risks(truth)[:, -1].mean() == pytest.approx((time_to_attrition > 0).mean(), rel=0.02)


def test_promises_are_kept_out_of_time(bundle, judge):
    risks = bundle.calibrator.risks(bundle.model.raw(judge.features))
    for k, days in enumerate(HORIZONS):
        gone = gone_by(judge, days)
        assert risks[:, k].mean() == pytest.approx(gone.mean(), abs=0.02)
        assert expected_calibration_error(gone.astype(np.int8), risks[:, k]) < 0.03


def test_a_score_that_misleads_is_refused():
    time_to_attrition = np.array([30, 30, 30, 0], dtype=np.int16)
    with pytest.raises(DataError, match="slope -"):
        fit_calibrator(np.array([[0.0], [0.0], [1.0], [1.0]]), time_to_attrition, (30,))


def test_a_score_that_is_the_same_for_everybody_is_refused():
    time_to_attrition = np.array([30, 0, 0, 0], dtype=np.int16)
    with pytest.raises(DataError, match="has learnt nothing that lasts"):
        fit_calibrator(np.full((4, 1), -1.3), time_to_attrition, (30,))


def test_a_perfectly_separating_score_ends():
    time_to_attrition = np.array([0, 0, 30, 30], dtype=np.int16)
    made = fit_calibrator(np.array([[-2.0], [-1.0], [1.0], [2.0]]), time_to_attrition, (30,))
    assert made.risks(np.array([[-2.0], [2.0]]))[:, 0] == pytest.approx([0, 1], abs=0.01)
