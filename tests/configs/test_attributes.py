"""Attributes of a bank's own: what the law protects is refused by name, near name and categories."""

from typing import Any

import pytest
from pydantic import ValidationError

from configs.attributes import MOST_CATEGORIES, Attribute, protected


def attribute(name: str = "segment", **changes: Any) -> Attribute:
    return Attribute(**{"name": name, "en": name, "zh": "类别"} | changes)


@pytest.mark.parametrize(
    "name",
    ["gender", "sex", "cust_sex", "gendr", "race", "ethnicity", "ethnicty", "nationality", "religion",
     "religon", "faith", "disability", "disabled", "health_grade", "marital_status", "maritl", "married",
     "age", "age_band", "agegroup", "birth_region", "date_of_birth", "dob", "pregnant", "xingbie", "minzu",
     "hunyin_zt",
     "客户性别", "民族", "国籍", "宗教信仰", "残疾标志", "健康等级", "婚姻状况", "年龄段", "出生地", "生肖"],
)  # fmt: skip
def test_what_the_law_protects_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValidationError, match=r"the law protects.*fairness report"):
        attribute(name)


@pytest.mark.parametrize(
    "name",
    ["segment", "region", "occupation_group", "risk_class", "sender", "stage", "mortgage", "package",
     "agency", "branch_type", "essex_area", "trace_code", "channel_used", "employer_size", "wealth_band",
     "languages",
     "客群", "地区", "职业大类", "风险等级", "性质"],
)  # fmt: skip
def test_other_categories_may_be_features(name: str) -> None:
    assert attribute(name).name == name
    assert protected(name) is None


@pytest.mark.parametrize(
    "categories",
    [["F", "M"], ["m", "f", "unknown"], ["男", "女"], ["married", "single"], ["已婚", "未婚"],
     ["汉", "other"], ["18-25岁", "26-35岁"], ["80后", "90后"], ["30 years old"]],
)  # fmt: skip
def test_a_neutral_name_does_not_hide_what_its_categories_say(categories: list[str]) -> None:
    with pytest.raises(ValidationError, match="the law protects"):
        attribute("code_1", categories=dict.fromkeys(categories, "x"))


@pytest.mark.parametrize("words", [{"en": "Gender"}, {"zh": "性别"}])
def test_the_words_of_an_attribute_are_looked_at_too(words: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="the law protects"):
        attribute(**words)


def test_an_occupation_of_a_protected_field_is_an_occupation() -> None:
    attribute(
        "occupation_group", categories={"healthcare": "医疗", "civil service": "公务员", "politics": "党政"}
    )


def test_categories_are_few_and_differ_in_more_than_marks() -> None:
    attribute(categories={"A+": "甲", "A-": "乙", "B 1": "丙"})
    with pytest.raises(ValidationError, match="'a/b'"):
        attribute(categories={"a b": "甲", "a/b": "乙"})
    with pytest.raises(ValidationError, match=f"{MOST_CATEGORIES + 1} categories are too many"):
        attribute(categories={f"L{number}": "x" for number in range(MOST_CATEGORIES + 1)})


@pytest.mark.parametrize("name", ["status", "customer_id", "superseded_on"])
def test_a_column_of_the_contract_is_no_attribute(name: str) -> None:
    with pytest.raises(ValidationError, match="a column of customers already"):
        attribute(name)
