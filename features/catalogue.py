"""What each feature is called in plain words: English and Chinese, its unit, and when it is worrying.

A phrase is composed like the name: the measure's noun, the statistic's pattern, the window's words.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from configs.settings import Settings
from features.grammar import Name
from features.lifecycle import STAGES
from features.words import NOUNS, PATTERNS, Noun


@dataclass(frozen=True)
class Entry:
    """One row per feature: its name, phrase in both languages, unit, reason group, worrying direction, family.

    ``said_en`` and ``said_zh`` are sentences with a place for the customer's {value}; the family is the file
    in features/ that yields it.
    """

    name: str
    en: str
    zh: str
    unit: str
    group: str
    worse: int
    said_en: str
    said_zh: str
    family: str = ""


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
    span_en, span_zh = _window(name)
    return Entry(
        str(name),
        pattern.en.format(noun=noun.en, window=span_en),
        pattern.zh.format(noun=noun.zh, window=span_zh),
        _UNITS.get((name.measure, name.statistic), pattern.unit),
        noun.group,
        _WORSE.get(name.statistic, noun.worse * pattern.worse),
        _said(pattern.said_en or pattern.en + ": {value}", noun.en, span_en),
        _said(pattern.said_zh or pattern.zh + "：{value}", noun.zh, span_zh),
        family,
    )


def sentence(row: Entry, value: float | None, language: str) -> str:
    """The feature with the customer's own figure, for example "money out in the last 4 weeks: 320,000"."""
    if value is None:
        return f"{row.en}: none yet" if language == "en" else f"{row.zh}：无"
    if row.unit == "flag" and value:
        return row.en if language == "en" else row.zh
    said = row.said_en if language == "en" else row.said_zh
    return said.format(value=_shown(row.unit, value, language))


def _said(pattern: str, noun: str, window: str) -> str:
    """The sentence with noun and window filled in and the place of the value kept."""
    return pattern.format(noun=noun, window=window, value="{value}")


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
    return f" in the last {number} weeks", f"近{number}周"


def _shown(unit: str, value: float, language: str) -> str:
    match unit:
        case "money" if language == "zh" and abs(value) >= 10_000:
            return f"{value / 10_000:,.1f}万"
        case "money":
            return f"{value:,.0f}"
        case "share":
            return f"{value:.0%}"
        case "change":
            return f"{value:+.0%}"
        case "difference":
            return f"{value:+,.1f}"
        case "flag":
            return "no" if language == "en" else "否"
        case "score":
            return f"{value:.1f}"
        case "stage":
            return _STAGES_ZH[int(value)] if language == "zh" else STAGES[int(value)]
    return f"{value:,.0f}"


_STAGES_ZH = ("新客户", "成长期", "成熟期", "衰退期", "休眠期")
