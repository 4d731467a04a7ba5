"""The texts of both languages by key, and how codes, figures and score changes read in one of them."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from configs.amounts import amount_in_words
from configs.call_lists import ListTerms
from configs.dates import day_in_words
from configs.published import LANGUAGES, Change, Language, Reason, Run, Score
from configs.reason_groups import GROUPS

LEAST_POINTS = 3  # of risk, from which on a change is shown: less is what any week brings
FILES = {language: Path(__file__).with_name(f"{language}.toml") for language in LANGUAGES}


def _read(path: Path) -> Mapping[str, str]:
    """Text by key. The sections of a file group its texts for readers; a key stands in one of them."""
    sections = tomllib.loads(path.read_text("utf-8")).values()
    return MappingProxyType({key: text for section in sections for key, text in section.items()})


TEXTS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {language: _read(path) for language, path in FILES.items()}
)


class Wording:
    """Writes texts and figures in ``language``. Amounts are in minor units, shares lie in [0, 1]."""

    def __init__(self, language: Language, tiers: Callable[[], Mapping[str, str]] = dict) -> None:
        """``tiers`` gives the bank's Chinese names of its tiers."""
        self.language = language
        self._texts = TEXTS[language]
        self._tiers = tiers

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key with ``values`` in its placeholders."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def term(self, kind: str, code: str | None) -> str:
        """The word for a code: the bank's own where it has one, else that of the texts, else the code."""
        if code and kind == "tier" and self.language == "zh" and (named := self._tiers().get(code)):
            return named
        return self._texts.get(f"{kind}.{code}", code or "–")

    def either(self, english: str, chinese: str) -> str:
        return chinese if self.language == "zh" else english

    def of(self, item: Reason | Change) -> str:
        """The text of a reason or a change, which carries both languages."""
        return self.either(item.text_en, item.text_zh)

    def group(self, code: str) -> str:
        """The name of a group of reasons; one of an older release is shown as it is."""
        group = GROUPS.get(code)
        return self.either(group.en, group.zh) if group else code

    def money(self, minor: float) -> str:
        """
        >>> Wording("en").money(184_320_050), Wording("zh").money(184_320_050)
        ('1,843,200', '184.3万')
        """
        return amount_in_words(minor / 100, self.language)

    def at_least(self, minor: float) -> str:
        """As ``money``, rounded up: of a sum with which something is reached.

        >>> Wording("en").at_least(60_000_001), Wording("zh").at_least(184_300_050)
        ('600,001', '184.4万')
        """
        return amount_in_words(minor / 100, self.language, up=True)

    def amount(self, minor: float, code: str, write: Callable[[float], str] | None = None) -> str:
        """``write`` is ``money`` or another method that writes amounts.

        >>> Wording("en").amount(184_320_050, "CNY"), Wording("zh").amount(184_320_050, "CNY")
        ('1,843,200 CNY', '184.3万元')
        """
        blank = "" if self.currency(code) == "元" else " "
        return f"{(write or self.money)(minor)}{blank}{self.currency(code)}"

    def currency(self, code: str) -> str:
        """The base currency beside amounts: 元 for CNY in Chinese."""
        return "元" if (self.language, code) == ("zh", "CNY") else code

    def signed(self, number: float, write: Callable[[float], str]) -> str:
        """A figure as one of the other methods writes it, with its sign."""
        return f"{'−' if number < 0 else '+'}{write(abs(number))}"

    def points(self, difference: float) -> str:
        """A difference of shares in points, signed.

        >>> Wording("en").points(0.0123), Wording("en").points(-0.4)
        ('+1.2', '−40.0')
        """
        return self.signed(100 * difference, "{:.1f}".format)

    def size(self, difference: float) -> str:
        """A difference of shares in points, without a sign.

        >>> Wording("en").size(0.0123)
        '1.2'
        """
        return f"{100 * abs(difference):.1f}"

    def count(self, number: float) -> str:
        return f"{number:,.0f}"

    def tick(self, minor: float) -> str:
        """A mark of a chart's axis, which is a round amount.

        >>> english, chinese = Wording("en"), Wording("zh")
        >>> english.tick(250_000_000), english.tick(20_000_000), chinese.tick(250_000_000)
        ('2.5 m', '200 k', '250万')
        """
        units = () if self.language == "zh" else ((1e9, " bn"), (1e6, " m"), (1e3, " k"))
        for size, unit in units:
            if abs(minor) >= 100 * size:
                return f"{minor / 100 / size:g}{unit}"
        return self.money(minor)

    def percent(self, share: float | None) -> str:
        """
        >>> Wording("en").percent(0.412), Wording("en").percent(0.004), Wording("en").percent(None)
        ('41%', '<1%', '–')
        """
        if share is None:
            return "–"
        return "<1%" if 0 < share < 0.005 else f"{share:.0%}"

    def share(self, share: float) -> str:
        """To a tenth of a percent, for rates of whole cohorts.

        >>> Wording("en").share(0.0123), Wording("en").share(0.0004), Wording("en").share(0)
        ('1.2%', '<0.1%', '0.0%')
        """
        return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"

    def moment(self, at: datetime) -> str:
        """
        >>> Wording("en").moment(datetime(2026, 11, 16, 6, 5, tzinfo=UTC))
        '16 Nov 2026 06:05 UTC'
        """
        utc = at.astimezone(UTC)
        return f"{self.day(utc.date())} {utc:%H:%M} UTC"

    def day(self, day: date) -> str:
        """
        >>> Wording("en").day(date(2026, 11, 16)), Wording("zh").day(date(2026, 11, 16))
        ('16 Nov 2026', '2026年11月16日')
        """
        return day_in_words(day, self.language)

    def days(self, days: Iterable[date]) -> str:
        """One after another, each once.

        >>> Wording("en").days([date(2026, 11, 9), date(2026, 11, 9), date(2026, 11, 16)])
        '9 Nov 2026, 16 Nov 2026'
        """
        return self("marks.and").join(dict.fromkeys(map(self.day, days)))


def risk_points(score: Score) -> int:
    """The rise of the risk in whole percentage points; 0 where nothing is known to compare with."""
    return round(100 * (score.risk_change or 0))


def caveats(run: Run, words: Wording) -> tuple[str, ...]:
    """The caveats of a run: gates that somebody overrode, and sources that are behind."""
    gates = (name.partition(":")[::2] for name in run.gate_overrides)
    overridden = [
        words(f"gate.{kind}", table=words.term("source", table.partition("/")[0])) for kind, table in gates
    ]
    behind = [f"{words.term('source', table)} {words.day(day)}" for table, day in run.data_through.items()]
    texts = (("in_spite_of", "gates", overridden), ("data_through", "sources", behind))
    return tuple(words(key, **{name: words("and_so_on").join(parts)}) for key, name, parts in texts if parts)


def risk_in_words(run: Run, terms: ListTerms, words: Wording) -> str:
    """The event whose probability the risk is, by the bank's definition of attrition."""
    return words(
        f"list.risk.{terms.definition}",
        drop=terms.min_drop,
        floor=words.amount(100 * terms.dormant_floor, run.base_currency),
        days=run.horizon_days,
        start=words.day(run.snapshot_date + timedelta(days=terms.lead_days)),
    )


def change_in_words(run: Run, score: Score, language: Language) -> str:
    """For example "up 12 points since last week: Complained on 14 Aug".

    What is a reason already is named by its group. Empty below LEAST_POINTS, for a customer who was not in
    the cohort then, or a run with none before it.
    """
    if run.compared_with is None or score.risk_change is None:
        return ""
    words, points = Wording(language), risk_points(score)
    if abs(points) < LEAST_POINTS:
        return ""
    days = (run.snapshot_date - run.compared_with).days
    since = words("change.week") if days == 7 else words.day(run.compared_with)
    way = "up" if points > 0 else "down"
    change = words(f"change.{way}", points=words("change.points", count=abs(points)), since=since)
    # The parts that went the way of the whole change, the largest first.
    parts = [part for part in score.changes if part.contribution * points > 0 and part.group != "other"]
    parts.sort(key=lambda part: -abs(part.contribution))
    known = {words.of(reason) for reason in score.reasons}
    texts = (words.group(part.group) if words.of(part) in known else words.of(part) for part in parts)
    what = words("change.and").join(texts)
    return words(f"change.{way}_by", change=change, what=what) if what else change
