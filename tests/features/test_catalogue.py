"""Every feature has a name by the grammar and a phrase in two languages."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from configs.folder import load_settings
from configs.settings import Settings
from features.build import catalogue
from features.catalogue import entry, sentence
from features.document import features_doc
from features.grammar import PREFIXES, Name
from features.measures import MEASURES
from features.words import GROUPS, NOUNS, PATTERNS

PROTECTED = ("gender", "birth", "age", "sex", "district", "religion", "nationality", "marital")


@pytest.fixture(scope="module")
def entries(bank_settings: Settings) -> dict[str, Any]:
    return catalogue(bank_settings)


def test_names_follow_the_grammar(entries: dict[str, Any]) -> None:
    measures, statistics = "|".join(NOUNS), "|".join(set(PATTERNS) - set(PREFIXES))
    window = r"(_(\d+w|\d+d|\d+m|quarter|\d+w_per_\d+w))?"
    grammar = re.compile(f"({'|'.join(PREFIXES)})_({measures})|({measures})_({statistics}){window}")
    assert [name for name in entries if not grammar.fullmatch(name)] == []


def test_two_phrases_without_holes(entries: dict[str, Any]) -> None:
    for name, row in entries.items():
        assert row.name == name
        for phrase in (row.en, row.zh):
            assert phrase.strip() == phrase != ""
            assert not re.search(r"[{}]|  ", phrase), name
        assert re.search(r"[\u4e00-\u9fff]", row.zh), name
        assert not re.search(r"[\u4e00-\u9fff]", row.en), name
        assert row.group in GROUPS
        assert row.worse in (-1, 0, 1)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phrase_names_one_feature(entries: dict[str, Any], language: str) -> None:
    counted = Counter(getattr(row, language) for row in entries.values())
    assert [phrase for phrase, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("value", [None, 0.0, 1.0, -2.5, 123_456.789])
def test_a_sentence_for_every_feature_and_value(entries: dict[str, Any], language: str, value: Any) -> None:
    for row in entries.values():
        shown = 1.0 if row.unit == "stage" and value is not None else value
        text = sentence(row, shown, language)
        assert text, row.name
        assert not re.search(r"[{}]|nan|None", text), text


def test_sentences_as_a_manager_reads_them(entries: dict[str, Any]) -> None:
    last = entries["days_since_outflow_elsewhere"]
    assert sentence(last, None, "en") == f"{last.en}: none yet"
    assert sentence(last, None, "zh") == f"{last.zh}：无"
    assert "12" in sentence(last, 12.0, "en")
    assert sentence(entries["aum_change_quarter"], -0.314, "en").endswith("-31%")
    assert sentence(entries["outflow_sum_4w"], 320_000.4, "en").endswith("320,000")
    assert sentence(entries["outflow_sum_4w"], 320_000.4, "zh").endswith("32.0万")
    assert sentence(entries["lifecycle_stage_code"], 3.0, "zh").endswith("衰退期")
    assert sentence(entries["manager_vacant"], 1.0, "en") == "no relationship manager in charge"


def test_no_word_is_left_over(entries: dict[str, Any]) -> None:
    names = "\n".join(entries)
    assert [
        measure for measure in NOUNS if not re.search(rf"(^|since_|to_){measure}(_|$)", names, re.M)
    ] == []
    assert [
        statistic for statistic in PATTERNS if not re.search(rf"(^|_){statistic}(_|$)", names, re.M)
    ] == []


def test_every_measure_has_a_word() -> None:
    assert {measure.name for measure in MEASURES} <= set(NOUNS)
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)


def test_an_unknown_measure_or_statistic_has_no_entry() -> None:
    for name in (Name("moonphase", "sum", "4w"), Name("aum", "vibes", "4w")):
        with pytest.raises(KeyError):
            entry(name)


def test_no_protected_attribute_and_nothing_counted_from_a_fixed_date(entries: dict[str, Any]) -> None:
    parts = {part for name in entries for part in name.split("_")}
    assert not parts & {*PROTECTED, "year", "ytd", "date", "month"}


def test_each_feature_names_the_file_that_yields_it(entries: dict[str, Any]) -> None:
    root = Path(__file__).parents[2]
    families = list(dict.fromkeys(row.family for row in entries.values()))
    assert len(families) == 15
    assert all((root / "features" / f"{family}.py").is_file() for family in families)
    assert entries["outflow_sum_4w"].family == "flows"


def test_the_page_of_features_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "features.md"
    assert page.read_text("utf-8") == features_doc(load_settings("demo")), "run `make features-doc`"
