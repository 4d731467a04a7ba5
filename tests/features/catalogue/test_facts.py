"""Facts as facts.toml declares them, and as a manager reads them, on Monday 2026-11-16."""

import re
from datetime import date

import numpy as np
import pytest

from configs.reason_groups import GROUPS
from configs.tables import PRODUCT_CLASSES
from features.build import catalogue
from features.catalogue.entries import peer_entries
from features.catalogue.facts import FACTS, Figures, first_facts, nearest
from features.catalogue.sentences import sentence

MONDAY = date(2026, 11, 16)
WINDOWS = (4, 13, 26, 52)
DUE = {"due_count", "due_total", "due_last", "due_amount", "due_days", "due_class"}
TERM = float(PRODUCT_CLASSES.index("term"))


def said(figures, medians=None, windows=WINDOWS):
    """Of one customer with these figures: key, English and Chinese of each fact that is told."""
    columns = {name: np.array([float(value)]) for name, value in figures.items()}
    lookup = Figures(columns, medians or {}, windows, 1)
    rows = []
    for place in first_facts(FACTS, lookup, 1)[0]:
        if place >= 0:
            fact = FACTS[place]
            values = {name: float(fact.value(name, lookup)[0]) for name in fact.values}
            texts = (
                sentence(fact, values, lookup.windows, MONDAY, language, unit)
                for language, unit in (("en", ""), ("zh", "元"))
            )
            rows.append((fact.key, *texts))
    return rows


def test_every_name_is_a_feature_or_one_beside_them(bank_settings):
    features = catalogue(bank_settings)
    known = {
        *features,
        *peer_entries(bank_settings, features),
        *DUE,
        "size",
        *(f"weeks_{w}" for w in nearest(WINDOWS)),
    }
    # Kinds of product that the demo bank's features leave out, as others do not.
    known |= {f"{kind}_{part}" for kind in PRODUCT_CLASSES for part in ("difference_13w", "last")}
    for fact in FACTS:
        names = {re.sub("^median_|_usual$", "", name) for name in fact.names}
        assert names <= known, fact.key
        assert fact.figure in known, fact.key
        assert fact.group in GROUPS, fact.key
    assert {fact.group for fact in FACTS} == set(GROUPS)
    assert len({fact.key for fact in FACTS}) == len(FACTS)


def test_both_languages_have_the_same_places():
    for fact in FACTS:
        places = {language: set(re.findall(r"{(\w+)}", text)) for language, text in fact.text.items()}
        assert places["en"] >= set(fact.values), fact.key
        assert places["en"] - set(nearest(WINDOWS)) == places["zh"] - set(nearest(WINDOWS)), fact.key
        assert places["en"] - set(fact.values) <= set(nearest(WINDOWS)), fact.key
        assert re.search(r"[\u4e00-\u9fff]", fact.text["zh"]), fact.key


def test_what_happened_is_tried_before_how_things_stand():
    for group in GROUPS:
        lasting = [fact.lasting for fact in FACTS if fact.group == group]
        assert lasting == sorted(lasting), group


def test_every_fact_reads_well_whatever_its_values():
    for fact in FACTS:
        for number in (0.0, 1.0, 2.0, 2.5, 123_456.789):
            values = dict.fromkeys(fact.values, 1.0) | {
                name: number
                for name, (kind, _) in fact.values.items()
                if kind not in ("ago", "ahead", "class")
            }
            for language in ("en", "zh"):
                text = sentence(fact, values, nearest(WINDOWS), MONDAY, language, "")
                assert not re.search(r"[{}]|nan|None|-0\b|  ", text), text


@pytest.mark.parametrize(
    ("figures", "key", "en", "zh"),
    [
        # 2026-11-16 less 94 days is 2026-08-14; 24 salaries of 12,000.
        ({"salary_count_4w": 0, "days_since_salary": 94, "salary_count_52w": 24, "salary_sum_52w": 288_000},
         "salary_stopped", "Salary has stopped: the last one came on 14 Aug; they had been about 12,000 each",
         "代发工资已停：最近一笔在8月14日，此前每笔约1.2万元"),
        ({"salary_change_13w": -0.67, "salary_sum_13w": 10_000, "salary_sum_26w": 40_000},
         "salary_fell",
         "Salary is down 67%: 10,000 in the last 13 weeks, 30,000 in the same time before",
         "代发工资下降67%：近13周1万元，此前同期3万元"),
        ({"days_since_complaint": 17}, "complained", "Complained on 30 Oct", "10月30日有投诉"),
        ({"days_since_complaint": 17, "complaint_count_13w": 2}, "complained_often",
         "Complained twice in the last 13 weeks, last on 30 Oct", "近13周投诉2次，最近一次在10月30日"),
        ({"manager_vacant": 1, "manager_vacant_days": 6_273}, "long_unassigned",
         "Has had no manager since 13 Sep 2009", "2009年9月13日起一直未分配客户经理"),
        ({"due_count": 1, "due_total": 800_000, "due_last": 17, "due_amount": 800_000, "due_days": 17,
          "due_class": TERM, "aum_last": 1e6},
         "maturing", "800,000 in term deposits matures on 3 Dec", "定期存款80万元将于12月3日到期"),
        ({"due_count": 2, "due_total": 1.2e6, "due_last": 45, "due_amount": 800_000, "due_days": 17,
          "due_class": TERM, "aum_last": 2e6},
         "maturing_several", "1,200,000 matures by 31 Dec; first 800,000 in term deposits on 3 Dec",
         "12月31日前共有120万元到期，其中定期存款80万元于12月3日最先到期"),
        # The rest of the year has 48 weeks, with 24,000 in all: 2,000 in four of them.
        ({"outflow_elsewhere_sum_4w": 50_000, "outflow_elsewhere_sum_52w": 74_000, "aum_last": 1e6,
          "days_since_outflow_elsewhere": 2}, "moved_more",
         "Moved 50,000 to other banks in the last 4 weeks, last on 14 Nov; usually 2,000",
         "近4周向他行转出5万元（平时约2,000元），最近一笔在11月14日"),
        ({"outflow_elsewhere_sum_4w": 50_000, "outflow_elsewhere_sum_52w": 650_000, "aum_last": 1e6,
          "days_since_outflow_elsewhere": 2}, "moved",
         "Moved 50,000 to other banks in the last 4 weeks, last on 14 Nov",
         "近4周向他行转出5万元，最近一笔在11月14日"),
        ({"view_rates_count_4w": 4, "view_rates_count_52w": 4, "days_since_view_rates": 6},
         "rates_checked_more",
         "Checked rates 4 times in the last 4 weeks, last on 10 Nov; usually hardly ever",
         "近4周查看利率4次（平时很少），最近一次在11月10日"),
        ({"net_flow_sum_52w": -592_572, "net_flow_per_aum_52w": -0.3, "aum_last": 2e6}, "net_outflow_year",
         "Net outflow of 592,572 in the last year, 30% of AUM", "近一年资金净流出59.3万元，占管理资产30%"),
        # 900,000 after a fall of a tenth was 1,000,000.
        ({"aum_change_13w": -0.1, "aum_change_13w_vs_tier": -0.12, "aum_last": 900_000}, "fell_beside_tier",
         "AUM is down 10%, by 100,000, in the last 13 weeks; customers of the same tier: +2%",
         "近13周管理资产下降10%（10万元），同层级客户平均+2%"),
        ({"product_added_26w": -1, "product_held": 2}, "products_dropped",
         "Gave up 1 product in the last half-year; 2 left", "近半年减少1款产品，现持有2款"),
        ({"contact_count_26w": 0, "contact_count_52w": 5, "days_since_contact": 200}, "contacts_stopped",
         "No contact for half a year, since 30 Apr; before, about every 5 weeks",
         "近半年未与客户联系（上次4月30日），此前约每5周一次"),
        # 52 in 364 days are one a week; 60 days are more than twice that.
        ({"booking_count_52w": 52, "days_since_booking": 60}, "silent",
         "No transaction since 17 Sep; usually one every 7 days", "9月17日后无主动交易，平时约每7天一笔"),
        ({"inflow_count_13w": 0, "inflow_count_52w": 6, "inflow_sum_13w": 0, "inflow_sum_52w": 90_000,
          "days_since_inflow": 94, "aum_last": 1e6}, "inflow_stopped",
         "No money has come in since 14 Aug; before, about 10,000 a month",
         "8月14日后再无资金流入，此前月均约1万元"),
    ],
)  # fmt: skip
def test_sentences_as_a_manager_reads_them(figures, key, en, zh):
    assert said(figures) == [(key, en, zh)]


@pytest.mark.parametrize(
    "figures",
    [
        {"days_since_complaint": 92},
        {"manager_vacant": 0, "days_since_manager_change": 183, "tenure_days": 1200},
        # Money that came in where nothing had matured.
        {"demand_difference_13w": 0.4, "demand_share": 1.0, "aum_last": 1e5, "matured_share_91d": 0.0},
        {"salary_count_4w": 0, "days_since_salary": 400, "salary_count_52w": 0, "salary_sum_52w": 0},
        {"outflow_elsewhere_sum_4w": 500, "outflow_elsewhere_sum_52w": 500, "aum_last": 1e6,
         "days_since_outflow_elsewhere": 2},
        {"survey_service_score": 2, "survey_service_days_old": 200},
        {"days_since_complaint": float("nan")},
        {"salary_change_13w": -0.5, "salary_sum_13w": 100},
    ],
)  # fmt: skip
def test_old_news_trifles_and_what_is_not_known_are_not_told(figures):
    assert said(figures) == []


def test_the_first_manager_of_a_customer_is_no_new_one():
    first = {"manager_vacant": 0, "days_since_manager_change": 100, "tenure_days": 120}
    assert [key for key, *_ in said(first)] == ["young_customer"]
    assert [key for key, *_ in said(first | {"tenure_days": 132})] == ["new_manager", "young_customer"]


def test_few_is_below_the_median_of_training():
    assert said({"product_held": 1}, {"product_held": 3.0}) == [
        ("few_products", "Holds only 1 product", "仅持有1款产品")
    ]
    assert said({"product_held": 3}, {"product_held": 3.0}) == []


def test_other_windows_stand_for_the_standard_ones():
    """With windows of 8 and 40 weeks the usual of 8 is a quarter of the other 32."""
    figures = {"outflow_elsewhere_sum_8w": 50_000, "outflow_elsewhere_sum_40w": 90_000, "aum_last": 1e6}
    (row,) = said(figures | {"days_since_outflow_elsewhere": 2}, windows=(8, 40))
    assert row[1] == "Moved 50,000 to other banks in the last 8 weeks, last on 14 Nov; usually 10,000"


def test_a_median_is_that_of_the_banks_own_window():
    (row,) = said({"booking_count_40w": 5}, {"booking_count_40w": 9.0}, windows=(8, 40))
    assert row[1] == "Only 5 transactions in the last 40 weeks"


def test_without_balances_an_amount_is_large_beside_a_years_outflow():
    figures = {
        "outflow_elsewhere_sum_4w": 50,
        "outflow_elsewhere_sum_52w": 50,
        "days_since_outflow_elsewhere": 2,
    }
    assert [key for key, *_ in said(figures | {"outflow_sum_52w": 900})] == ["moved"]
    assert said(figures | {"outflow_sum_52w": 90_000}) == []
