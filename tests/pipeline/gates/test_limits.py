"""Limits by hand, and the law: good weeks lie outside of them as often as wanted, or less."""

from datetime import date, timedelta

import numpy as np
import pytest

from configs.dates import WEEK
from pipeline.gates.limits import Limits, Series, learn, longest_lag

MONDAY = date(2026, 11, 16)


def series(values, **options):
    days = tuple(MONDAY - WEEK * ago for ago in range(len(values) - 1, -1, -1))
    return Series(days, tuple(map(float, values)), **options)


def test_a_change_by_hand():
    """Median 10, deviations 1; t of 0.37 · 19 degrees at 5% is 2.363; a next value varies by 1 + π/2/20."""
    limits = learn(series([9, 11] * 10 + [50], level=False), 0.05, 8)
    width = 2.3630 * 1.4826 * (1 + np.pi / 40) ** 0.5
    assert (limits.low, limits.high) == (
        pytest.approx(10 - width, abs=1e-3),
        pytest.approx(10 + width, abs=1e-3),
    )
    assert limits.weeks == 20


def test_a_level_is_compared_with_the_value_before():
    """A figure that grows by 1 a week grows by 1 this week too."""
    growing = series(range(100, 140), noise=0.1)
    limits = learn(growing, 0.01, 8)
    assert limits.low < 139 < limits.high
    assert limits.high - limits.low < 2


def test_this_mondays_value_moves_none_of_its_limits():
    past = [100, 103, 98, 101, 99, 102, 97, 104, 100, 101, 99, 100, 103, 98]
    assert learn(series([*past, 100], scale="log"), 0.01, 8) == learn(
        series([*past, 9_999], scale="log"), 0.01, 8
    )


def test_too_little_history_has_no_limits():
    assert learn(series([1] * 13), 0.01, 13) is None
    assert learn(series([1] * 15), 0.01, 13) is not None
    assert learn(series([1] * 13, scale="lag"), 0.01, 13) is None


def test_a_pair_of_mondays_further_apart_may_differ_more():
    near = series([100, 101, 99, 100, 102, 98] * 4 + [100])
    far, too_far = (Series((*near.days[:-1], near.days[-1] + weeks * WEEK), near.values) for weeks in (3, 4))
    close, wide = learn(near, 0.01, 8), learn(far, 0.01, 8)
    assert (wide.high - wide.low) == pytest.approx(2 * (close.high - close.low))
    assert learn(too_far, 0.01, 8) is None


def test_a_level_that_moves_every_week_moves_on():
    """Money that leaves week by week is expected to have left by more after three weeks than after one."""
    near = series([100 - 2 * k + k % 2 for k in range(30)])
    far = Series((*near.days[:-1], near.days[-1] + 2 * WEEK), near.values)
    close, wide = learn(near, 0.01, 8), learn(far, 0.01, 8)
    assert wide.high + wide.low < close.high + close.low


def test_the_same_season_of_last_year_widens_the_limits():
    """Half of the rows in a New Year week a year ago: half of them now is no surprise; in June it is."""
    rows = [1_000 + 10 * (k % 3) for k in range(104)]
    rows[-52] = 500
    assert learn(series([*rows, 500], scale="log", weekly=True), 0.001, 13).low < 500
    rows[-52], rows[-30] = rows[-30], rows[-52]
    assert learn(series([*rows, 500], scale="log", weekly=True), 0.001, 13).low > 500


def test_weeks_of_a_month_and_ends_of_quarters_have_their_own_rhythm():
    """Paydays double the rows of the second week of a month; a quarter ends with five times as many."""
    days = [MONDAY - timedelta(weeks=ago) for ago in range(103, -1, -1)]
    noise = np.random.default_rng(1).normal(0, 0.03, 104)
    payday = [8 <= (day - timedelta(days=1)).day <= 14 for day in days]
    quarter = [(day - timedelta(days=7)).month % 3 == 0 and day.month % 3 == 1 for day in days]
    rows = [
        1_000 * (1 + pay) * (5 if end else 1) * np.exp(x)
        for pay, end, x in zip(payday, quarter, noise, strict=True)
    ]
    for last in range(70, 104):
        limits = learn(
            Series(tuple(days[: last + 1]), tuple(rows[: last + 1]), "log", weekly=True), 0.0005, 13
        )
        assert limits.low < rows[last] < limits.high
        assert limits.low > rows[last] / 2 or quarter[last]


def test_shares_stay_within_0_and_1():
    limits = learn(series([0.03, 0.031, 0.029] * 10 + [0.9], scale="logit", noise=0.01), 0.001, 8)
    assert -0.001 <= limits.low < limits.high < 0.06


@pytest.mark.parametrize(
    ("lags", "least", "most"),
    [
        ([1] * 100, 2, 3),  # a daily source: a day may be missing, half a week may not
        ([8] * 100, 9, 10),  # a weekly one that is always a week old
        ([*range(1, 92, 7)] * 8, 91, 170),  # a quarterly one: not after another quarter
    ],
)
def test_the_longest_lag_keeps_the_rhythm_of_a_source(lags, least, most):
    assert least <= longest_lag(lags, 0.0003) <= most


@pytest.mark.parametrize("scale", ["log", "logit", "plain"])
@pytest.mark.parametrize("heavy", [False, True])
def test_good_weeks_are_refused_no_more_often_than_wanted(scale, heavy):
    """700 figures of 53 weeks: 1% outside where they are normal, at most 2.5 where their tails are those of
    Student's t of 6 degrees."""
    draws = np.random.default_rng(4)
    noise = draws.standard_t(6, (700, 53)) if heavy else draws.standard_normal((700, 53))
    onto = {
        "log": lambda x: np.exp(6 + 0.1 * x),
        "logit": lambda x: 1 / (1 + np.exp(2 + 0.2 * x)),
        "plain": lambda x: x,
    }[scale]
    outside = 0
    for values in onto(noise):
        limits = learn(series(values, scale=scale), 0.01, 13)
        outside += not limits.low <= values[-1] <= limits.high
    assert outside <= (0.025 if heavy else 0.016) * 700


def test_limits_hold_the_usual():
    assert learn(series([7] * 30), 0.01, 13) == Limits(
        pytest.approx(7, abs=1e-6), pytest.approx(7, abs=1e-6), 28
    )
