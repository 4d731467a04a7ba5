"""What each feature is called in plain words: English and Chinese, its unit, and when it is worrying.

A phrase is composed like the name: the measure's noun, the statistic's pattern, the window's words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from configs.settings import Settings
from features.catalogue.grammar import Name
from features.catalogue.phrases import NOUNS, PATTERNS, PIECES, STAND_INS, Noun


@dataclass(frozen=True)
class Entry:
    """One row per feature: its name, phrase in both languages, unit, reason group, worrying direction, family.

    ``said_en`` and ``said_zh`` are sentences with a place for the customer's {value}, the English one perhaps
    for {pieces}: one or many. The family is the file in features/ that yields it. ``shown_by`` is the feature
    that says it in a figure easier to check; ``dated_by`` the one that holds the days to a day worth naming,
    and ``dated_as`` what happens on that day. Empty where there is none.
    """

    name: str
    en: str
    zh: str
    unit: str
    group: str
    worse: int
    said_en: str
    said_zh: str
    pieces: tuple[str, str]
    window: str
    family: str = ""
    shown_by: str = ""
    dated_by: str = ""
    dated_as: str = ""


# The one mean that is not money.
_UNITS = {("survey_score", "mean"): "score"}


def nouns_of(settings: Settings) -> Mapping[str, Noun]:
    """The nouns of the measures, the bank's own among them."""
    own = {one.name: Noun(one.en, one.zh, one.group, one.worse) for one in settings.features.measures}
    return NOUNS | own


# Worrying whatever the noun: nobody in charge, one after the other, one for too many.
_WORSE = {"vacant": 1, "vacant_days": 1, "distinct": 1, "customers": 1}


def entry(name: Name, nouns: Mapping[str, Noun] = NOUNS, family: str = "") -> Entry:
    """The catalogue's row of one feature. Raises KeyError when its measure or statistic has no words."""
    noun, pattern = nouns[name.measure], PATTERNS[name.statistic]
    pieces = PIECES.get(name.measure, (noun.en, noun.en))
    span_en, span_zh = _window(name)
    return Entry(
        str(name),
        pattern.en.format(noun=noun.en, window=span_en),
        pattern.zh.format(noun=noun.zh, window=span_zh),
        _UNITS.get((name.measure, name.statistic), pattern.unit),
        noun.group,
        _WORSE.get(name.statistic, noun.worse * pattern.worse),
        _said(pattern.said_en or pattern.en + ": {value}", noun.en, span_en, pieces[0]),
        _said(pattern.said_zh or pattern.zh + "：{value}", noun.zh, span_zh),
        pieces,
        name.window,
        family,
    )


def linked(entries: Mapping[Name, Entry], base_currency: str) -> dict[str, Entry]:
    """The rows by their names' text, each with the features that show and date it among those that there are.

    In Chinese, yuan are called by name; other currencies stand in the head of what shows the sentence.
    """
    there, yuan = {str(name) for name in entries}, base_currency == "CNY"
    return {str(name): _link(name, _in_yuan(row) if yuan else row, there) for name, row in entries.items()}


def _in_yuan(row: Entry) -> Entry:
    return replace(row, said_zh=row.said_zh.replace("{value}", "{value}元")) if row.unit == "money" else row


def _link(name: Name, row: Entry, there: set[str]) -> Entry:
    short = name.window.split("_per_")[0]
    plain = (str(Name(name.measure, one, short)) for one in STAND_INS.get(name.statistic, ()))
    day, what = _dating(name)
    known = day in there
    return replace(
        row,
        shown_by=next((one for one in plain if one in there), ""),
        dated_by=day if known else "",
        dated_as=what if known else "",
    )


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


def _said(pattern: str, noun: str, window: str, one: str = "") -> str:
    """The sentence with noun and window filled in and the places of the value and its pieces kept."""
    return pattern.format(noun=noun, window=window, one=one, value="{value}", pieces="{pieces}")


def _window(name: Name) -> tuple[str, str]:
    """The window in words; names carry it as 4w, 30d, quarter or 4w_per_13w."""
    if not name.window:
        return "", ""
    if name.window == "quarter":
        return " since the last quarter-end", "上季末以来"
    if "_per_" in name.window:
        short, long = (part.rstrip("w") for part in name.window.split("_per_"))
        return f"last {short} weeks beside {long} weeks", f"近{short}周与近{long}周相比"
    number, unit = name.window[:-1], name.window[-1]
    if unit == "m":
        return (
            (" at the last month-end", "上月末") if number == "1"
            else (f" {number} month-ends ago", f"倒数第{number}个月末")
        )  # fmt: skip
    if unit == "d":
        ahead = name.measure == "maturing"
        return (
            (f" within {number} days", f"未来{number}天")
            if ahead
            else (f" in the last {number} days", f"近{number}天")
        )
    return f" in the last {number} weeks" if number != "1" else " in the last week", f"近{number}周"
