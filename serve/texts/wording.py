"""Texts, codes and figures as they read in one language."""

from datetime import date

from configs.published import Change, Language, Reason
from configs.reason_groups import GROUPS, Group
from serve.texts.catalogue import TEXTS


class Wording:
    """Writes texts and figures in ``language``. Amounts are in minor units, shares lie in [0, 1]."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = TEXTS[language]

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key with ``values`` in its placeholders."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def term(self, kind: str, code: str | None) -> str:
        """The word for a code; a code without one is shown as it is."""
        return self._texts.get(f"{kind}.{code}", code or "–")

    def either(self, english: str, chinese: str) -> str:
        return chinese if self.language == "zh" else english

    def of(self, item: Reason | Change) -> str:
        """The text of a reason or a change, which carries both languages."""
        return self.either(item.text_en, item.text_zh)

    def group(self, code: str) -> str:
        group = GROUPS.get(code, Group(code, code))
        return self.either(group.en, group.zh)

    def money(self, minor: float) -> str:
        """Whole currency: 1,843,200."""
        return f"{minor / 100:,.0f}"

    def signed(self, minor: float) -> str:
        return f"{_sign(minor)}{abs(minor) / 100:,.0f}"

    def points(self, difference: float) -> str:
        """A difference of shares in points, signed.

        >>> Wording("en").points(0.0123), Wording("en").points(-0.4)
        ('+1.2', '−40.0')
        """
        return f"{_sign(difference)}{abs(100 * difference):.1f}"

    def signed_count(self, number: float) -> str:
        return f"{_sign(number)}{abs(number):,.0f}"

    def signed_short(self, minor: float) -> str:
        return f"{_sign(minor)}{self.short(abs(minor))}"

    def count(self, number: int) -> str:
        return f"{number:,}"

    def short(self, minor: float) -> str:
        """Three figures and a unit.

        >>> english, chinese = Wording("en"), Wording("zh")
        >>> english.short(184_320_050), chinese.short(184_320_050), chinese.short(23_400_000_000)
        ('1.84 m', '184万', '2.34亿')
        """
        amount = minor / 100
        units = (
            ((1e8, "亿"), (1e4, "万")) if self.language == "zh" else ((1e9, " bn"), (1e6, " m"), (1e3, " k"))
        )
        for size, unit in units:
            if abs(amount) >= size:
                return f"{_three(amount / size)}{unit}"
        return f"{amount:,.0f}"

    def percent(self, share: float | None) -> str:
        """
        >>> Wording("en").percent(0.412), Wording("en").percent(0.004), Wording("en").percent(None)
        ('41%', '<1%', '–')
        """
        if share is None:
            return "–"
        return "<1%" if 0 < share < 0.005 else f"{share:.0%}"

    def share(self, share: float) -> str:
        """To a tenth of a percent, for rates of whole cohorts."""
        return f"{share:.1%}"

    def day(self, day: date) -> str:
        """
        >>> Wording("en").day(date(2026, 11, 16)), Wording("zh").day(date(2026, 11, 16))
        ('16 Nov 2026', '2026年11月16日')
        """
        if self.language == "zh":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {day:%b %Y}"


def _sign(number: float) -> str:
    return "−" if number < 0 else "+"


def _three(number: float) -> str:
    size = abs(number)
    return f"{number:,.0f}" if size >= 100 else f"{number:.1f}" if size >= 10 else f"{number:.2f}"
