from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from models.group_metrics import ENOUGH, by_group
from models.matrix import Matrix


def bank(leavers: dict[str, int], mondays: int = 2, customers: int = 40) -> tuple[Matrix, list[str]]:
    """``customers`` per group, of whom the first so many leave on every Monday."""
    names = [f"{group}{number:03d}" for group in leavers for number in range(customers)]
    gone = [30 * (number < left) for left in leavers.values() for number in range(customers)]
    days = [date(2024, 3, 4) + timedelta(weeks=week) for week in range(mondays)]
    rows = len(names) * mondays
    matrix = Matrix(
        np.zeros((rows, 0)), (), np.tile(names, mondays),
        np.repeat(np.array(days, dtype="datetime64[D]"), len(names)),
        np.tile(np.array(gone, dtype=np.int16), mondays), np.full(rows, 0.5), np.full(rows, 100.0),
    )  # fmt: skip
    return matrix, [name[0] for name in names] * mondays


def test_each_group_is_judged_by_itself() -> None:
    matrix, group = bank({"a": 10, "b": 20})
    risk = np.random.default_rng(1).uniform(0.1, 0.5, len(matrix))
    a, b = by_group(matrix, risk, group)
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
    few, enough = by_group(matrix, np.full(len(matrix), 0.2), group)
    assert (few["rows"], few["customers"], few["left"]) == (360, 40, left)
    assert {few[name] for name in ("promised", "came", "off", "auroc", "average_precision", "ece")} == {None}
    assert enough["auroc"] == 0.5
