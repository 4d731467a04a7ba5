from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from configs.errors import DataError
from models.matrix import Matrix
from models.metrics import (
    ENOUGH,
    by_snapshot,
    calibration_slope,
    evaluate,
    expected_calibration_error,
    gone_by,
    group_metrics,
    log_loss,
    money,
    money_by,
    ranking,
    reliability,
    top,
)
from tests.matrices import made_matrix, rows


def test_one_list_of_ten_worked_by_hand() -> None:
    # Ranked by score: attrited, stayed, attrited, then seven who stayed. Ten rows: both shares list one.
    matrix = rows([0, 0, 0, 0, 0, 0, 0, 1, 0, 1], aum=[100.0] * 9 + [300.0])
    risk = np.array([1e-9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    found = evaluate(matrix, risk[:, None], (30,))
    assert (found["rows"], found["attrited"], found["attrition_rate"]) == (10, 2, 0.2)
    # Pairs (attrited, stayed): 16; lost: only 0.7 against 0.8.
    assert found["auroc"] == pytest.approx(15 / 16)
    # Precision at the two finds: 1/1 and 2/3.
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["lift_at_5"] == found["lift_at_10"] == pytest.approx(5)
    assert found["recall_at_5"] == found["recall_at_10"] == pytest.approx(0.5)
    # 0.5 × 300 of 0.5 × (100 + 300).
    assert found["aum_caught_at_10"] == pytest.approx(0.75)
    # Squares: 0, 1, 4, 9, 16, 25, 36, 9 (0.7 − 1), 64, 1 (0.9 − 1), in hundredths, over ten.
    assert found["brier_30d"] == pytest.approx(0.165)
    # Ten bins of one: 0 + 0.1 + … + 0.6, then 0.3, 0.8, 0.1, over ten.
    assert found["ece"] == pytest.approx(0.33)


def test_each_monday_has_its_own_list() -> None:
    # Of the second Monday eight scores are above the first Monday's best: one pooled list would miss it.
    matrix = rows([1] + [0] * 9 + [0] * 9 + [1], mondays=2)
    scores = np.concatenate([np.linspace(0.3, 0.1, 10), np.linspace(0.2, 0.9, 10)])
    assert np.flatnonzero(top(matrix, scores, 0.10)).tolist() == [0, 19]
    assert ranking(matrix, scores)["recall_at_10"] == 1
    assert ranking(matrix, scores)["lift_at_10"] == pytest.approx(10)


def test_equal_scores_rank_by_customer() -> None:
    matrix = rows([0] * 15 + [1] * 5)
    assert np.flatnonzero(top(matrix, np.zeros(20), 0.10)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("size", "share", "length"), [(30, 0.1, 3), (100, 0.07, 7), (31, 0.1, 4), (1, 0.05, 1), (40, 0.05, 2)]
)
def test_a_list_is_rounded_up_to_whole_customers(size: int, share: float, length: int) -> None:
    assert top(rows([0] * size), np.arange(size, dtype=float), share).sum() == length


def test_an_unknown_score_ranks_last() -> None:
    matrix = rows([1, 0, 0, 1])
    found = ranking(matrix, np.array([np.nan, -5.0, 0.0, 7.0]))
    # The unknown one loses both its pairs, the other attrited wins both.
    assert found["auroc"] == pytest.approx(0.5)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(-20, 20)), min_size=2, max_size=60
    ).filter(lambda pairs: len({outcome for outcome, _ in pairs}) == 2)
)  # fmt: skip
def test_law_metrics_agree_with_scikit_learn_and_only_the_order_counts(pairs: list[tuple[int, int]]) -> None:
    attrited, raw = [outcome for outcome, _ in pairs], np.array([float(score) for _, score in pairs])
    matrix = rows(attrited)
    found = ranking(matrix, raw)
    assert found["auroc"] == pytest.approx(roc_auc_score(attrited, raw))
    assert found == ranking(matrix, np.exp(raw / 20))
    assert found["average_precision"] == pytest.approx(average_precision_score(attrited, raw))
    risk = 1 / (1 + np.exp(-raw))
    brier = evaluate(matrix, risk[:, None], (30,))["brier_30d"]
    assert brier == pytest.approx(brier_score_loss(attrited, risk))
    assert 0 <= found["recall_at_5"] <= found["recall_at_10"] <= 1


def test_calibration_error_of_promises_kept_and_broken() -> None:
    attrited = np.array(([0] * 9 + [1]) * 10, dtype=np.int8)
    assert expected_calibration_error(attrited, np.full(100, 0.1)) == pytest.approx(0)
    assert expected_calibration_error(attrited, np.full(100, 0.4)) == pytest.approx(0.3)


def test_reliability_in_groups_of_ascending_risk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.metrics.BINS", 2)
    happened = np.array([1, 0, 0, 1, 1, 0], dtype=np.int8)
    risk = np.array([0.9, 0.1, 0.2, 0.8, 0.7, 0.3])
    assert [one["rows"] for one in reliability(happened, risk)] == [3, 3]
    low, high = reliability(happened, risk)
    assert (low["promised"], low["came"]) == (pytest.approx(0.2), 0)
    assert (high["promised"], high["came"]) == (pytest.approx(0.8), 1)
    assert expected_calibration_error(happened, risk) == pytest.approx(0.2)


def test_each_horizon_has_its_own_brier_score() -> None:
    matrix = replace(rows([1, 1, 1, 0]), time_to_attrition=np.array([30, 60, 90, 0], dtype=np.int16))
    assert [gone_by(matrix, days).sum() for days in (30, 60, 90)] == [1, 2, 3]
    found = evaluate(matrix, np.tile([0.25, 0.5, 0.75], (4, 1)), (30, 60, 90))
    # By 30 days one of four is gone: (0.75² + 3 × 0.25²) / 4; by 60 two: 0.5²; by 90 three.
    assert [found[f"brier_{days}d"] for days in (30, 60, 90)] == pytest.approx([0.1875, 0.25, 0.1875])


def test_slope_of_promises_that_are_too_extreme() -> None:
    random = np.random.default_rng(1)
    odds = random.normal(-1, 1, 40_000)
    attrited = (random.random(40_000) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    assert calibration_slope(attrited, 1 / (1 + np.exp(-odds))) == pytest.approx(1, abs=0.05)
    assert calibration_slope(attrited, 1 / (1 + np.exp(-2 * odds))) == pytest.approx(0.5, abs=0.03)


def test_money_in_total_by_tenth_and_by_tier() -> None:
    # Twenty customers with 100 each; half of the AUM of the last and the first leaves.
    matrix = rows([1] + [0] * 18 + [1])
    expected, tier = np.arange(20.0), np.array(["mass"] * 10 + ["wealth"] * 10)
    found = money(matrix, expected, tier)
    assert (found["predicted"], found["realised"], found["ratio"]) == (190, 100, 1.9)
    assert [one["predicted"] for one in found["deciles"]] == [1 + 4 * k for k in range(10)]
    assert [one["realised"] for one in found["deciles"]] == [50, *[0] * 8, 50]
    assert found["deciles"][1]["ratio"] is None
    assert found["tiers"] == [
        {"tier": "mass", "predicted": 45, "realised": 50, "ratio": 0.9},
        {"tier": "wealth", "predicted": 145, "realised": 50, "ratio": 2.9},
    ]


def test_money_by_any_group() -> None:
    found = money_by(rows([1, 0, 1]), np.array([10.0, 20, 30]), "branch", np.array(["B2", "B1", "B2"]))
    assert found == [
        {"branch": "B1", "predicted": 20, "realised": 0, "ratio": None},
        {"branch": "B2", "predicted": 40, "realised": 100, "ratio": 0.4},
    ]


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_only_cannot_be_judged(outcome: int) -> None:
    with pytest.raises(DataError, match="both outcomes"):
        ranking(rows([outcome] * 4), np.arange(4.0))


def test_one_point_per_monday(judge: Matrix) -> None:
    days = np.unique(judge.snapshot_date)
    # On the first Monday the risk is the outcome itself, later it says nothing; on the last nobody left.
    risk = np.where(judge.snapshot_date == days[0], 0.1 + 0.8 * judge.attrited, 0.5)
    stayed = np.where(judge.snapshot_date == days[-1], 0, judge.time_to_attrition)
    points = by_snapshot(replace(judge, time_to_attrition=stayed), risk)
    assert [point["snapshot_date"] for point in points] == [str(day) for day in days]
    assert [point["rows"] for point in points] == [400] * 4
    assert points[0]["auroc"] == points[0]["average_precision"] == 1
    assert points[1]["auroc"] == 0.5
    assert points[0]["log_loss"] == pytest.approx(-np.log(0.9))
    assert points[1]["log_loss"] == pytest.approx(np.log(2))
    assert "auroc" not in points[-1]


def test_certainty_that_was_wrong_is_finite() -> None:
    assert log_loss(np.array([1], np.int8), np.array([0.0])) == pytest.approx(-np.log(1e-15))


def bank(leavers: dict[str, int], mondays: int = 2, customers: int = 40) -> tuple[Matrix, list[str]]:
    """``customers`` per group, of whom the first so many leave on every Monday."""
    names = [f"{group}{number:03d}" for group in leavers for number in range(customers)]
    gone = [30 * (number < left) for left in leavers.values() for number in range(customers)]
    return made_matrix(gone * mondays, mondays, names=names), [name[0] for name in names] * mondays


def test_each_group_is_judged_by_itself() -> None:
    matrix, group = bank({"a": 10, "b": 20})
    risk = np.random.default_rng(1).uniform(0.1, 0.5, len(matrix))
    a, b = group_metrics(matrix, risk, group)
    assert [a["group"], b["group"]] == ["a", "b"]
    for found, left in ((a, 10), (b, 20)):
        own = np.array(group) == found["group"]
        assert (found["rows"], found["customers"], found["left"]) == (80, 40, left)
        assert found["came"] == left / 40
        assert found["promised"] == pytest.approx(risk[own].mean())
        assert found["off"] == pytest.approx(risk[own].mean() - left / 40)
        assert found["auroc"] == pytest.approx(roc_auc_score(matrix.attrited[own], risk[own]))
        assert found["average_precision"] == pytest.approx(
            average_precision_score(matrix.attrited[own], risk[own])
        )
        assert found["ece"] > 0


@pytest.mark.parametrize("left", [0, 1, ENOUGH - 1, 40 - ENOUGH + 1, 40])
def test_too_few_customers_of_one_outcome_have_counts_and_no_figure(left: int) -> None:
    # On nine Mondays nine leavers are 81 rows, but still nine customers.
    matrix, group = bank({"a": left, "b": 20}, mondays=9)
    few, enough = group_metrics(matrix, np.full(len(matrix), 0.2), group)
    assert (few["rows"], few["customers"], few["left"]) == (360, 40, left)
    assert {few[name] for name in ("promised", "came", "off", "auroc", "average_precision", "ece")} == {None}
    assert enough["auroc"] == 0.5
