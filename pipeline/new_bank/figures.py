"""Figures of the drafted SELECTs: weeks with bookings, the Mondays that they give, money of customers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import floor, log10

import duckdb

from configs.dates import latest_monday, mondays
from configs.tables import TABLES
from pipeline.ingest.relations import number
from pipeline.new_bank.drafts import Draft

BUSY = 0.1  # of the bookings of a busy week (nine in ten have fewer): below, a week counts as a gap
FIRST_WEEKS = 8  # of few bookings before the run of weeks, which belong to it
LONGEST_HORIZON = 365  # days
QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.99)


@dataclass(frozen=True)
class Figures:
    """What settings are drafted from: QUANTILES of balances, the weeks of bookings, the days within which
    delivered labels look ahead; each empty where there is none."""

    money: list[float]
    weeks: "Weeks | None"
    horizon: int | None


@dataclass(frozen=True)
class Weeks:
    """The run of weeks with most of the bookings: its first day, the day after it; the gaps in words.

    ``step`` are the weeks from one with bookings to the next, 1 where every week has some.
    """

    first: date
    end: date
    gaps: tuple[str, ...]
    step: int = 1

    @property
    def count(self) -> int:
        return (self.end - self.first).days // 7

    def matured(self, after_weeks: int, closes_after: int) -> int:
        """The Mondays with enough history before and a closed outcome window after them."""
        last = latest_monday(self.end)
        return max(0, len(mondays(self.first + timedelta(weeks=after_weeks), last)) - closes_after)


def rows_by_week(con: duckdb.DuckDBPyConnection, draft: Draft) -> list[tuple[date, int, date, date]]:
    """Of each week in which a draft has rows: its Monday, their number, the first and the last day."""
    happened = TABLES[draft.table].happened
    if happened not in draft.columns:
        return []
    return con.execute(
        "SELECT date_trunc('week', day)::DATE AS monday, count(*), min(day), max(day) FROM "
        f"(SELECT TRY_CAST(left({happened}::VARCHAR, 10) AS DATE) AS day FROM ({draft.select})) "
        "WHERE day IS NOT NULL GROUP BY monday ORDER BY monday"
    ).fetchall()


def weeks_of(rows: Sequence[tuple[date, int, date, date]]) -> Weeks | None:
    """The weeks that bookings fill, from their ``rows_by_week``; None where no booking has a date."""
    if not rows:
        return None
    counts = sorted(count for _, count, *_ in rows)
    least = BUSY * counts[(9 * (len(counts) - 1)) // 10]
    busy = [monday for monday, count, *_ in rows if count >= least]
    steps = sorted((after - before).days // 7 for before, after in pairwise(busy))
    median_step = steps[len(steps) // 2] if steps else 1  # 4 where all bookings are of month-ends
    runs = [[busy[0]]]
    for before, after in pairwise(busy):
        if (after - before).days // 7 > 1.5 * median_step:
            runs.append([])
        runs[-1].append(after)
    by_week = {monday: count for monday, count, *_ in rows}
    longest = max(runs, key=lambda run: sum(by_week[monday] for monday in run))
    # A bank that opens, or an excerpt that begins, has few bookings in its first weeks.
    first = min(row[2] for row in rows if longest[0] - timedelta(weeks=FIRST_WEEKS) <= row[0] <= longest[0])
    last = max(row[3] for row in rows if row[0] == longest[-1])
    gaps = [
        f"few or no bookings from {before[-1] + timedelta(weeks=1)} to {after[0]}"
        for before, after in pairwise(runs)
    ]
    return Weeks(first, last + timedelta(days=1), tuple(gaps[:5]), median_step)


def balances_of(con: duckdb.DuckDBPyConnection, drafts: dict[str, Draft], currency: str) -> list[float]:
    """QUANTILES of the customers' average balance: loans aside, in base currency alone, positive ones.

    Of each account the average of its rows counts, so that this is an estimate of the average AUM.
    """
    if "holdings" not in drafts:
        return []
    account = "account_id" if "account_id" in drafts["holdings"].columns else "''"
    parts = ", ".join(map(str, QUANTILES))
    ((quantiles,),) = con.execute(
        f"WITH h AS (SELECT customer_id, product_id, {account} AS account_id, "
        f"TRY_CAST(balance AS DECIMAL(18,2)) AS balance FROM ({drafts['holdings'].select}) WHERE "
        "currency = ?), "
        f"p AS (SELECT product_id::VARCHAR AS product_id FROM ({drafts['products'].select}) WHERE "
        "product_class = 'loan'), "
        "means AS (SELECT customer_id, round(avg(balance), 2)::DECIMAL(18,2) AS balance FROM h ANTI "
        "JOIN p USING (product_id) "
        "GROUP BY customer_id, product_id, account_id), "
        "sums AS (SELECT sum(balance) AS balance FROM means GROUP BY customer_id) "
        f"SELECT quantile_cont(balance, [{parts}]) FROM sums WHERE balance > 0",
        [currency],
    ).fetchall()
    return [float(value) for value in quantiles or []]


def horizon_of(con: duckdb.DuckDBPyConnection, labels: Draft, gone: str) -> int:
    """The days within which labels look ahead: by the name of their column, as in left_180, else the fewest
    days until one was known, else 90."""
    named = [int(digits) for digits in re.findall(r"\d+", gone) if 7 <= int(digits) <= LONGEST_HORIZON]
    if named:
        return named[0]
    known = number(
        con,
        "SELECT min(TRY_CAST(known_on AS DATE) - TRY_CAST(day AS DATE)) FROM "
        f"({labels.select}) WHERE TRY_CAST(known_on AS DATE) > TRY_CAST(day AS DATE)",
    )
    return known if 7 <= known <= LONGEST_HORIZON else 90


def rounded(amount: float) -> int:
    """The nearest of 1, 2, 2.5 and 5 times a power of ten, at least 10.

    >>> rounded(27_113), rounded(430_000), rounded(3)
    (25000, 500000, 10)
    """
    if amount <= 10:
        return 10
    power = 10 ** floor(log10(amount))
    steps = [int(step * power) for step in (1, 2, 2.5, 5, 10)]
    return min(steps, key=lambda step: abs(log10(step / amount)))
