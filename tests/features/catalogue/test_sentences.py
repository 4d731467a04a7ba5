"""Sentences as a manager reads them, on Monday 2026-11-16."""

import re
from datetime import date

import pytest

from configs.bank_folder import load_settings
from features.build import catalogue
from features.catalogue.sentences import sentence

MONDAY = date(2026, 11, 16)


@pytest.fixture(scope="module")
def entries(bank_settings):
    return catalogue(bank_settings)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("value", [None, 0.0, 1.0, -2.5, 123_456.789])
@pytest.mark.parametrize("days", [None, float("nan"), 0.0, 20.0])
def test_a_sentence_for_every_feature_and_value(entries, language, value, days):
    for row in entries.values():
        shown = 1.0 if row.unit in ("stage", "ago", "ahead") and value is not None else value
        text = sentence(row, shown, MONDAY, language, days)
        assert text, row.name
        assert not re.search(r"[{}]|nan|None|-0\b(?!%)|  ", text), text


# 2026-11-16 less 94 days is 2026-08-14; less 17 days 2026-10-30; 17 days ahead 2026-12-03.
@pytest.mark.parametrize(
    ("name", "value", "days", "en", "zh"),
    [
        ("days_since_salary", 94, None, "last salary on 2026-08-14", "最近一次代发工资：2026-08-14"),
        ("salary_sum_13w", 0, 94, "salary in the last 13 weeks: 0; last on 2026-08-14",
         "近13周代发工资：0元，最近一次2026-08-14"),
        ("maturing_sum_30d", 800_000, 17, "money maturing within 30 days: 800,000; next on 2026-12-03",
         "未来30天即将到期资金：80万元，最近一笔2026-12-03到期"),
        ("days_to_next_maturity", 17, None, "the next maturity on 2026-12-03", "最近一笔到期：2026-12-03"),
        ("outflow_elsewhere_max_4w", 350_000, 17,
         "largest single transfer to another bank or broker in the last 4 weeks: 350,000, on 2026-10-30",
         "近4周单笔最大转往他行及券商：35万元，2026-10-30"),
        ("outflow_elsewhere_max_4w", 350_000, 29,
         "largest single transfer to another bank or broker in the last 4 weeks: 350,000",
         "近4周单笔最大转往他行及券商：35万元"),
        ("complaint_count_13w", 1, 17, "1 complaint in the last 13 weeks, on 2026-10-30",
         "近13周投诉1次，2026-10-30"),
        ("complaint_count_13w", 2, 17, "2 complaints in the last 13 weeks; last on 2026-10-30",
         "近13周投诉2次，最近一次2026-10-30"),
        ("contact_count_13w", 0, 94, "no contacts by the manager in the last 13 weeks; last on 2026-08-14",
         "近13周客户经理联络0次，最近一次2026-08-14"),
        ("contact_count_13w", 0, None, "no contacts by the manager in the last 13 weeks",
         "近13周客户经理联络0次"),
        ("manager_vacant_days", 17, 17, "days without a relationship manager: 17, since 2026-10-30",
         "无客户经理天数：17，自2026-10-30起"),
        ("days_since_manager_change", 17, None, "last change of manager on 2026-10-30",
         "最近一次更换客户经理：2026-10-30"),
        ("manager_distinct_13w", 2, None, "2 different relationship managers in the last 13 weeks",
         "近13周先后2位客户经理"),
        ("product_held", 1, None, "1 product held", "持有产品数：1"),
        ("tenure_days", 94, None, "customer since 2026-08-14", "2026-08-14起为本行客户"),
        ("outflow_sum_4w", 8_500.4, None, "money going out in the last 4 weeks: 8,500",
         "近4周资金流出：8,500元"),
        ("outflow_sum_4w", 320_000.4, None, "money going out in the last 4 weeks: 320,000",
         "近4周资金流出：32万元"),
        ("outflow_sum_4w", 123_456_789, None, "money going out in the last 4 weeks: 123,456,789",
         "近4周资金流出：1.2亿元"),
        ("aum_change_quarter", -0.314, None, "AUM since the last quarter-end changed by -31%",
         "上季末以来总资产变动-31%"),
        ("demand_share", 0.62, None, "demand deposits: 62% of AUM", "活期存款占总资产62%"),
        ("lifecycle_stage_code", 3, None, "lifecycle stage: declining", "生命周期阶段：衰退期"),
        ("manager_vacant", 1, None, "no relationship manager in charge", "无客户经理"),
        ("days_since_card", None, None, "days since the last of card payments: none yet",
         "距最近一次刷卡消费天数：无"),
    ],
)  # fmt: skip
def test_sentences_as_a_manager_reads_them(entries, name, value, days, en, zh):
    assert sentence(entries[name], value, MONDAY, "en", days) == en
    assert sentence(entries[name], value, MONDAY, "zh", days) == zh


def test_money_that_is_not_yuan_is_not_called_so():
    koruna = catalogue(load_settings("berka"))["outflow_sum_4w"]
    assert sentence(koruna, 320_000.0, MONDAY, "zh") == "近4周资金流出：32万"
