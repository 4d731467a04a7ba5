from dataclasses import replace

import numpy as np
import pytest

from configs.errors import DataError
from models.matrix import Matrix
from models.severity import Severity, fit_severity, money_at_risk


def three(rows: Matrix) -> Matrix:
    """100 at 0.5 and 300 at 0.9 left, 1,000 stayed."""
    return replace(
        rows.where(np.arange(len(rows)) < 3),
        time_to_attrition=np.array([30, 0, 90], dtype=np.int16),
        outflow_share=np.array([0.5, 0.2, 0.9]),
        aum=np.array([100.0, 1000.0, 300.0]),
    )


def test_with_few_it_is_the_mean_weighted_by_money_of_those_who_left(train, training):
    few = three(train)
    made = fit_severity(few, few, training)
    # (50 + 270) / 400
    assert (made.trees, made.mean, made.scale) == (None, pytest.approx(0.8), 1.0)
    assert made.share(few.features) == pytest.approx([0.8] * 3)
    with pytest.raises(DataError, match="the 0 attrited rows"):
        fit_severity(few.where(few.attrited == 0), few, training)
    with pytest.raises(DataError, match="no money left with the 2 attrited rows"):
        fit_severity(replace(few, outflow_share=np.zeros(3)), few, training)


def test_a_planted_dependence_is_found_again(bundle, judge):
    # Of the AUM 0.9 leaves where logins are low and 0.6 elsewhere, give or take 0.1.
    share = replace(bundle.severity, scale=1.0).share(judge.features)
    low = judge.features[:, judge.columns.index("login_count_13w")] < 0
    assert share[low].mean() == pytest.approx(0.9, abs=0.03)
    assert share[~low].mean() == pytest.approx(0.6, abs=0.03)
    left = judge.attrited == 1
    found, mean = (np.abs(one - judge.outflow_share)[left].mean() for one in (share, 0.75))
    assert found < mean / 2


def test_the_same_text_on_one_and_two_threads(bundle, train, tune, training):
    two = fit_severity(train, tune, training.model_copy(update={"threads": 2}))
    assert two.trees == bundle.severity.trees


def test_money_is_weighed_by_money(train, tune, training):
    # Large customers leave whole, small ones by half; no column says who is large: the share is the large
    # ones'.
    def planted(rows: Matrix) -> Matrix:
        large = np.arange(len(rows)) % 2 == 0
        aum, left = np.where(large, 9e6, 1e6), np.where(large, 1.0, 0.5)
        return replace(rows, aum=aum, outflow_share=left, features=rows.features * 0)

    made = fit_severity(planted(train), planted(tune), training)
    assert made.share(tune.features * 0)[0] == pytest.approx(0.95, abs=0.02)


def test_scaled_it_adds_up_on_the_tuning_rows(bundle, tune):
    risk = bundle.calibrator.risks(bundle.model.raw(tune.features))[:, -1]
    now = tune.aum * 0.9
    made = replace(bundle.severity, scale=0.1).scaled(tune, risk, now)
    money = money_at_risk(risk, made.share(tune.features), tune.aum, now)
    assert money.sum() == pytest.approx(tune.lost.sum(), rel=1e-9)
    # Ten times what left cannot leave: the scale ends where every share is 1.
    more = replace(tune, outflow_share=tune.outflow_share * 10)
    assert replace(bundle.severity, scale=0.1).scaled(more, risk, now).share(tune.features).min() == 1


def test_money_at_risk_is_a_share_of_the_average_and_no_more_than_is_here():
    # 0.1 × 0.8 × 1,000,000; of 2,000,000 on average only 400,000 are left: 0.5 × 400,000, not 0.5 ×
    # 1,600,000;
    # an overdraft is no money at risk.
    average, now = np.array([1_000_000.0, 2_000_000.0, 1_000_000.0]), np.array([900_000.0, 400_000.0, -5.0])
    found = money_at_risk(np.array([0.1, 0.5, 0.9]), np.full(3, 0.8), average, now)
    assert found == pytest.approx([80_000, 200_000, 0])


def test_money_at_risk_adds_up_to_what_left_out_of_time(bundle, judge):
    risk = bundle.calibrator.risks(bundle.model.raw(judge.features))[:, -1]
    expected = money_at_risk(risk, bundle.severity.share(judge.features), judge.aum, judge.aum).sum()
    assert expected == pytest.approx(judge.lost.sum(), rel=0.1)


def test_nobody_has_a_share_above_one():
    assert Severity(None, 0.8, 2.0).share(np.zeros((2, 1))).tolist() == [1.0, 1.0]
