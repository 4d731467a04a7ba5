"""A feature as a sentence with the customer's own figure and day, in English and Chinese."""

from collections.abc import Mapping
from datetime import date, timedelta

from configs.published import STAGES
from features.catalogue.entries import TEXTS, Entry

_WAN, _YI = 10_000, 100_000_000  # Chinese counts money in these units


def sentence(row: Entry, value: float | None, monday: date, language: str, days: float | None = None) -> str:
    """The feature as of ``monday``, for example "salary in the last 4 weeks: 0; last on 2026-08-14".

    ``days`` is the value of the feature that dates it (``row.dated_by``); None and NaN: not known.
    """
    texts, form = TEXTS[language], row.sentence[language]
    if value is None:
        unknown = "category_unknown" if row.unit == "category" else "unknown"
        return texts["values"][unknown].format(phrase=row.phrase[language])
    if row.unit == "category":
        return (row.phrase if value else row.sentence)[language]
    if row.unit == "flag" and value:
        return row.phrase[language]
    shown = _shown(row.unit, value, monday, language)
    pieces = row.pieces[shown != "1"]
    if row.unit == "count" and "{pieces}" in form and shown == "0":
        shown = texts["values"]["no"]
    return form.format(value=shown, pieces=pieces) + _dated(row, value, days, monday, texts["dates"])


def _dated(row: Entry, value: float, days: float | None, monday: date, texts: Mapping[str, str]) -> str:
    """The day that belongs to the figure, where it is known and lies within the feature's window."""
    if not row.dated_as or days is None or not days > 0:
        return ""
    if row.dated_as == "largest" and days > 7 * int(row.window.rstrip("w")):
        return ""  # the year's largest is older than the largest of this window
    alone = row.dated_as == "last" and row.unit == "count" and value == 1
    return texts["alone" if alone else row.dated_as].format(
        day=_day(days if row.dated_as == "next" else -days, monday)
    )


def _day(days: float, monday: date) -> str:
    return str(monday + timedelta(days=round(days)))


def _shown(unit: str, value: float, monday: date, language: str) -> str:
    match unit:
        case "money":
            return _money_zh(value) if language == "zh" else _whole(value)
        case "share":
            return f"{value:.0%}"
        case "change":
            return f"{value:+.0%}"
        case "difference":
            return f"{value:+,.1f}"
        case "flag":
            return TEXTS[language]["values"]["no"]
        case "score":
            return f"{value:.1f}"
        case "stage":
            return TEXTS[language]["stages"][STAGES[int(value)]]
        case "ago":
            return _day(-value, monday)
        case "ahead":
            return _day(value, monday)
    return _whole(value)


def _whole(value: float) -> str:
    return f"{round(value):,}"


def _money_zh(value: float) -> str:
    """In the units in which Chinese counts: 8,500, 35万, 1.2亿; one decimal where it is not 0."""
    for step, word in ((_YI, "亿"), (_WAN, "万")):
        if round(abs(value) / step, 1) >= 1:
            return f"{value / step:,.1f}".removesuffix(".0") + word
    return _whole(value)
