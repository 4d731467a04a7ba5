"""Facts in sentences, in English and Chinese: amounts, numbers and days as a manager reads them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from configs.amounts import amount_in_words
from configs.dates import day_in_words
from configs.tables import PRODUCT_CLASSES
from features.catalogue.entries import TEXTS
from features.catalogue.facts import Fact


def sentence(
    fact: Fact,
    values: Mapping[str, float],
    windows: Mapping[str, int],
    monday: date,
    language: str,
    unit: str,
) -> str:
    """The fact as of ``monday``, for example "Complained on 14 Aug".

    ``values`` by place; ``windows`` as features/catalogue/facts.py has them; ``unit`` follows amounts.
    """
    shown = {
        place: in_words(kind, values[place], monday, language, unit)
        for place, (kind, _) in fact.values.items()
    }
    spans = {name: window_in_words(weeks, language) for name, weeks in windows.items()}
    text = fact.text[language].format(**shown, **spans)
    return text[0].upper() + text[1:]


def window_in_words(weeks: int, language: str) -> str:
    """
    >>> window_in_words(13, "en"), window_in_words(52, "en"), window_in_words(26, "zh")
    ('the last 13 weeks', 'the last year', '近半年')
    """
    texts = TEXTS[language]["spans"]
    return str(texts.get(f"{weeks}w") or texts["weeks"].format(number=weeks))


def in_words(kind: str, value: float, monday: date, language: str, unit: str = "") -> str:
    """One value of a fact; ``kind`` as facts.toml has it.

    >>> in_words("money", 1_529_000.0, date(2026, 11, 16), "zh", "元")
    '152.9万元'
    >>> in_words("transaction", 1.0, date(2026, 11, 16), "en")
    '1 transaction'
    """
    texts = TEXTS[language]
    match kind:
        case "money":
            return amount_in_words(value, language) + unit
        case "share":
            return f"{value:.0%}"
        case "change":
            return f"{value:+.0%}".replace("-", "−")
        case "number":
            return _whole(value) if abs(value - round(value)) < 0.05 or value >= 3 else f"{value:.1f}"
        case "times":
            return _one_of(texts["times"], value)
        case "rate":
            return _one_of(texts["rates"], value)
        case "ago":
            return day_in_words(monday - timedelta(days=round(value)), language, monday.year)
        case "ahead":
            return day_in_words(monday + timedelta(days=round(value)), language, monday.year)
        case "class":
            return str(texts["nouns"][PRODUCT_CLASSES[int(value)]])
    pieces: Sequence[str] | None = texts["pieces"].get(kind)
    number = _whole(value)
    return f"{number} {pieces[number != '1']}" if pieces else number


def _one_of(forms: Mapping[str, str], value: float) -> str:
    """The form of a number that has one of its own, else that of any."""
    number = _whole(value)
    return forms.get(number, forms["any"]).format(number=number)


def _whole(value: float) -> str:
    return f"{round(value):,}"
