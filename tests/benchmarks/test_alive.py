"""The made-up logs of bookings: each is of the process that it says."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from benchmarks.alive import counts_on, process, seasons
from configs.bank_folder import load_settings
from models.alive import fit_alive

DAYS, FIRST = 700, pd.Timestamp("2024-01-01")


def test_the_first_log_is_bg_nbd_s_own():
    customer, moment = process(10_000, DAYS, np.random.default_rng(1))
    assert 0 <= moment.min() <= moment.max() < DAYS
    days = pd.DataFrame({"customer": customer, "day": FIRST + pd.to_timedelta(moment.astype(int), unit="D")})
    days = days.drop_duplicates().sort_values(["customer", "day"])
    fitted = fit_alive(counts_on(days, date(2025, 12, 1)), load_settings("demo").label)
    assert [fitted.r, fitted.alpha, fitted.a, fitted.b] == pytest.approx([0.8, 20, 0.4, 4.0], rel=0.2)


def test_the_second_log_has_promotions_and_gaps_more_even_than_chance():
    customer, moment = seasons(10_000, DAYS, np.random.default_rng(1))
    assert 0 <= moment.min() <= moment.max() < DAYS
    by_week = np.bincount(moment[moment > 300].astype(int) // 7)[43:]
    assert by_week.max() > 1.5 * np.median(by_week)  # a week of promotions
    order = np.lexsort((moment, customer))
    gaps = pd.DataFrame({"customer": customer[order][1:], "gap": np.diff(moment[order])})
    gaps = gaps[np.diff(customer[order]) == 0].groupby("customer")["gap"].agg(["mean", "std", "size"])
    often = gaps[gaps["size"] > 30]
    assert (often["std"] / often["mean"]).median() < 0.95  # of a Poisson process it is 1
