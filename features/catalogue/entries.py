"""The catalogue: one entry per feature with its words in English and Chinese, unit and worrying direction.

A phrase is composed like the name: the measure's noun, the statistic's pattern, the window's words.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from configs.attributes import feature_part
from configs.errors import ConfigError, did_you_mean
from configs.settings import SILENCE, Settings, deviation
from features.catalogue.grammar import Name

LANGUAGES = ("en", "zh")
Texts = Mapping[str, Mapping[str, Any]]  # by section and key


def load_texts(folder: Path) -> dict[str, Texts]:
    """The texts by language, from one TOML file each. Raises ConfigError for a key that one of them lacks."""
    texts = {name: _read(folder / f"{name}.toml") for name in LANGUAGES}
    keys = {
        name: {(section, key) for section, rows in texts[name].items() for key in rows if section != "pieces"}
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
SUBSTITUTES: Mapping[str, list[str]] = _MEANINGS["stand_ins"]


@dataclass(frozen=True)
class Entry:
    """One row per feature: its name, unit, reason group, worrying direction, family, and words by language.

    A ``sentence`` has a place for the customer's {value}, the English one perhaps for {pieces}: one or many.
    The family is the function that yields it. ``representative_feature`` says it in a figure easier to check;
    ``dated_by`` holds the days to a day worth naming, and ``dated_as`` what happens on that day. Empty where
    there is none.
    """

    name: str
    phrase: Mapping[str, str]
    sentence: Mapping[str, str]
    unit: str
    group: str
    worse: int
    pieces: tuple[str, str]
    window: str
    family: str = ""
    representative_feature: str = ""
    dated_by: str = ""
    dated_as: str = ""


# The one mean that is not money.
_UNITS = {("survey_score", "mean"): "score"}
# Worrying whatever the noun: nobody in charge, one after the other, one for too many.
_WORSE = {"vacant": 1, "vacant_days": 1, "distinct": 1, "customers": 1}
# Units whose deviation from a group's mean is told with a sign.
_DIFFERENCES = {"share": "change", "count": "difference"}


def entry(name: Name, settings: Settings, family: str = "") -> Entry:
    """The catalogue's entry of one feature. Raises KeyError when its measure or statistic has no words."""
    if family == "attributes":
        return _attribute_entry(name, settings)
    banks = {measure.name: measure for measure in settings.features.measures}
    measure = banks.get(name.measure)
    group, worse = (measure.group, measure.worse) if measure else NOUNS[name.measure]
    if settings.counts == "customers" and group == "balance":
        group = "inflow"  # no AUM is there to shrink
    unit, direction = PATTERNS[name.statistic]
    words = {
        language: getattr(measure, language) if measure else texts["nouns"][name.measure]
        for language, texts in TEXTS.items()
    }
    single, several = TEXTS["en"]["pieces"].get(name.measure, (words["en"], words["en"]))
    phrased = {language: _phrased(name, words[language], single, texts) for language, texts in TEXTS.items()}
    return Entry(
        str(name),
        {language: phrase for language, (phrase, _) in phrased.items()},
        {language: sentence for language, (_, sentence) in phrased.items()},
        _UNITS.get((name.measure, name.statistic), unit),
        group,
        _WORSE.get(name.statistic, worse * direction),
        (single, several),
        name.window,
        family,
    )


def category_name(attribute: str, category: str) -> Name:
    """The feature that says whether a customer has this category of an attribute."""
    return Name(attribute, f"is_{feature_part(category)}")


def _attribute_entry(name: Name, settings: Settings) -> Entry:
    (attribute,) = (each for each in settings.features.attributes if each.name == name.measure)
    (category,) = (word for word in attribute.categories if category_name(attribute.name, word) == name)
    words = {"en": (attribute.en, category), "zh": (attribute.zh, attribute.categories[category])}
    phrase, sentence = (
        {
            language: texts["categories"][key].format(noun=words[language][0], category=words[language][1])
            for language, texts in TEXTS.items()
        }
        for key in ("is", "is_not")
    )
    return Entry(str(name), phrase, sentence, "category", "profile", 0, (phrase["en"],) * 2, "", "attributes")


def _phrased(name: Name, noun: str, piece: str, texts: Texts) -> tuple[str, str]:
    """Phrase and sentence in one language; the sentence keeps the places of the value and its pieces."""
    window = _window(name, texts["windows"])
    phrase = texts["phrases"][name.statistic].format(noun=noun, window=window)
    sentence = (
        texts["sentences"]
        .get(name.statistic, texts["sentences"]["plain"])
        .format(phrase=phrase, noun=noun, window=window, one=piece, value="{value}", pieces="{pieces}")
    )
    return phrase, sentence


def linked(entries: Mapping[Name, Entry], base_currency: str) -> dict[str, Entry]:
    """The entries by name, each with the features that represent and date it among those that there are.

    In Chinese, yuan are called by name; other currencies stand in the head of what shows the sentence.
    """
    names = {str(name) for name in entries}
    rows = {str(name): _link(name, row, names) for name, row in entries.items()}
    if base_currency == "CNY":
        for name, row in rows.items():
            if row.unit == "money":
                in_yuan = row.sentence["zh"].replace("{value}", "{value}元")
                rows[name] = replace(row, sentence={**row.sentence, "zh": in_yuan})
    return rows


def _link(name: Name, row: Entry, names: set[str]) -> Entry:
    short = name.window.split("_per_")[0]
    stand_ins = (str(Name(name.measure, other, short)) for other in SUBSTITUTES.get(name.statistic, ()))
    dated_by, dated_as = _dating(name)
    if dated_by not in names:
        dated_by = dated_as = ""
    representative = next((stand_in for stand_in in stand_ins if stand_in in names), "")
    return replace(row, representative_feature=representative, dated_by=dated_by, dated_as=dated_as)


def _dating(name: Name) -> tuple[str, str]:
    """The feature that would tell the day that belongs to a figure, and what happens on it."""
    match name:
        case ("maturing", _, _):
            return str(Name("next_maturity", "days_to")), "next"
        case (_, "vacant_days", _):
            return str(name), "since"
        case (_, "max", _):
            return str(Name(name.measure, "days_since_largest")), "largest"
        case (_, "sum" | "count", _):
            return str(Name(name.measure, "days_since")), "last"
    return "", ""


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


def silence_entry(settings: Settings, catalogue: Mapping[str, Entry]) -> dict[str, Entry]:
    """The catalogue's row of the probability of silence, which is learnt in training, by its name."""
    name = Name(*SILENCE.split("_"))
    return {SILENCE: _link(name, entry(name, settings, "alive"), {*catalogue})}


def _peer_entry(row: Entry, group: str) -> Entry:
    phrases = {
        language: texts["peers"]["beside"].format(phrase=row.phrase[language], group=texts["peers"][group])
        for language, texts in TEXTS.items()
    }
    return replace(
        row,
        name=deviation(row.name, group),
        phrase=phrases,
        sentence={
            language: texts["sentences"]["plain"].format(phrase=phrases[language], value="{value}")
            for language, texts in TEXTS.items()
        },
        unit=_DIFFERENCES.get(row.unit, row.unit),
        family="peers",
        representative_feature=row.representative_feature or row.name,
        dated_by="",
        dated_as="",
    )
