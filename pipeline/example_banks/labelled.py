"""A bank with a label of its own: of each month-end, who left within 180 days, and with how much money."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CUSTOMERS, SEED = 1_200, 21
START = date(2023, 7, 3)  # the Monday on which the books begin
HORIZON = timedelta(days=180)
LEAVES = 0.0028  # probability per week; so many months pass from the first sign to the end:
SIGNS = 24  # weeks in which the salary goes elsewhere first, and then the money, bit by bit
ONLY_LOOKS_SO = (
    0.0015  # probability per week that a salary stops, or a house is bought, and the customer stays
)
UNLABELLED = 0.03  # share of labels that the bank could not work out


Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def write_raw(folder: Path, until: date) -> None:
    """Clients, advisers, bookings, balances of every Sunday, and churn.csv; the same bytes every time."""
    random, weeks = np.random.default_rng(SEED), (until - START).days // 7
    client = np.array([f"C{number:05d}" for number in range(CUSTOMERS)])
    opened = np.sort(random.integers(-400, weeks, CUSTOMERS))  # in weeks from START
    left = np.maximum(opened, 0) + SIGNS + random.geometric(LEAVES, CUSTOMERS)  # the week of the last cent
    cents, booked, held = _live(random, opened, left, weeks)
    adviser = random.integers(0, 12, CUSTOMERS)
    pd.DataFrame(
        {
            "client": client,
            "since": [str(START + timedelta(weeks=int(week))) for week in opened],
            "adviser": [f"A{number:02d}" for number in adviser],
            "branch": [f"B{number % 3}" for number in adviser],
        }
    ).to_csv(folder / "clients.csv", index=False)
    names = [f"A{number:02d}" for number in range(12)]
    advisers = {"adviser": names, "branch": [f"B{number % 3}" for number in range(12)], "calls_a_week": 5}
    pd.DataFrame(advisers).to_csv(folder / "advisers.csv", index=False)
    for number, (kind, weekday) in enumerate((("salary", 4), ("card", 2), ("transfer", 3))):
        week, who = np.nonzero(booked[kind])
        day = pd.Timestamp(START) + pd.to_timedelta(7 * week + weekday, unit="D")
        amount = booked[kind][week, who] * (1 if kind == "salary" else -1)
        rows = {"client": client[who], "day": day.strftime("%Y-%m-%d"), "kind": kind, "amount": amount / 100}
        frame = pd.DataFrame({"number": [f"{number}{k:08d}" for k in range(len(who))]} | rows)
        frame.to_csv(folder / f"bookings_{kind}.csv", index=False, float_format="%.2f")
    week, who = np.nonzero(held)
    sunday = (pd.Timestamp(START) + pd.to_timedelta(7 * week + 6, unit="D")).strftime("%Y-%m-%d")
    balances = {"client": client[who], "sunday": sunday, "balance": cents[week, who] / 100}
    pd.DataFrame(balances).to_csv(folder / "balances.csv", index=False, float_format="%.2f")
    _labels(random, client, opened, left, booked["transfer"], until).to_csv(
        folder / "churn.csv", index=False, float_format="%.2f"
    )


def _live(
    random: np.random.Generator, opened: Ints, left: Ints, weeks: int
) -> tuple[Floats, dict[str, Floats], NDArray[np.bool_]]:
    """Week × customer: balances in cents, bookings in cents by kind, and where there is a balance."""
    n = len(opened)
    salary = np.rint(random.lognormal(8.1, 0.4, n) * 100)
    balance = np.where(opened < 0, np.rint(random.lognormal(11.6, 0.6, n) * 100), 0)
    cents, held = np.zeros((weeks, n)), np.zeros((weeks, n), bool)
    booked = {kind: np.zeros((weeks, n)) for kind in ("salary", "card", "transfer")}
    unpaid_until = np.zeros(n)
    for week in range(weeks):
        here = (opened <= week) & (week <= left)
        to_go = left - week
        going = here & (to_go < SIGNS)
        looks_so = random.uniform(size=n) < ONLY_LOOKS_SO
        unpaid_until = np.where(looks_so, week + 26, unpaid_until)
        payday = (START + timedelta(weeks=week)).day <= 7
        paid = here & payday & ~(going & (to_go < SIGNS - 8)) & (week >= unpaid_until)
        booked["salary"][week] = paid * salary
        balance = balance + booked["salary"][week]
        first = here & (opened == week)
        deposit = np.where(first, np.rint(random.lognormal(11.6, 0.6, n) * 100), 0)
        booked["salary"][week] += deposit
        balance = balance + deposit
        card = np.rint(here * salary * 0.2 * random.lognormal(-0.1, 0.5, n))
        booked["card"][week] = np.minimum(card, balance)
        share = np.where(going & (random.uniform(size=n) < 0.5), random.uniform(0.02, 0.2, n), 0.0)
        share = np.where(here & looks_so, random.uniform(0.2, 0.6, n), share)
        share = np.where(here & (to_go == 0), 1.0, share)
        balance = balance - booked["card"][week]
        booked["transfer"][week] = np.rint(share * balance)
        balance = balance - booked["transfer"][week]
        cents[week], held[week] = balance, here
    return cents, booked, held


def _labels(
    random: np.random.Generator,
    client: NDArray[np.str_],
    opened: Ints,
    left: Ints,
    transfers: Floats,
    until: date,
) -> pd.DataFrame:
    """One row per month-end whose window has closed before ``until``, and customer of that day."""
    moved = np.vstack([np.zeros(len(client)), transfers.cumsum(axis=0)])  # before each week, in cents
    last = np.array([START.toordinal() + 7 * week + 3 for week in left])  # the Thursday of the last transfer
    parts = []
    for end in pd.date_range(START, until - HORIZON - timedelta(days=1), freq="ME"):
        day, closes = end.date(), end.date() + HORIZON
        here = (opened < (day - START).days // 7) & (last >= day.toordinal())
        gone = here & (last < closes.toordinal())
        first, after = (
            (moment - START).days // 7 + ((moment - START).days % 7 > 3) for moment in (day, closes)
        )
        lost = moved[min(after, len(moved) - 1)] - moved[min(first, len(moved) - 1)]
        chosen = here & (random.uniform(size=len(client)) >= UNLABELLED)
        rows = {"client": client, "month_end": str(day), "left_180": gone.astype(int)}
        rows |= {"lost": np.where(gone, lost / 100, np.nan), "computed_on": str(closes)}
        parts.append(pd.DataFrame(rows)[chosen])
    return pd.concat(parts)
