import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import DataError
from models.bundle import Bundle
from models.calibrate import Calibrator, fit_calibrator, fit_severity, money_at_risk
from models.evaluate import expected_calibration_error
from models.matrix import Matrix


def test_two_scores_end_at_their_own_rates() -> None:
    # Score 0 attrites 1 in 4, score 1 attrites 1 in 2: log-odds ln(1/3) and 0, so slope ln 3, offset −ln 3.
    raw = np.repeat([0.0, 1.0], 4_000)
    attrited = np.concatenate([np.arange(4_000) % 4 == 0, np.arange(4_000) % 2 == 0]).astype(np.int8)
    made = fit_calibrator(raw, attrited)
    assert made.slope == pytest.approx(np.log(3), abs=1e-4)
    assert made.offset == pytest.approx(-np.log(3), abs=1e-4)
    assert made.apply(np.array([0.0, 1.0])) == pytest.approx([0.25, 0.5], abs=1e-4)


@given(
    slope=st.floats(0.05, 5),
    offset=st.floats(-5, 5),
    raw=st.lists(st.integers(-5_000, 3_000), min_size=2, unique=True),
)
def test_law_probabilities_grow_strictly_with_the_score(slope: float, offset: float, raw: list[int]) -> None:
    found = Calibrator(slope, offset).apply(np.sort(raw) / 1_000)
    assert (np.diff(found) > 0).all()
    assert (found > 0).all()
    assert (found < 1).all()


def test_promises_are_kept_out_of_time(bundle: Bundle, judge: Matrix) -> None:
    risk = bundle.calibrator.apply(bundle.model.raw(judge.features))
    assert risk.mean() == pytest.approx(judge.attrited.mean(), abs=0.02)
    assert expected_calibration_error(judge.attrited, risk) < 0.03


def test_a_score_that_misleads_is_refused() -> None:
    with pytest.raises(DataError, match="slope -"):
        fit_calibrator(np.array([0.0, 0.0, 1.0, 1.0]), np.array([1, 1, 1, 0], dtype=np.int8))


def test_a_perfectly_separating_score_ends() -> None:
    made = fit_calibrator(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1], dtype=np.int8))
    assert made.apply(np.array([-2.0, 2.0])) == pytest.approx([0, 1], abs=0.01)


def test_severity_is_weighted_by_money_and_counts_only_those_who_left(train: Matrix) -> None:
    # Of the first three rows: 100 at 0.5 and 300 at 0.9 left, 1,000 stayed: (50 + 270) / 400 = 0.8.
    three = Matrix(
        train.features[:3], train.columns, train.customer_id[:3], train.snapshot_date[:3],
        np.array([1, 0, 1], dtype=np.int8), np.array([0.5, 0.2, 0.9]), np.array([100.0, 1000.0, 300.0]),
    )  # fmt: skip
    assert fit_severity(three) == pytest.approx(0.8)
    with pytest.raises(DataError, match="0 attrited rows"):
        fit_severity(three.where(three.attrited == 0))


def test_money_at_risk_is_a_share_of_the_average_and_no_more_than_is_here() -> None:
    # 0.1 × 0.8 × 1,000,000; and of 2,000,000 on average only 400,000 are left: 0.5 × 400,000, not 0.5 × 1,600,000.
    average, now = np.array([1_000_000.0, 2_000_000.0]), np.array([900_000.0, 400_000.0])
    found = money_at_risk(np.array([0.1, 0.5]), average, now, 0.8)
    assert found == pytest.approx([80_000, 200_000])


def test_money_at_risk_adds_up_to_what_left_out_of_time(bundle: Bundle, judge: Matrix) -> None:
    risk = bundle.calibrator.apply(bundle.model.raw(judge.features))
    expected = money_at_risk(risk, judge.aum, judge.aum, bundle.severity).sum()
    assert expected == pytest.approx((judge.outflow_share * judge.aum * judge.attrited).sum(), rel=0.1)
