"""Figures of a hand-made bank: two Mondays, one team, ten customers."""

from dataclasses import replace

import numpy as np
import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from models.bundle import Predicted
from models.capacity import Teams
from models.matrix import at_rows
from pipeline.evaluation import figures as figures_module
from pipeline.evaluation.figures import Evaluated, figures, lists, pooled
from tests.matrices import made_matrix

SIZE = 10


@pytest.fixture
def settings():
    terms = {"call_cost": 100, "success_rate": 0.5, "margin": 0.01}
    return load_settings("demo", {"profit": terms, "label": {"horizon_days": 30}})


@pytest.fixture
def evaluated() -> Evaluated:
    """Customers 0 and 1 leave with half of 200,000; risk falls with the number, money at risk rises with
    it."""
    rows = made_matrix(2 * ([30, 30] + [0] * (SIZE - 2)), mondays=2, aum=200_000.0)
    risk = np.tile(np.linspace(0.9, 0.05, SIZE), 2)
    money = np.tile(np.arange(SIZE, dtype=float), 2) * 10_000
    may = np.tile(np.arange(SIZE) != 9, 2)
    teams = Teams(np.zeros(2 * SIZE, np.int64), np.full(2 * SIZE, 3), may)
    groups = {"tier": np.tile(["affluent"], 2 * SIZE), "branch": np.tile(["B1", "B2"], SIZE)}
    return Evaluated(rows, Predicted(risk[:, None], money), teams, groups, {"rule": -risk})


def test_lists_are_filled_by_money_by_risk_and_by_every_other_way(evaluated):
    found = {way: np.flatnonzero(each.called[:SIZE]).tolist() for way, each in lists(evaluated).items()}
    # Customer 9, who has most money at risk, must not be called.
    assert found == {"money_at_risk": [6, 7, 8], "risk": [0, 1, 2], "rule": [6, 7, 8]}


def test_figures_of_lists_money_and_profit(settings, evaluated, monkeypatch):
    monkeypatch.setattr(figures_module, "DRAWS", 20)
    found = figures(settings, evaluated)
    assert found["capacity"]["risk"] == pytest.approx(
        {"listed": 3, "recall": 1, "precision": 2 / 3, "lift": 10 / 3, "aum_caught": 1}
    )
    assert found["capacity"]["money_at_risk"]["recall"] == 0
    # On each Monday three calls for nothing; predicted were 0.5 × 0.01 × (60 + 70 + 80 thousand) − 300.
    assert found["profit"]["lists"] == -300
    assert found["profit"]["lists_predicted"] == pytest.approx(750)
    # From 20,000 on a call pays by what is predicted: customers 2 … 8; nobody is kept by calling them.
    assert (found["profit"]["break_even_money"], found["profit"]["break_even_calls"]) == (20_000, 7)
    assert found["profit"]["break_even"] == -700
    # Everybody but the first (money 0) must be called to reach the second: 9 × 100 for 500; better nobody.
    assert (found["profit"]["best"], found["profit"]["best_calls"]) == (0, 0)
    branches = {one["branch"]: one["realised"] for one in found["money"]["branches"]}
    assert branches == {"B1": 200_000, "B2": 200_000}
    assert set(found["others"]) == {"rule"}
    names = "model.auroc model.money_ratio model.calibration_slope left.tenth_10 rule.auroc"
    for name in (*names.split(), "capacity.risk.recall", "capacity.rule.lift"):
        low, high = found["intervals"][name]
        assert low <= high
    # The last tenth of ascending predicted money is customer 9, who stays; the first is customer 0, who
    # leaves.
    assert found["intervals"]["left.tenth_10"][0] == 0
    assert found["intervals"]["left.tenth_1"][1] > 0
    assert figures(settings, evaluated) == found


def test_two_days_models_are_held_to_their_word_as_one(evaluated):
    first, second = (
        replace(evaluated, rows=(half := evaluated.rows.where(evaluated.rows.snapshot_date == day)),
                predicted=Predicted(evaluated.predicted.risks[:SIZE], evaluated.predicted.money[:SIZE]),
                teams=at_rows(evaluated.teams, np.arange(SIZE)),
                groups={name: of[:SIZE] for name, of in evaluated.groups.items()},
                others={"rule": evaluated.others["rule"][:SIZE], name: np.zeros(len(half))})
        for day, name in zip(np.unique(evaluated.rows.snapshot_date), ("before", "after"), strict=True)
    )  # fmt: skip
    whole = pooled([first, second])
    assert set(whole.others) == {"rule"}  # what only one of them has cannot be evaluated over both
    assert whole.rows.customer_id.tolist() == evaluated.rows.customer_id.tolist()
    assert whole.rows.snapshot_date.tolist() == evaluated.rows.snapshot_date.tolist()
    assert np.array_equal(whole.predicted.risks, evaluated.predicted.risks)
    assert np.array_equal(whole.groups["branch"], evaluated.groups["branch"])
    for way, each in lists(whole).items():
        assert np.array_equal(each.called, lists(evaluated)[way].called)
    with pytest.raises(DataError, match="ascend"):
        pooled([second, first])
