"""The chance that a drain counts, by hand and against a simulation; the truth against labels.

The truth is calibrated against labels worked out from the raw holdings alone.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from pipeline.demo_bank import Bank, hazards
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import DRAINING, call_types
from pipeline.demo_bank.draws import Bools, Floats
from pipeline.demo_bank.hazards import REASONS, History

LAST_MONDAY = date(2026, 11, 16)
WEEKS = 91


def test_crossing_week_of_a_drain_by_hand() -> None:
    # Half of the AUM is (0.5 / 0.9) ** (1 / 1.3) = 0.636 of the way: week 1.3 of 2, 2.6 of 4, 3.2 of 5.
    crossing = hazards.crossing_week(np.full(3, 0.9), np.array([2, 4, 5]))
    assert crossing.tolist() == [2, 3, 4]


def test_a_drain_that_starts_too_late_does_not_count() -> None:
    crossing, done, weeks = np.array([2]), np.array([0]), np.array([2])
    # In weeks s + 10 and s + 11 it takes half just in time, one week later no more.
    assert hazards.completes(crossing, done, weeks, start=10)[0] > 0.9
    assert hazards.completes(crossing, done, weeks, start=11)[0] == 0


def test_a_drain_under_way_may_stop_or_return() -> None:
    # One of two weeks done: once it may stop; then away in the weeks s + 1 … s + 10, where AWAY_WEEKS ends.
    chance = hazards.completes(np.array([2]), np.array([1]), np.array([2]))[0]
    assert chance == pytest.approx((1 - p.ABORT_CHANCE) * (1 - p.RETURN_CHANCE) ** 10)


def test_later_starts_and_calls_that_help_make_it_less_likely() -> None:
    counts, helped, harmed = (
        np.array([hazards.looking_counts(k + 1, factor) for k in range(hazards.AHEAD)])
        for factor in p.CALL_FACTOR
    )
    assert (np.diff(counts[:11]) < 0).all()
    # Looking from week s + 10 on, going from s + 11 on: a drain takes at least two weeks to cross.
    assert counts[10:].tolist() == [0, 0]
    assert (helped <= counts).all()
    assert (harmed >= counts).all()


@pytest.mark.parametrize(
    ("until", "window"), [(13, hazards.LABEL), (3, hazards.LABEL), (0, hazards.LABEL), (1, hazards.EARLY)]
)
def test_looking_agrees_with_a_simulation(until: int, window: hazards.Window) -> None:
    """Of somebody whom an answered call helps before week ``until``."""
    generator = np.random.default_rng(5)
    size, factor = 200_000, p.CALL_FACTOR[1]
    fate = generator.random((hazards.AHEAD, size))
    works = np.arange(hazards.AHEAD)[:, None] < until
    goes, calms = fate < p.GO_CHANCE * np.where(works, factor, 1.0), fate >= 1 - p.CALM_CHANCE
    start = np.where(goes.any(axis=0), goes.argmax(axis=0), 99)
    calm = np.where(calms.any(axis=0), calms.argmax(axis=0), 99)
    weeks = generator.choice(
        [length for length, _ in p.DRAIN_WEEKS], size, p=[share for _, share in p.DRAIN_WEEKS]
    )
    crossing = hazards.crossing_week(generator.uniform(*p.DRAIN_DEPTH, size), weeks)
    stops = (generator.random((4, size)) < p.ABORT_CHANCE) & (np.arange(1, 5)[:, None] < crossing)
    away = np.clip(window.held + 1 - start - weeks, 0, p.AWAY_WEEKS)
    returns = generator.random(size) > (1 - p.RETURN_CHANCE) ** away
    counts = (start < calm) & (start + crossing - 1 <= window.crossed) & ~stops.any(axis=0) & ~returns
    assert hazards.looking_counts(0, factor, until, window) == pytest.approx(counts.mean(), abs=0.004)


def test_chances_with_weeks_left_of_a_call() -> None:
    """Row 0 is the truth of nobody called; each further week that helps takes something off, early less."""
    bank = Bank(700, 34, 7, LAST_MONDAY)
    for _ in range(18):
        bank.advance()
    truth = bank.truth()
    late, early = (bank.chances(truth.customer, window) for window in (hazards.LABEL, hazards.EARLY))
    assert late.shape == early.shape == (p.CALL_WEEKS + 1, len(truth.customer))
    assert np.array_equal(late[0], truth.probability)
    types = bank.customers.call_type[:, truth.customer]
    helped, minds_not = (types == 1).any(axis=0) & (types != 2).all(axis=0), (types == 0).all(axis=0)
    assert (np.diff(late[:, helped], axis=0) <= 1e-12).all()
    assert (late[:, minds_not] == late[0, minds_not]).all()
    draining = bank.states.stage[truth.customer] == DRAINING
    assert draining.any()
    assert (late[:, draining] == late[0, draining]).all()
    # A call can save within 30 days only who goes in the next two weeks.
    assert (early[3:] == early[2]).all()
    # What left early may have come back by the end of the longer window.
    assert (early <= late + np.where(draining, 0.13, 0.001)).all()
    assert late[0].sum() > 2 * early[0].sum() > 0
    harmed = bank.chances(truth.customer, hazards.LABEL, harmed=True)
    assert np.array_equal(harmed[0], late[0])
    assert (harmed[-1] > late.max(axis=0) - 1e-12).all()
    assert (harmed[-1] > 1.5 * late[0]).mean() > 0.5


def test_early_counts_what_is_gone_by_the_third_week() -> None:
    crossing, done, weeks = np.array([2, 3]), np.array([1, 0]), np.array([2, 4])
    # One week to go, then away in weeks s + 1 … s + 4 ...
    early = hazards.completes(crossing, done, weeks, window=hazards.EARLY)
    assert early[0] == pytest.approx((1 - p.ABORT_CHANCE) * (1 - p.RETURN_CHANCE) ** 4)
    # ... of four the third crosses, in s + 2, and the money is away in s + 4; a week later is too late.
    assert early[1] == pytest.approx((1 - p.ABORT_CHANCE) ** 2 * (1 - p.RETURN_CHANCE))
    assert hazards.completes(crossing, done, weeks, 1, hazards.EARLY)[1] == 0


def test_what_a_call_does_hangs_on_the_reason() -> None:
    """Somebody in the middle is helped with a maturing deposit, and not where the salary has moved."""
    place = np.array([0.0, 0.07, 0.3, 0.52, 0.93, 0.999])
    types = {reason: row.tolist() for reason, row in zip(REASONS, call_types(place), strict=True)}
    assert types["maturity"] == [1, 1, 1, 1, 0, 2]
    assert types["salary_moved"] == [1, 1, 0, 0, 0, 2]
    assert types["better_rate"] == [1, 1, 1, 0, 2, 2]
    # A life event is a lost cause, but nobody is harmed either.
    assert types["life_event"] == [0] * 6


@dataclass(frozen=True)
class Evaluated:
    """One entry per eligible customer-Monday: the truth's probability and the label."""

    probability: Floats
    attrited: Bools
    cohort_share: float


def weekly_aum(raw: Path) -> tuple[list[str], Floats]:
    """(Sunday, customer): AUM at last valuation; row 0 is the Sunday before the first week. Loans apart."""
    first = LAST_MONDAY - timedelta(weeks=WEEKS, days=1)
    held = duckdb.sql(
        f"""
        SELECT CUST_NO, PROD_CD, date_diff('day', DATE '{first}', VAL_DT) // 7 AS week,
            max(CASE CCY_CD WHEN '840' THEN 7.15 ELSE 1 END * BAL_AMT::DOUBLE) AS balance
        FROM read_parquet('{raw}/hold_*.parquet')
        WHERE CUST_NO NOT LIKE '6999%' AND PROD_CD <> 'P9001'
        GROUP BY ALL
        """
    ).fetchnumpy()
    names, customer = np.unique(held["CUST_NO"].astype(str), return_inverse=True)
    products, product = np.unique(held["PROD_CD"].astype(str), return_inverse=True)
    grid = np.full((WEEKS + 1, len(products), len(names)), np.nan, dtype=np.float32)
    grid[held["week"].astype(int), product, customer] = held["balance"]
    grid[0] = np.nan_to_num(grid[0])
    for week in range(1, WEEKS + 1):
        grid[week] = np.where(np.isnan(grid[week]), grid[week - 1], grid[week])
    return list(names), grid.sum(axis=1).astype(np.float64)


@pytest.fixture(scope="module")
def evaluated(raw: Path) -> Evaluated:
    names, aum = weekly_aum(raw)
    place = {name: at for at, name in enumerate(names)}
    rows, labels, shares = [], [], []
    for week in range(14, WEEKS - 13):
        monday = LAST_MONDAY - timedelta(weeks=WEEKS - week)
        # A Sunday's value stands for seven days; the 91 days before the Monday see one day of the newest.
        base = (6 * aum[week - 13] + 7 * aum[week - 12 : week].sum(axis=0) + aum[week]) / 91
        eligible = (base >= 500_000) & (base < 5_000_000) & (aum[week] > 0.5 * base)
        # The last 14 of the 97 days see the Sundays that end the weeks 11 and 12 after the Monday.
        label = np.maximum(aum[week + 12], aum[week + 13]) <= 0.5 * base
        truth = duckdb.sql(
            f"SELECT customer_id, probability FROM read_parquet('{raw}/truth/weekly.parquet') "
            f"WHERE snapshot_date = DATE '{monday}'"
        ).fetchnumpy()
        at = np.array([place[number] for number in truth["customer_id"]])
        # Between two valuations a fund may seldom move by more than the truth's band is wider.
        assert eligible.sum() - eligible[at].sum() <= 1
        rows.append(truth["probability"][eligible[at]])
        labels.append(label[at][eligible[at]])
        shares.append(eligible.sum() / (aum[week] > 1_000).sum())
    return Evaluated(np.concatenate(rows).astype(np.float64), np.concatenate(labels), float(np.mean(shares)))


def test_about_half_of_the_customers_are_in_the_cohort(evaluated: Evaluated) -> None:
    assert 0.42 < evaluated.cohort_share < 0.58


def test_three_to_five_in_a_hundred_leave_in_a_quarter(evaluated: Evaluated) -> None:
    assert 0.03 < evaluated.attrited.mean() < 0.055


def test_the_truth_is_calibrated(evaluated: Evaluated) -> None:
    assert evaluated.probability.mean() == pytest.approx(evaluated.attrited.mean(), rel=0.15)
    order = np.argsort(evaluated.probability, kind="stable")
    fifths = np.array_split(order, 5)
    expected = np.array([evaluated.probability[part].mean() for part in fifths])
    realised = np.array([evaluated.attrited[part].mean() for part in fifths])
    assert (np.diff(realised[1:]) > 0).all()
    assert realised[-1] == pytest.approx(expected[-1], rel=0.2)


def test_the_oracle_is_good_but_not_perfect(evaluated: Evaluated) -> None:
    order = np.argsort(evaluated.probability, kind="stable")
    rank = np.empty(len(order))
    rank[order] = np.arange(1, len(order) + 1)
    left, stayed = evaluated.attrited.sum(), (~evaluated.attrited).sum()
    auroc = (rank[evaluated.attrited].sum() - left * (left + 1) / 2) / (left * stayed)
    assert 0.82 < auroc < 0.92


def test_the_truth_on_disk_is_sorted_and_of_the_agreed_types(raw: Path) -> None:
    path = f"{raw}/truth/weekly.parquet"
    types = {row[0]: row[1] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}
    assert types == {
        "customer_id": "VARCHAR",
        "snapshot_date": "DATE",
        "probability": "FLOAT",
        "reason": "VARCHAR",
        "call_effect": "FLOAT",
    }
    keys = duckdb.sql(f"SELECT snapshot_date, customer_id FROM '{path}'").fetchall()
    assert keys == sorted(set(keys))
    assert keys[-1][0] == LAST_MONDAY


def test_the_daily_average_counts_each_sunday_for_its_days() -> None:
    history = History(np.array([100.0]))
    for _ in range(12):
        history.add(np.array([100.0]))
    history.add(np.array([191.0]))
    # The newest Sunday stands for one of the 91 days: 100 + 91 / 91.
    assert history.average()[0] == pytest.approx(101.0)
    history.add(np.array([100.0]))
    # A week later it stands for seven: 100 + 7 × 91 / 91.
    assert history.average()[0] == pytest.approx(107.0)


def test_calls_help_in_the_reasons_in_which_they_are_said_to() -> None:
    """Over 8,000 customers, the share of the probability that a call takes off, by the leading reason."""
    bank = Bank(8_000, 40, 3, LAST_MONDAY)
    for _ in range(30):
        bank.advance()
    truth = bank.truth()
    share = {
        reason: float(
            -truth.call_effect[truth.reason == k].sum() / truth.probability[truth.reason == k].sum()
        )
        for k, reason in enumerate(REASONS[:-1])
    }
    assert share["maturity"] > share["better_rate"] > share["salary_moved"]
    assert share["manager_left"] > 0.1
    assert share["complaint"] > 0.1
    assert 0 < share[""] < share["maturity"]
