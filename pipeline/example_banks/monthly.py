"""A savings bank that delivers month-ends alone, a column per month, without managers and branches.

Every customer has a current account and some have savings. Money comes in and goes out month by month; who
leaves has the salary paid elsewhere first, and moves the money out some months later.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

CUSTOMERS, MONTHS, SEED = 1200, 30, 11
LEAVES = 0.012  # share of the customers who begin to leave in a month
PAUSES = 0.04  # share of the months in which a salary is missing for two months, whatever the reason
QUIET, STAGES = 5, 3  # months from the last salary until money moves, at most; and until it is gone


def write_raw(folder: Path, until: date) -> None:
    """Customers, balances by year and bookings by month of the ``MONTHS`` whole months before ``until``.

    Amounts are in euro with two decimals. The files are the same ones every time.
    """
    rng = np.random.default_rng(SEED)
    months = pd.period_range(end=pd.Period(until, "M") - 1, periods=MONTHS, freq="M")
    ids = [f"{100_000 + number}" for number in range(CUSTOMERS)]
    opened = [date(2023, 12, 1) - timedelta(days=int(days)) for days in rng.integers(30, 7000, CUSTOMERS)]
    births = rng.integers(1940, 2004, CUSTOMERS)
    people = pd.DataFrame({"CUSTOMER": ids, "SINCE": opened, "BORN": births})
    people.to_csv(folder / "customers.csv", index=False)

    current, savings, income, spent = _balances(rng)
    for name, account, values in (("CURRENT", "1", current), ("SAVINGS", "2", savings)):
        for year in sorted(set(months.year)):
            chosen = months.year == year
            columns = {
                f"BAL_{month:%Y%m}": _text(values[:, k]) for k, month in enumerate(months) if chosen[k]
            }
            held = values[:, : chosen.nonzero()[0].max() + 1].any(axis=1)  # 0 is delivered once
            wide = pd.DataFrame(
                {"CUSTOMER": ids, "ACCOUNT": [f"{i}-{account}" for i in ids], "PRODUCT": name}
            )
            pd.concat([wide, pd.DataFrame(columns)], axis=1)[held].to_csv(
                folder / f"balances_{name.lower()}_{year}.csv", index=False
            )
    for year in sorted(set(months.year)):
        columns = {}
        for k, month in enumerate(months):
            if month.year == year:
                columns |= {
                    f"IN_{month:%Y-%m}": _text(income[:, k]),
                    f"OUT_{month:%Y-%m}": _text(spent[:, k]),
                }
        pd.DataFrame({"CUSTOMER": ids} | columns).to_csv(folder / f"bookings_{year}.csv", index=False)


def _balances(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cents by customer and month: the current account, savings, money that came in, money that went out."""
    size = (CUSTOMERS, MONTHS)
    salary = np.exp(rng.normal(7.7, 0.5, CUSTOMERS))
    began = np.where(rng.random(size) < LEAVES, np.arange(MONTHS), MONTHS).min(axis=1)
    quiet = rng.integers(0, QUIET, CUSTOMERS)  # months from the last salary until money begins to move
    stage = np.arange(MONTHS) - began[:, None]
    regular = salary[:, None] * rng.normal(1, 0.08, size)
    pause = rng.random(size) < PAUSES  # a month without a salary means little by itself
    unpaid = pause | np.roll(pause, 1, axis=1) | ((stage >= 0) & (rng.random(size) < 0.8))
    income = np.where(unpaid, rng.uniform(0, 0.4, size) * regular, regular).round(2)
    everyday = regular * rng.lognormal(-0.03, 0.35, size)
    start = salary * np.exp(rng.normal(1.5, 1.0, CUSTOMERS))
    saved = np.where(rng.random(CUSTOMERS) < 0.6, salary * np.exp(rng.normal(2.0, 1.0, CUSTOMERS)), 0)
    current, savings, spent = np.zeros(size), np.zeros(size), np.zeros(size)
    for k in range(MONTHS):
        before = (current[:, k - 1] if k else start) + income[:, k]
        kept = savings[:, k - 1] if k else saved
        leaves = np.clip((stage[:, k] - quiet + 1) / STAGES, 0, 1)
        savings[:, k] = (kept * (1 - leaves)).round(2)
        gone = np.maximum(before * leaves, np.minimum(everyday[:, k], before * 0.95))
        spent[:, k] = (gone + kept - savings[:, k]).round(2)
        current[:, k] = (before + kept - savings[:, k] - spent[:, k]).round(2)
    return current, savings, income, spent


def _text(values: np.ndarray) -> list[str]:
    """Amounts as text; nothing where there is nothing from the beginning."""
    return [f"{value:.2f}" for value in values]
