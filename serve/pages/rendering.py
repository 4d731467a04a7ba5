"""Templates, and how figures read in each language."""

from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from configs.published import Change, Reason
from configs.reason_groups import GROUPS, Group
from serve.pages import charts
from serve.texts.catalogue import TEXTS, Language
from serve.texts.page_texts import WORDS

FOLDER = Path(__file__).parent
STYLE, ICON = ((FOLDER / name).read_bytes() for name in ("style.css", "icon.svg"))
VERSION = sha256(STYLE + ICON).hexdigest()[:12]


@cache
def environment() -> Environment:
    """Every value is escaped; a name that a template is not given is an error."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {"charts": charts, "version": VERSION}
    return made


def render(template: str, language: Language, values: dict[str, Any]) -> str:
    return environment().get_template(template).render(values, w=Wording(language))


class Wording:
    """What a template writes in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._place = ("en", "zh").index(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of the pages; falls back on the texts of the lists."""
        text = WORDS[key][self._place] if key in WORDS else TEXTS[self.language][key]
        return text.format(**values) if values else text

    def term(self, kind: str, code: str | None) -> str:
        """The word for one of a bank's codes; a code without one is shown as it is."""
        key = f"{kind}.{code}"
        return self(key) if key in WORDS or key in TEXTS[self.language] else code or "–"

    def reason(self, one: Reason | Change) -> str:
        return one.text_zh if self.language == "zh" else one.text_en

    def group(self, code: str) -> str:
        group = GROUPS.get(code, Group(code, code))
        return group.zh if self.language == "zh" else group.en

    def money(self, minor: float) -> str:
        """Whole currency: 1,843,200."""
        return f"{minor / 100:,.0f}"

    def signed(self, minor: float) -> str:
        return f"{'−' if minor < 0 else '+'}{abs(minor) / 100:,.0f}"

    def points(self, difference: float) -> str:
        """A difference of shares in points, signed.

        >>> Wording("en").points(0.0123), Wording("en").points(-0.4)
        ('+1.2', '−40.0')
        """
        return f"{'−' if difference < 0 else '+'}{abs(100 * difference):.1f}"

    def signed_count(self, number: float) -> str:
        return f"{'−' if number < 0 else '+'}{abs(number):,.0f}"

    def signed_short(self, minor: float) -> str:
        return f"{'−' if minor < 0 else '+'}{self.short(abs(minor))}"

    def count(self, number: int) -> str:
        return f"{number:,}"

    def short(self, minor: float) -> str:
        """Three figures and a unit.

        >>> Wording("en").short(184_320_050), Wording("zh").short(184_320_050), Wording("zh").short(23_400_000_000)
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


def _three(number: float) -> str:
    size = abs(number)
    return f"{number:,.0f}" if size >= 100 else f"{number:.1f}" if size >= 10 else f"{number:.2f}"
