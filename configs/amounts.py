"""Amounts of money as people read them, with one rounding in each language."""

import math

_LARGE = ((100_000_000, "亿", 2), (10_000, "万", 1))  # the unit, its word, and how many decimals it shows


def amount_in_words(amount: float, language: str, up: bool = False) -> str:
    """As pages, reasons, workbooks and mail write an amount of base currency; the currency stands elsewhere.

    English has whole numbers. Chinese counts in 万 and 亿, to the thousand and the million. With ``up`` the
    last digit is rounded up.

    >>> amount_in_words(1_339_000, "en"), amount_in_words(1_339_000, "zh"), amount_in_words(234_000_000, "zh")
    ('1,339,000', '133.9万', '2.34亿')
    >>> amount_in_words(350_000, "zh"), amount_in_words(8_500, "zh"), amount_in_words(-99_999_999, "zh")
    ('35万', '8,500', '-1亿')
    """
    for unit, word, decimals in _LARGE if language == "zh" else ():
        if round(abs(amount) / unit, decimals) >= 1:
            shown = math.ceil(amount / (unit // 10**decimals)) / 10**decimals if up else amount / unit
            return f"{shown:,.{decimals}f}".rstrip("0").rstrip(".") + word
    return f"{math.ceil(amount) if up else round(amount):,}"
