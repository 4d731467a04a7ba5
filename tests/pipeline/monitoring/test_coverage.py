"""Customers spoken with in time, or left behind by a manager, worked out for Monday 2026-11-16."""

from datetime import date
from types import SimpleNamespace

import pytest

from configs.published import Coverage, Departure, Score
from configs.settings import Tier
from pipeline.monitoring.coverage import coverage, departures, left_behind

MONDAY = date(2026, 11, 16)
TIERS = (
    Tier(name="affluent", name_zh="富裕", min_aum=0),  # every 90 days
    Tier(name="wealth", name_zh="财富", min_aum=1e6, service_days=30),
)


def score(customer_id, branch="B1", manager="M1", tier="affluent", band="low", money=100):
    return Score(customer_id, branch, manager, tier, "mature", False, 5_000, money, band, (), risk_90d=0.1)


def test_each_tier_has_an_interval_of_its_own():
    """90 days before 16 November is 18 August, 30 days before it 17 October; the day itself still counts."""
    scores = [
        score("in time", band="high"),
        score("a day late"),
        score("never"),
        score("in time, wealth", tier="wealth"),
        score("late, wealth", tier="wealth"),
        score("orphan", manager=None, money=700),
        score("no branch", branch=None, manager=None),
    ]
    spoken = {
        "in time": date(2026, 8, 18),
        "a day late": date(2026, 8, 17),
        "in time, wealth": date(2026, 10, 17),
        "late, wealth": date(2026, 10, 16),
        "orphan": date(2026, 11, 15),
    }
    assert coverage(SimpleNamespace(tiers=TIERS), scores, spoken, MONDAY) == [
        Coverage("", "", 1, 0, 100, 0),
        Coverage("B1", "", 1, 0, 700, 1),
        Coverage("B1", "M1", 5, 1, 500, 2),
    ]


def post(customer, manager, begins, ends=None, **more):
    return {"customer_id": customer, "manager_id": manager, "from_on": begins, "to_on": ends, **more}


@pytest.fixture
def tables(tables_of):
    def ingested(posts):
        table = tables_of({"assignments": posts})["assignments"] if posts else None
        return SimpleNamespace(
            buckets=1, read=lambda _name, _bucket, columns: table and table.select(columns)
        )

    return ingested


LONG_AGO, LATELY = date(2020, 1, 1), date(2026, 10, 1)


@pytest.mark.parametrize(
    ("posts", "left"),
    [
        ([], {}),
        ([post("a", "M1", LONG_AGO)], {}),
        # M1 left: nobody follows, or M2 does.
        ([post("a", "M1", LONG_AGO, LATELY)], {"a": "M1"}),
        ([post("a", "M1", LONG_AGO, LATELY), post("a", "M2", LATELY)], {"a": "M1"}),
        # M1 only gave the customer away: still in charge of b.
        ([post("a", "M1", LONG_AGO, LATELY), post("a", "M2", LATELY), post("b", "M1", LONG_AGO)], {}),
        # 13 weeks before 16 November is 17 August.
        ([post("a", "M1", LONG_AGO, date(2026, 8, 17))], {"a": "M1"}),
        ([post("a", "M1", LONG_AGO, date(2026, 8, 16))], {}),
        # Not known yet on that Monday.
        ([post("a", "M1", LONG_AGO, LATELY, known_on=MONDAY)], {}),
        # Two left one after the other: the last one counts.
        ([post("a", "M1", LONG_AGO, LATELY), post("a", "M2", LATELY, date(2026, 10, 22))], {"a": "M2"}),
    ],
)
def test_whose_manager_left(tables, posts, left):
    assert left_behind(tables(posts), MONDAY) == left


def test_customers_left_behind_are_counted_by_branch_and_manager(tables):
    posts = [post(one, "M9", LONG_AGO, LATELY) for one in ("a", "b", "c", "not scored")]
    scores = [
        score("a", manager=None),
        score("b", manager="M2", money=900),
        score("c", branch="B2"),
        score("d"),
    ]
    assert departures(tables(posts), scores, MONDAY) == [
        Departure("B1", "M9", customers=2, unassigned=1, money_at_risk_minor=1_000),
        Departure("B2", "M9", customers=1, unassigned=0, money_at_risk_minor=100),
    ]
