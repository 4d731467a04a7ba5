import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from models.baselines import RULES
from models.bundle import settings_of
from pipeline.context import Context
from pipeline.evaluation.model_report import CURVES, model_page, report_in_full
from pipeline.training.train import columns_of
from tests.pipeline.evaluation.conftest import LISTS, METRICS, MONEY, PARTS

NO_FIGURES = dict.fromkeys(("promised", "came", "off", "auroc", "average_precision", "ece"))
SOME = {"promised": 0.05, "came": 0.04, "off": 0.01, "auroc": 0.81, "average_precision": 0.3, "ece": 0.02}
DETAIL = {
    "calibration": {"30": [{"promised": 0.1, "came": 0.2, "rows": 10}]},
    "groups": {
        "gender": [
            {"group": "F", "rows": 9, "customers": 9, "left": 3, **NO_FIGURES},
            {"group": "M", "rows": 9000, "customers": 1200, "left": 40, **SOME},
        ],
        "lifecycle stage": [{"group": "declining", "customers": 1200, "left": 40, **SOME}],
        "age band": [{"group": "unknown", "customers": 1200, "left": 40, **SOME}],
        "manager": [{"group": "nobody", "customers": 1200, "left": 40, **SOME}],
        "tier": [{"group": "wealth", "customers": 1200, "left": 40, **SOME}],
    },
    "features": [{"feature": "aum_last", "gain": 0.7}],
    "curves": {name: [{x: 0.1, y: 0.5}, {x: 1.0, y: 1.0}] for name, (x, y) in CURVES.items()},
    "effects": [{"feature": "aum_last", "log_odds": 0.2, "value": value} for value in (0.0, 0.5, None)],
    "reasons": [{"reason": "outflow", "log_odds": 0.3}],
}
BUNDLE = SimpleNamespace(
    model_id="a641",
    model=SimpleNamespace(columns=["aum_last"]),
    metrics={
        "snapshots": {"judge": ["2026-06-22"], "train": ["2024-11-18", "2024-11-25"], "tune": ["2026-01-12"]},
        "trained_as_of": "2026-11-16", "rounds": 150, "customer_periods": 84_212,
    },
)  # fmt: skip


@pytest.fixture
def made(figures):
    def page(research=None, card=None, comparison=None, language="en", **changes):
        evaluation = {"figures": figures | changes, "detail": DETAIL}
        settings = load_settings("demo", {"language": language})
        return model_page(settings, BUNDLE, evaluation, card or {}, research or {}, comparison)

    return page


def test_a_group_of_too_few_customers_has_counts_and_no_figure(made):
    small, large = re.findall(r"<tr><td>([FM](?: .too few.)?</td>.*?)</tr>", made())
    assert "%" not in small
    assert "too few" in small
    assert "+1.00%" in large
    assert "1,200" in large
    assert "too few" not in large


@pytest.mark.parametrize(
    ("comparison", "verdict"),
    [
        (None, "Not compared yet"),
        ({"objections": [], "mondays": ["2026-06-22"], "champion": None}, "Ready: nothing stands against"),
        ({"objections": ["a", "b"], "mondays": [], "champion": "c1"}, "Not ready: a; b."),
    ],
)
def test_the_page_begins_with_the_verdict(made, comparison, verdict):
    html = made(comparison=comparison)
    assert verdict in html
    assert html.index(verdict) < html.index("<h2>Which Mondays")


def test_the_mondays_are_told_in_the_order_of_time(made):
    text = made()
    assert (
        text.index("fitted on 2 Mondays")
        < text.index("calibrated on 1 Mondays")
        < text.index("evaluated on 1")
    )


def test_each_way_to_rank_has_its_figures_and_intervals_where_drawn(made, html_tables):
    model, rule = html_tables(made(intervals={"model.auroc": [0.7, 0.9]}))[0]
    assert model["AUROC"] == "0.800 [0.700, 0.900]"
    assert (rule["ranked by"], rule["AUROC"]) == ("largest drop", "0.800")
    assert model["leavers in first 10%"] == "0.600"


def test_money_in_total_by_tenth_tier_and_branch(made, html_tables):
    tenths = [MONEY, MONEY | {"realised": 0.0, "ratio": None}]
    tiers, branches = [MONEY | {"tier": "wealth"}], [MONEY | {"branch": "B1"}]
    whole = MONEY | {"deciles": tenths, "tiers": tiers, "branches": branches}
    html = made(money=whole, intervals={"model.money_ratio": [1.5, 2.5], "left.tenth_1": [4e5, 2.5e6]})
    assert "Predicted 2,000,000 CNY" in html
    assert "predicted over gone is 2.000 [1.500, 2.500]" in html
    tenths, tiers, branches = html_tables(html)[2:5]
    assert list(tiers[0]) == ["tier", "predicted", "realised", "ratio"]
    assert [row["ratio"] for row in tenths] == ["2.00", ""]
    assert [(row["95% from"], row["95% to"]) for row in tenths] == [("400,000", "2,500,000"), ("", "")]
    assert (tiers[0]["tier"], branches[0]["branch"]) == ("Wealth", "B1")


def test_lists_at_capacity_say_what_they_are_filled_by(made, html_tables):
    row, _ = html_tables(made(intervals={"capacity.money_at_risk.recall": [0.5, 0.7]}))[5]
    assert row["lists filled by"] == "money at risk"
    assert row["calls a Monday"] == "401"
    assert row["leavers on a list"] == "0.615 [0.500, 0.700]"
    assert row["of a list leave"] == "0.118"


def test_earnings_name_their_assumptions(made, html_tables):
    html = made()
    assert "keeps 30%" in html
    lists, pays, best, doubt = html_tables(html)[6]
    assert (lists["predicted, CNY"], lists["actual, CNY"]) == ("143,000", "124,514")
    assert pays["called"] == "everybody from 50,000 CNY at risk"
    assert (best["predicted, CNY"], doubt["calls a Monday"]) == ("", "")


def test_what_is_missing_in_the_card_is_said(made, html_tables):
    assert "It lacks: purpose, data," in made()
    html = made(card=dict.fromkeys(PARTS, ("first", "second")))
    assert "It is complete." in html
    assert html_tables(html)[-1][:2] == [{"part": "purpose", "": "first"}, {"part": "", "": "second"}]


ABLATION, CURVE = {"auroc": 0.7, "without": "flows"}, {"average_precision": 0.4, "mondays": 9}


@pytest.mark.parametrize(
    ("research", "title", "text"),
    [
        ({"ablation": {"rows": [ABLATION]}}, "Families of features", "<td>flows</td>"),
        ({"learning-curve": {"rows": [CURVE]}}, "Learning curve", ">average precision</th>"),
        ({"backtest": {"origins": [{"origin": "2026-05-18"}]}}, "Backtest", "Models of 2026-05-18"),
    ],
)
def test_what_other_commands_found_is_shown_where_they_were_run(made, research, title, text):
    html = made(research)
    assert f"<h2>{title}</h2>" in html
    assert text in html
    assert f"<h2>{title}</h2>" not in made()


# What keeps its Latin name on a Chinese page: figures, authors, settings, commands, codes.
LATIN = {
    "AUROC", "ROC", "ECE", "Brier", "SHAP", "EMP", "lift", "Verbraken", "Verbeke", "Baesens", "MLflow",
    "make", "mlflow", "BANK", "demo", "promotion", "profit", "card", "report", "bank", "toml", "backtest",
    "html", "customers", "aum_last", "flows",
}  # fmt: skip


def test_a_chinese_page_has_no_english_sentence(made):
    """Every part that a page may have, seen by readers; what people wrote in the card is theirs."""
    metrics = {"auroc": 0.7, "average_precision": 0.4, "recall_at_10": 0.5, "ece": 0.01}
    research = {
        "ablation": {
            "rows": [
                metrics | {"without": name, "columns": 9, "average_precision_lost": 0.1}
                for name in ("none", "flows")
            ]
        },
        "learning-curve": {"rows": [metrics | {"mondays": 9}]},
        "backtest": {"origins": [{"origin": "2026-05-18"}]},
    }
    ways = (*RULES, "logistic", "truth", "champion a642", "champion a643 (saw some of these Mondays)")
    comparison = {"objections": [], "mondays": ["2026-06-22"], "champion": "a642"}
    changes = {
        "others": dict.fromkeys(ways, METRICS),
        "capacity": dict.fromkeys(("money_at_risk", "risk", *ways), LISTS),
        "money": MONEY
        | {
            "deciles": [MONEY],
            "tiers": [{"tier": "wealth"} | MONEY],
            "branches": [{"branch": f"B{k}"} | MONEY for k in range(22)],
        },
    }
    pages = (
        made(research, dict.fromkeys(PARTS, ("内容",)), comparison, "zh", **changes),
        made(language="zh"),
        made(comparison=comparison | {"champion": None, "objections": ["…"]}, language="zh"),
    )
    for page in pages:
        assert '<html lang="zh">' in page
        shown = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
        assert set(re.findall(r"[A-Za-z_]{3,}", shown)) - LATIN == set()


def test_a_model_of_another_definition_is_not_judged_by_todays(tmp_path: Path) -> None:
    now = load_settings("demo")
    then = load_settings("demo", {"label": {"min_drop": 0.3, "horizon_days": 60}})
    columns = tuple(columns_of(now))
    old: Any = SimpleNamespace(
        model_id="feed", model=SimpleNamespace(columns=columns), settings=settings_of(then)
    )
    tables: Any = None  # nothing is read
    with pytest.raises(DataError, match="model feed was trained on another label than today's settings name"):
        report_in_full(Context(now, tmp_path), tables, old, None)
