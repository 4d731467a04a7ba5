"""Every feature has a name by the grammar and a phrase in two languages."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.reason_groups import GROUPS
from configs.settings import Settings
from features.build import FAMILIES, catalogue
from features.catalogue import entries as catalogue_entries
from features.catalogue.document import features_doc
from features.catalogue.entries import LANGUAGES, NOUNS, PATTERNS, TEXTS, entry, load_texts, silence_entry
from features.catalogue.grammar import PREFIXES, Name
from features.catalogue.measures import MEASURES

PROTECTED = ("gender", "birth", "age", "sex", "district", "religion", "nationality", "marital")


@pytest.fixture(scope="module")
def entries(bank_settings: Settings) -> dict[str, Any]:
    features = catalogue(bank_settings)
    return features | silence_entry(bank_settings)


def test_names_follow_the_grammar(entries: dict[str, Any]) -> None:
    measures, statistics = "|".join(NOUNS), "|".join(set(PATTERNS) - set(PREFIXES))
    window = r"(_(\d+w|\d+d|\d+m|quarter|\d+w_per_\d+w))?"
    grammar = re.compile(f"({'|'.join(PREFIXES)})_({measures})|({measures})_({statistics}){window}")
    assert [name for name in entries if not grammar.fullmatch(name)] == []


def test_two_phrases_without_holes(entries: dict[str, Any]) -> None:
    for name, row in entries.items():
        assert row.name == name
        for phrase in row.phrase.values():
            assert phrase.strip() == phrase != ""
            assert not re.search(r"[{}]|  ", phrase), name
        assert re.search(r"[\u4e00-\u9fff]", row.phrase["zh"]), name
        assert not re.search(r"[\u4e00-\u9fff]", row.phrase["en"]), name
        assert row.group in GROUPS
        assert row.worse in (-1, 0, 1)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phrase_names_one_feature(entries: dict[str, Any], language: str) -> None:
    counted = Counter(row.phrase[language] for row in entries.values())
    assert [phrase for phrase, times in counted.items() if times > 1] == []


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


def test_an_unknown_measure_or_statistic_has_no_entry(bank_settings: Settings) -> None:
    for name in (Name("moonphase", "sum", "4w"), Name("aum", "vibes", "4w")):
        with pytest.raises(KeyError):
            entry(name, bank_settings)


def test_no_protected_attribute_and_nothing_counted_from_a_fixed_date(entries: dict[str, Any]) -> None:
    parts = {part for name in entries for part in name.split("_")}
    assert not parts & {*PROTECTED, "year", "ytd", "date", "month"}


def test_each_feature_names_the_family_that_yields_it(entries: dict[str, Any]) -> None:
    families = list(dict.fromkeys(row.family for row in entries.values()))
    of_a_bank = ("attributes", "bank_code")
    of_catalogue = [family.__name__ for family in FAMILIES if family.__name__ not in of_a_bank]
    assert families == [*of_catalogue, "alive"]
    assert len(families) == 17
    assert entries["outflow_sum_4w"].family == "flows"


def test_the_page_of_features_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "features.md"
    assert page.read_text("utf-8") == features_doc(load_settings("demo")), "run `make features-doc`"


def test_every_group_is_used_and_has_a_title_in_both_languages(entries: dict[str, Any]) -> None:
    assert {row.group for row in entries.values()} == set(GROUPS)
    assert all(group.en and re.search(r"[\u4e00-\u9fff]", group.zh) for group in GROUPS.values())


def test_words_are_of_known_measures_and_statistics() -> None:
    for texts in TEXTS.values():
        assert (set(texts["nouns"]), set(texts["phrases"])) == (set(NOUNS), set(PATTERNS))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_that_one_language_lacks_is_named(tmp_path: Path, language: str) -> None:
    for name in LANGUAGES:
        text = (Path(catalogue_entries.__file__).parent / f"{name}.toml").read_text("utf-8")
        kept = [line for line in text.splitlines() if name != language or not line.startswith("month_end =")]
        (tmp_path / f"{name}.toml").write_text("\n".join(kept), "utf-8")
    with pytest.raises(ConfigError, match=rf"{language}\.toml lacks 'month_end' in \[windows\]"):
        load_texts(tmp_path)
