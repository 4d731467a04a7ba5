"""A wallet with payments and top-ups and nothing else: no balances, no managers, no branches."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

CUSTOMERS, WEEKS, SEED = 1_500, 90, 15
FADING_DAYS = 42  # before the last payment, in which whoever leaves pays and tops up ever less
SURNAMES, GIVEN = "王李张刘陈杨赵黄周吴", "伟芳娜敏静丽强磊军洋勇艳杰涛明超"
UNNAMED, WITHOUT_PHONE = 50, 10  # every so many users have no name, or no telephone
KINDS = ("TOPUP", "SHOP", "FRIEND")


def write_raw(folder: Path, until: date) -> None:
    """users.csv and one file of payments per half-year before ``until``; the same bytes every time.

    Each customer pays at a rate of their own and leaves at another, most of them never in these
    weeks: the process of Fader, Hardie and Lee (2005). Whoever leaves fades first, which can be seen.
    """
    random = np.random.default_rng(SEED)
    days = 7 * WEEKS
    joined = np.sort(random.integers(-365, days, CUSTOMERS))
    leaves = np.maximum(joined, 0) + random.exponential(1 / random.gamma(1.2, 1 / 1_100, CUSTOMERS)) + 30
    bookings_a_day = random.gamma(2.0, 0.12, CUSTOMERS) + 0.03  # payments a day
    count = random.poisson(bookings_a_day * days)
    user = np.repeat(np.arange(CUSTOMERS), count)
    at = np.floor(random.uniform(0, days, len(user)) * 86_400) / 86_400
    left_in = leaves[user] - at  # days until the customer is gone
    fading = np.clip(left_in / FADING_DAYS, 0, 1)
    stays = (at >= joined[user]) & (left_in > 0) & (random.uniform(size=len(user)) < 0.4 + 0.6 * fading)
    kind = random.choice(3, len(user), p=(0.2, 0.7, 0.1))
    stays &= (kind != 0) | (random.uniform(size=len(user)) < fading)
    cents = np.rint(100 * random.lognormal(np.where(kind == 0, 5.0, 3.5), 0.8) * (0.4 + 0.6 * fading))
    start = pd.Timestamp(until) - pd.Timedelta(days=days)
    payments = pd.DataFrame(
        {
            "USER": [f"U{number:05d}" for number in user],
            "PAID_AT": (start + pd.to_timedelta(np.rint(at * 86_400), unit="s")).astype(str),
            "WHAT": np.array(KINDS)[kind],
            "AMOUNT": [f"{amount / 100:.2f}" for amount in np.maximum(cents, 1)],
        }
    )[stays].sort_values(["PAID_AT", "USER"], kind="stable")
    payments.insert(0, "ID", [f"P{number:07d}" for number in range(len(payments))])
    users = pd.DataFrame(
        {
            "USER": [f"U{number:05d}" for number in range(CUSTOMERS)],
            "JOINED": (start + pd.to_timedelta(joined, unit="D")).strftime("%Y-%m-%d"),
        }
    )
    users[["NAME", "PHONE"]] = _people()
    users.to_csv(folder / "users.csv", index=False)
    half_year: pd.Series[str] = payments["PAID_AT"].str[:4] + np.where(
        payments["PAID_AT"].str[5:7] < "07", "H1", "H2"
    )
    for name, rows in payments.groupby(half_year):
        rows.to_csv(folder / f"payments_{name}.csv", index=False)


def _people() -> list[tuple[str, str]]:
    """Made-up name and telephone of each user; no number begins with +86 000."""
    random = np.random.default_rng(SEED + 1)  # of their own, so that payments are as without them
    surname, first, second = (
        np.array(list(words))[random.integers(0, len(words), CUSTOMERS)] for words in (SURNAMES, GIVEN, GIVEN)
    )
    return [
        (
            f"{surname[number]}{first[number]}{second[number]}" if number % UNNAMED else "",
            f"+86 000 0000 {number:04d}" if number % WITHOUT_PHONE else "",
        )
        for number in range(CUSTOMERS)
    ]
