"""The catalogue: one entry per feature with its words in English and Chinese, unit and worrying direction.

A phrase is composed like the name: the measure's noun, the statistic's pattern, the window's words.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from configs.attributes import Attribute, feature_part
from configs.errors import ConfigError, did_you_mean
from configs.settings import SILENCE, Settings, deviation
from features.catalogue.bank_code import FAMILY, bank_code
from features.catalogue.grammar import Name

LANGUAGES = ("en", "zh")
FORMS = ("pieces", "times", "rates")  # sections whose keys each language has for itself
Texts = Mapping[str, Mapping[str, Any]]  # by section and key


def load_texts(folder: Path) -> dict[str, Texts]:
    """The texts by language, from one TOML file each. Raises ConfigError for a key that one of them lacks."""
    texts = {name: _read(folder / f"{name}.toml") for name in LANGUAGES}
    keys = {
        name: {
            (section, key) for section, rows in texts[name].items() for key in rows if section not in FORMS
        }
        for name in LANGUAGES
    }
    for name, other in (LANGUAGES, reversed(LANGUAGES)):
        for section, key in sorted(keys[other] - keys[name]):
            raise ConfigError(
                f"{folder / name}.toml lacks {key!r} in [{section}]. {other}.toml has it: add it."
            )
    return texts


def _read(path: Path) -> Texts:
    return tomllib.loads(path.read_text("utf-8"))


TEXTS = load_texts(Path(__file__).parent)


_MEANINGS = _read(Path(__file__).with_name("meanings.toml"))
# Of a measure: its reason group, and +1 when more of it is worrying, -1 when less is, else 0.
NOUNS: Mapping[str, list[Any]] = _MEANINGS["measures"]
# Of a statistic: how a value is shown, and whether it turns the noun's direction (-1) or takes it away (0).
PATTERNS: Mapping[str, list[Any]] = _MEANINGS["statistics"]


@dataclass(frozen=True)
class Entry:
    """One row per feature: its name, its phrase by language, unit, reason group and worrying direction.

    The family is the function that yields it.
    """

    name: str
    phrase: Mapping[str, str]
    unit: str
    group: str
    worse: int
    family: str = ""


# The one mean that is not money.
_UNITS = {("survey_score", "mean"): "score"}
# Worrying whatever the noun: nobody in charge, one after the other, one for too many.
_WORSE = {"vacant": 1, "vacant_days": 1, "distinct": 1, "customers": 1}
# Where a bank counts customers: whoever spends leaves no AUM, and no AUM is there to shrink ("balance").
_OF_CUSTOMERS = dict.fromkeys(("outflow", "large_outflow", "cash_out"), ("activity", 0))
# Units whose deviation from a group's mean is told with a sign.
_DIFFERENCES = {"share": "change", "count": "difference"}


def entry(name: Name, settings: Settings, family: str = "") -> Entry:
    """The catalogue's entry of one feature. Raises KeyError when its measure or statistic has no words."""
    if family == "attributes":
        return _attribute_entry(name, settings)
    if family == FAMILY:
        return bank_code_entries(settings)[str(name)]
    banks = {measure.name: measure for measure in settings.features.measures}
    measure = banks.get(name.measure)
    group, worse = (measure.group, measure.worse) if measure else NOUNS[name.measure]
    if settings.counts == "customers":
        group, worse = _OF_CUSTOMERS.get(name.measure, ("inflow" if group == "balance" else group, worse))
    unit, direction = PATTERNS[name.statistic]
    words = {
        language: getattr(measure, language) if measure else texts["nouns"][name.measure]
        for language, texts in TEXTS.items()
    }
    return Entry(
        str(name),
        {language: _phrase(name, words[language], texts) for language, texts in TEXTS.items()},
        _UNITS.get((name.measure, name.statistic), unit),
        group,
        _WORSE.get(name.statistic, worse * direction),
        family,
    )


def bank_code_entries(settings: Settings) -> dict[str, Entry]:
    """The features that the bank's own Python declares, by name; none where it has none."""
    code = bank_code(settings)
    declared = code.declared if code else {}
    return {
        name: Entry(name, {key: row[key] for key in LANGUAGES}, *_meaning(row), FAMILY)
        for name, row in declared.items()
    }


def _meaning(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["unit"], row["group"], row["worse"]


def category_name(attribute: str, category: str) -> Name:
    """The feature that says whether a customer has this category of an attribute."""
    return Name(attribute, f"is_{feature_part(category)}")


def _attribute_entry(name: Name, settings: Settings) -> Entry:
    (attribute,) = (each for each in settings.features.attributes if each.name == name.measure)
    (category,) = (word for word in attribute.categories if category_name(attribute.name, word) == name)
    phrase = category_phrase(attribute, category)
    return Entry(str(name), phrase, "category", "profile", 0, "attributes")


def category_phrase(attribute: Attribute, category: str) -> dict[str, str]:
    """For example "occupation: retired", by language."""
    words = {"en": (attribute.en, category), "zh": (attribute.zh, attribute.categories[category])}
    return {
        language: texts["categories"]["is"].format(noun=words[language][0], category=words[language][1])
        for language, texts in TEXTS.items()
    }


def _phrase(name: Name, noun: str, texts: Texts) -> str:
    window = _window(name, texts["windows"])
    return str(texts["phrases"][name.statistic].format(noun=noun, window=window))


def _window(name: Name, texts: Mapping[str, str]) -> str:
    """The window in words; names carry it as 4w, 30d, 1m, quarter or 4w_per_13w."""
    if name.window in ("", "quarter"):
        return texts.get(name.window, "")
    if "_per_" in name.window:
        short, long = (part.rstrip("w") for part in name.window.split("_per_"))
        return texts["beside"].format(short=short, long=long)
    number, unit = name.window[:-1], name.window[-1]
    kinds = {"m": "month_end", "d": "ahead" if name.measure == "maturing" else "days", "w": "weeks"}
    single = {"1m": "last_month_end", "1w": "week"}
    return texts[single.get(name.window, kinds[unit])].format(number=number)


def peer_entries(settings: Settings, catalogue: Mapping[str, Entry]) -> dict[str, Entry]:
    """The catalogue's row of each deviation by its name, in the order of the model's columns.

    Unit, reason and worrying direction are those of the feature it is made of, which also shows it. Raises
    ConfigError for a feature that does not exist.
    """
    for feature in settings.training.peers:
        if feature not in catalogue:
            raise ConfigError(f"training.peers: no feature {feature!r}. {did_you_mean(feature, catalogue)}")
    return {
        deviation(feature, group): _peer_entry(catalogue[feature], group)
        for group in settings.peer_groups
        for feature in settings.training.peers
    }


def silence_entry(settings: Settings) -> dict[str, Entry]:
    """The catalogue's row of the probability of silence, which is learnt in training, by its name."""
    return {SILENCE: entry(Name(*SILENCE.split("_")), settings, "alive")}


def _peer_entry(row: Entry, group: str) -> Entry:
    phrases = {
        language: texts["peers"]["beside"].format(phrase=row.phrase[language], group=texts["peers"][group])
        for language, texts in TEXTS.items()
    }
    return replace(
        row,
        name=deviation(row.name, group),
        phrase=phrases,
        unit=_DIFFERENCES.get(row.unit, row.unit),
        family="peers",
    )
