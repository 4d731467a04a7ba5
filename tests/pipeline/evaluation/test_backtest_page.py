from configs.bank_folder import load_settings
from pipeline.evaluation.backtest_page import backtest_page

METRICS = {
    "auroc": 0.8,
    "average_precision": 0.4,
    "recall_at_10": 0.6,
    "aum_caught_at_10": 0.5,
    "lift_at_10": 6.0,
}
MODEL = METRICS | {"ece": 0.004, "calibration_slope": 1.03}
LISTS = {"listed": 401.0, "recall": 0.6, "precision": 0.1, "lift": 2.9, "aum_caught": 0.66}
MONEY = {"predicted": 2e6, "realised": 1e6, "ratio": 2.0}
PARTS = {"deciles": [MONEY], "tiers": [{"tier": "t"} | MONEY], "branches": [{"branch": "b"} | MONEY]}
ORIGIN = {
    "origin": "2026-05-18",
    "snapshots": {"later": ["2026-05-18", "2026-08-10"]},
    "promised": {"model": MODEL, "money": MONEY, "intervals": {"model.auroc": [0.75, 0.85]}},
    "came": {
        "model": MODEL | {"auroc": 0.7},
        "others": {"previous champion": METRICS},
        "money": MONEY | PARTS,
        "gap_to_truth": 0.0023,
        "capacity": {"money_at_risk": LISTS, "previous champion": LISTS},
        "intervals": {"model.auroc": [0.65, 0.75]},
    },
}


def test_promise_outcome_ways_lists_money_and_refusals_are_shown():
    refused = {"2026-02-16": "too few matured snapshots"}
    result = {
        "as_of": "2026-11-16", "every_weeks": 13, "refused": refused, "origins": [ORIGIN],
        "together": ORIGIN["came"],
    }  # fmt: skip
    text = backtest_page(load_settings("demo"), result)
    assert '<td>promised</td><td class="interval">0.800 [0.750, 0.850]</td>' in text
    assert '<td>came</td><td class="interval">0.700 [0.650, 0.750]</td>' in text
    assert text.count("<td>previous champion</td>") == 3
    assert "off by 0.0023 in the mean" in text
    assert "Together: money predicted and money gone" in text
    assert "2026-05-18: money predicted and money gone" in text
    assert "too few matured snapshots" in text
    whole = backtest_page(load_settings("demo"), result | {"refused": {}})
    assert "nothing could be trained" not in whole
