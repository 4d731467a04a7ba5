import pytest

from configs.bank_folder import load_settings
from pipeline.evaluation.sections import capacity, earnings, money_section, promised

METRICS = {
    "auroc": 0.8,
    "average_precision": 0.4,
    "recall_at_10": 0.6,
    "aum_caught_at_10": 0.5,
    "lift_at_10": 6.0,
}
LISTS = {"listed": 401.4, "recall": 0.615, "precision": 0.118, "lift": 2.9, "aum_caught": 0.66}
MONEY = {"predicted": 2e6, "realised": 1e6, "ratio": 2.0}


@pytest.fixture(scope="module")
def settings():
    return load_settings("demo")


def rows(section, number=0):
    return [dict(row) for row in section.tables[number].rows]


def test_each_way_to_rank_has_its_figures_and_intervals_where_drawn():
    found = {"model": METRICS, "others": {"largest_drop": METRICS}, "intervals": {"model.auroc": [0.7, 0.9]}}
    model, rule = rows(promised(found))
    assert model["AUROC"] == "0.800 [0.700, 0.900]"
    assert (rule["ranked by"], rule["AUROC"]) == ("largest drop", "0.800")
    assert model["leavers in first 10%"] == "0.600"


def test_lists_at_capacity_say_what_they_are_filled_by():
    found = {"capacity": {"money_at_risk": LISTS}, "intervals": {"capacity.money_at_risk.recall": [0.5, 0.7]}}
    (row,) = rows(capacity(found))
    assert row["lists filled by"] == "money at risk"
    assert row["calls a Monday"] == "401"
    assert row["leavers on a list"] == "0.615 [0.500, 0.700]"
    assert row["of a list leave"] == "0.118"


def test_money_in_total_by_tenth_tier_and_branch(settings):
    money = MONEY | {
        "deciles": [MONEY, MONEY | {"realised": 0.0, "ratio": None}],
        "tiers": [{"tier": "wealth", **MONEY}],
        "branches": [{"branch": "B1", **MONEY}],
    }
    sure = {"model.money_ratio": [1.5, 2.5], "left.tenth_1": [4e5, 2.5e6]}
    section = money_section(settings, {"money": money, "intervals": sure})
    assert "2,000,000 CNY" in section.texts[0]
    assert "2.000 [1.500, 2.500]" in section.texts[0]
    assert [row["ratio"] for row in rows(section)] == ["2.00", ""]
    assert [(row["95% from"], row["95% to"]) for row in rows(section)] == [("400,000", "2,500,000"), ("", "")]
    assert rows(section, 2)[0]["branch"] == "B1"
    assert len(section.charts) == 3


def test_earnings_name_their_assumptions(settings):
    found = {
        "lists_calls": 401, "lists_promised": 143_000.0, "lists": 124_514.2, "break_even_calls": 370,
        "break_even_promised": 1.0, "break_even": 2.0, "break_even_money": 50_000, "best_calls": 237,
        "best": 164_689.0, "expected_maximum": 166_577.8,
    }  # fmt: skip
    section = earnings(settings, found)
    assert "keeps 30%" in section.texts[0]
    lists, pays, best, doubt = rows(section)
    assert (lists["promised, CNY"], lists["came, CNY"]) == ("143,000", "124,514")
    assert pays["called"] == "everybody from 50,000 CNY at risk"
    assert (best["promised, CNY"], doubt["calls a Monday"]) == ("", "")


def test_many_branches_are_shown_as_the_largest_and_the_others_together(settings):
    branches = [
        {"branch": f"B{k:02d}", "predicted": 1e6 * k, "realised": 5e5, "ratio": 2.0 * k} for k in range(1, 24)
    ]
    money = {**MONEY, "deciles": [{**MONEY}], "tiers": [{"tier": "wealth", **MONEY}], "branches": branches}
    shown = rows(money_section(settings, {"money": money, "intervals": {}}), 2)
    assert [one["branch"] for one in shown] == [*(f"B{k:02d}" for k in range(4, 24)), "3 others"]
    assert (shown[-1]["predicted"], shown[-1]["realised"], shown[-1]["ratio"]) == (
        "6,000,000",
        "1,500,000",
        "4.00",
    )
