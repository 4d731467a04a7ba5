import re
from types import SimpleNamespace

import pytest

from configs.bank_folder import load_settings
from pipeline.evaluation.report_page import Extras, report_page

METRICS = {
    "auroc": 0.8,
    "average_precision": 0.4,
    "recall_at_10": 0.6,
    "aum_caught_at_10": 0.5,
    "lift_at_10": 6.0,
}
MODEL = METRICS | {
    "rows": 1000,
    "attrition_rate": 0.04,
    "ece": 0.004,
    "calibration_slope": 1.1,
    "brier_30d": 0.01,
}
LISTS = {"listed": 401.0, "recall": 0.6, "precision": 0.1, "lift": 2.9, "aum_caught": 0.66}
MONEY = {"predicted": 2e6, "realised": 1e6, "ratio": 2.0}
PROFIT = dict.fromkeys(
    ("lists_calls", "lists_promised", "lists", "break_even_calls", "break_even_promised", "break_even",
     "break_even_money", "best_calls", "best", "expected_maximum"), 7.0
)  # fmt: skip
NOTHING = dict.fromkeys(("promised", "came", "off", "auroc", "average_precision", "ece"))
SOME = {"promised": 0.05, "came": 0.04, "off": 0.01, "auroc": 0.81, "average_precision": 0.3, "ece": 0.02}
JUDGEMENT = {
    "figures": {
        "model": MODEL, "others": {}, "intervals": {}, "capacity": {"money_at_risk": LISTS}, "profit": PROFIT,
        "money": MONEY
        | {"deciles": [MONEY], "tiers": [{"tier": "t"} | MONEY], "branches": [{"branch": "b"} | MONEY]},
    },
    "detail": {
        "calibration": {"30": [{"promised": 0.1, "came": 0.2, "rows": 10}]},
        "groups": {
            "gender": [
                {"group": "F", "rows": 9, "customers": 9, "left": 3, **NOTHING},
                {"group": "M", "rows": 9000, "customers": 1200, "left": 40, **SOME},
            ]
        },
        "features": [{"feature": "aum_last", "gain": 0.7}],
        "reasons": [{"reason": "outflow", "log_odds": 0.3}],
    },
}  # fmt: skip
BUNDLE = SimpleNamespace(
    model_id="a641",
    model=SimpleNamespace(columns=["aum_last"]),
    metrics={
        "snapshots": {"judge": ["2026-06-22"], "train": ["2024-11-18", "2024-11-25"], "tune": ["2026-01-12"]},
        "trained_as_of": "2026-11-16", "rounds": 150, "customer_periods": 84_212,
    },
)  # fmt: skip


def made(extras=None, card=None):
    return report_page(load_settings("demo"), BUNDLE, JUDGEMENT, card or {}, extras or Extras())


def test_a_group_of_too_few_customers_has_counts_and_no_figure():
    few, many = re.findall(r"<tr><td>([FM](?: .too few.)?</td>.*?)</tr>", made())
    assert "%" not in few
    assert "too few" in few
    assert "+1.00%" in many
    assert "1,200" in many
    assert "too few" not in many


def test_the_mondays_are_told_in_the_order_of_time():
    text = made()
    assert (
        text.index("fitted on 2 Mondays") < text.index("calibrated on 1 Mondays") < text.index("judged on 1")
    )


def test_what_is_missing_in_the_card_is_said():
    assert "the model card lacks its owner" in made()
    parts = (
        "purpose",
        "data",
        "label",
        "assumptions",
        "limits",
        "results",
        "monitoring limits",
        "owner",
        "approver",
    )
    assert "It is complete." in made(card=dict.fromkeys(parts, ("said",)))


@pytest.mark.parametrize(
    ("extras", "title"),
    [
        (Extras(ablation={"rows": [{"without": "flows", "auroc": 0.7}]}), "Families of features"),
        (Extras(learning_curve={"rows": [{"mondays": 9, "average_precision": 0.4}]}), "Learning curve"),
        (Extras(backtest={"origins": [{"origin": "2026-05-18"}]}), "Backtest"),
    ],
)
def test_what_other_commands_found_is_shown_where_they_were_run(extras, title):
    assert f"<h2>{title}</h2>" in made(extras)
    assert f"<h2>{title}</h2>" not in made()
