"""A bank's own attributes of a customer, such as occupation or region; each of their categories is a feature.

What the law protects is refused by its name, by a near name, in English and Chinese, and by its categories.
No setting allows it: the fairness report looks at gender and age, and no model does.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from configs.strict import ReadOnly, Strict
from configs.tables import TABLES

MOST_CATEGORIES = 30  # a feature each; more are a list of names rather than a category
# Found anywhere in a name; as a word of its own; also with a slip of the pen; anywhere in Chinese.
_STEMS = (
    "gender", "sexual", "ethni", "racial", "nationality", "citizenship", "religio", "disab", "handicap",
    "health", "medical", "illness", "disease", "pregnan", "maternity", "marital", "married", "marriage",
    "spouse", "divorc", "widow", "birth", "genetic", "biometric", "politic",
    "xingbie", "minzu", "zhongzu", "guoji", "zongjiao", "canji", "jiankang", "hunyin", "nianling", "chusheng",
)  # fmt: skip
_WORDS = (
    "sex", "race", "age", "ages", "aged", "dob", "born", "yob", "faith", "belief", "creed", "caste", "skin",
    "colour", "color", "nation", "citizen", "origin", "orientation", "wedlock", "salutation", "female",
    "male", "custsex", "custage", "agegroup", "ageband", "agerange",
)  # fmt: skip
_SPELT = (
    "gender", "ethnicity", "nationality", "citizenship", "religion", "disability", "disabled", "marital",
    "married", "pregnant", "health", "birthday",
)  # fmt: skip
_CHINESE = (
    "性别", "男女", "称谓", "民族", "种族", "族裔", "国籍", "籍贯", "宗教", "信仰", "残疾", "残障", "健康",
    "疾病", "病史", "怀孕", "生育", "婚", "配偶", "年龄", "岁", "出生", "生日", "生肖", "基因", "性取向",
    "政治面貌",
)  # fmt: skip
# Categories that say what their name hides.
_CATEGORIES = frozenset(
    ("male", "female", "man", "woman", "mr", "mrs", "ms", "男", "女", "男性", "女性", "先生", "女士",
     "married", "unmarried", "divorced", "widowed", "已婚", "未婚", "离异", "离婚", "丧偶",
     "disabled", "pregnant", "残疾", "怀孕", "han", "汉", "汉族", "少数民族", "回族",
     "christian", "muslim", "buddhist", "catholic", "jewish", "hindu")
)  # fmt: skip
_INITIALS = {"m", "f"}
_AGE = re.compile(r"\d\s*(岁|后$|years? old)|\bborn\b|\baged\b", re.IGNORECASE)


def protected(name: str) -> str | None:
    """The protected attribute that a name stands for; None where it stands for none."""
    lower = name.lower()
    words = [word for word in re.split(r"[^a-z]+", lower) if word]
    joined = "".join(words)
    for part in (*_STEMS, *_CHINESE):
        if part in (joined if part.isascii() else lower):
            return part
    for word in words:
        # "region" lies as near to "religion" as 0.857, "sender" to "gender" as 0.833.
        near = get_close_matches(word, _SPELT, 1, 0.88) if len(word) > 4 else ()
        if word in _WORDS or near:
            return near[0] if near else word
    return None


def _categories_named(categories: Mapping[str, str]) -> str | None:
    """The first category that says what the law protects."""
    lower = {category.strip().lower(): category for category in categories}
    for category, written in lower.items():
        if category in _CATEGORIES or _AGE.search(category):
            return written
    return "M, F" if set(lower) >= _INITIALS and len(lower) <= 4 else None


def _few(categories: Mapping[str, str]) -> Mapping[str, str]:
    if len(categories) > MOST_CATEGORIES:
        raise ValueError(
            f"{len(categories)} categories are too many, {MOST_CATEGORIES} at most. Group them in "
            "customers.sql"
        )
    names = [feature_part(category).lower() for category in categories]
    for category, name in zip(categories, names, strict=True):
        if names.count(name) > 1 or not re.fullmatch(r"[^\x00-\x1f\x7f{}]{1,40}", category.strip()):
            raise ValueError(
                f"category {category!r} is no name of a feature: it is too long, has marks that no name may "
                "have, or differs from another category in marks alone. Write it otherwise in customers.sql"
            )
    return ReadOnly(categories)


def feature_part(category: str) -> str:
    """A category as part of a feature's name."""
    return re.sub(r"[^\w+-]+", "_", category.strip())


class Attribute(Strict):
    """One column of customers.sql: its words, and by category the Chinese word of it.

    A category that is not declared counts as none of the others; no category at all makes no feature.
    """

    name: str = Field(pattern=r"^[a-z_\u4e00-\u9fff][a-z0-9_\u4e00-\u9fff]{0,39}$")
    en: str = Field(min_length=1, max_length=60)
    zh: str = Field(min_length=1, max_length=60)
    categories: Annotated[Mapping[str, str], AfterValidator(_few), PlainSerializer(dict)] = Field(
        default_factory=dict, validate_default=True
    )

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        names = next(filter(None, map(protected, (self.name, self.en, self.zh))), None)
        names = names or _categories_named(self.categories)
        if names:
            raise ValueError(
                f"{self.name!r} tells {names!r}, which the law protects: no model may decide by it, and no "
                "setting allows it. Take it out of [[features.attributes]] and of customers.sql; the "
                "fairness report compares by gender and birth_year, which customers.sql may deliver for it"
            )
        if self.name in (*TABLES["customers"].names, *TABLES["customers"].derived):
            raise ValueError(f"{self.name!r} is a column of customers already. Choose another name")
        return self
