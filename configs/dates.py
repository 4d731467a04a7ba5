"""The dates around a snapshot. Every interval is half-open, [start, end)."""

from dataclasses import dataclass
from datetime import date, timedelta

from configs.errors import ConfigError

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Timeline:
    """The outcome window of one snapshot; the snapshot day itself is seen by nobody but the outcome.

    >>> Timeline(date(2024, 3, 4), lead_days=7, horizon_days=90).outcome_end
    datetime.date(2024, 6, 9)
    """

    snapshot_date: date
    lead_days: int
    horizon_days: int

    @property
    def outcome_start(self) -> date:
        return self.snapshot_date + timedelta(days=self.lead_days)

    @property
    def outcome_end(self) -> date:
        return self.outcome_start + timedelta(days=self.horizon_days)

    def matured(self, data_through: date) -> bool:
        """True once the outcome can be known: the data reaches up to (not into) ``data_through``."""
        return self.outcome_end <= data_through


def latest_monday(day: date) -> date:
    """The last Monday up to and including ``day``.

    >>> latest_monday(date(2026, 11, 29))
    datetime.date(2026, 11, 23)
    """
    return day - timedelta(days=day.weekday())


def monday(day: date) -> date:
    """``day`` itself, which must be a Monday; anything else is a ConfigError naming the Monday before it."""
    if day.weekday():
        raise ConfigError(
            f"{day} is a {day:%A}, but a snapshot is a Monday. Use {latest_monday(day)}, or the one after."
        )
    return day


def mondays(first: date, last: date) -> list[date]:
    """Every Monday from the first on or after ``first`` up to and including ``last``.

    >>> mondays(date(2024, 2, 27), date(2024, 3, 11))
    [datetime.date(2024, 3, 4), datetime.date(2024, 3, 11)]
    """
    start = first + timedelta(days=-first.weekday() % 7)
    return [start + k * WEEK for k in range((last - start).days // 7 + 1)] if start <= last else []


def day_in_words(day: date, language: str, year: int | None = None) -> str:
    """As pages and reasons write a day; without its year where that is ``year``.

    >>> day_in_words(date(2026, 11, 16), "en"), day_in_words(date(2026, 11, 16), "zh", 2026)
    ('16 Nov 2026', '11月16日')
    """
    if language == "zh":
        return f"{day.month}月{day.day}日" if day.year == year else f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {day:%b}" if day.year == year else f"{day.day} {day:%b} {day.year}"
