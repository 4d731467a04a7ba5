"""The calendar and the markets: seasons, fund prices, the dollar, and what other banks pay more."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipeline.demo_bank.draws import Draws, Floats, Ints

EPOCH = date(1970, 1, 1)
PRICED = ("equity", "bond", "gold")

# Chinese New Year's Day (lunar calendar, as published by the Hong Kong Observatory).
_NEW_YEARS = tuple(
    date.fromisoformat(day)
    for day in (
        "2020-01-25", "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29",
        "2026-02-17", "2027-02-06", "2028-01-26", "2029-02-13", "2030-02-03",
    )
)  # fmt: skip


def day_number(day: date) -> int:
    """Days since 1970-01-01, the unit of every date inside the generator."""
    return (day - EPOCH).days


@dataclass(frozen=True)
class Season:
    """What is special about one week (its Monday)."""

    monday: date
    before_new_year: bool
    after_new_year: bool
    quarter_ends: bool
    interest_day: int | None

    @classmethod
    def of(cls, monday: date) -> "Season":
        days = [monday + timedelta(days=k) for k in range(7)]
        to_feast = [(feast - monday).days for feast in _NEW_YEARS]
        last = [day for day in days if (day + timedelta(days=1)).day == 1]
        # Chinese banks pay interest on demand deposits on the 21st of each quarter's last month.
        paid = [k for k, day in enumerate(days) if day.day == 21 and day.month % 3 == 0]
        return cls(
            monday=monday,
            before_new_year=any(0 < gap <= 14 for gap in to_feast),
            after_new_year=any(-14 < gap <= 0 for gap in to_feast),
            quarter_ends=any(day.month % 3 == 0 for day in last),
            interest_day=paid[0] if paid else None,
        )

    def weekday_of(self, day_of_month: Ints) -> Ints:
        """Day of this week (0 = Monday) that bears the given day of the month, −1 where none does."""
        found = np.full(32, -1, dtype=np.int64)
        for k in range(7):
            found[(self.monday + timedelta(days=k)).day] = k
        return found[day_of_month]


@dataclass(frozen=True)
class Market:
    """One row per week (row 0 = the Sunday before the first week). Prices in 1/10000 yuan per unit.

    ``rate_gap`` is how much more other banks pay, in percentage points; it moves slowly, over some 15 months.
    """

    prices: Ints
    dollar: Floats
    rate_gap: Floats

    @classmethod
    def over(cls, weeks: int, seed: int) -> "Market":
        row = np.arange(weeks + 1, dtype=np.int64)
        draws = Draws(seed, -2)
        steps = [
            0.0008 + 0.022 * draws.normal("equity", row),
            0.0007 + 0.002 * draws.normal("bond", row),
            0.0015 + 0.016 * draws.normal("gold", row),
        ]
        paths = [np.exp(np.cumsum(step) - step[0]) for step in steps]
        start = np.array([1.35, 1.08, 480.0])
        dollar = 7.15 * np.exp(np.cumsum(0.003 * draws.normal("dollar", row)) * 0.7)
        return cls(
            prices=np.rint(np.stack(paths, axis=1) * start * 10_000).astype(np.int64),
            dollar=np.round(dollar, 4),
            rate_gap=0.7 + 0.4 * np.sin(2 * np.pi * (row + 20) / 65),
        )
