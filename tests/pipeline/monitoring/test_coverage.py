"""Customers spoken with in time, or left behind by a manager, worked out for Monday 2026-11-16."""

from datetime import date
from types import SimpleNamespace

import pytest

from configs.branch_rows import Coverage, Departure
from configs.published import Score
from pipeline.monitoring.coverage import coverage, departures, left_behind

MONDAY = date(2026, 11, 16)


def score(customer_id, branch="B1", manager="M1", due=None, band="low", money=100):
    return Score(
        customer_id, branch, manager, "affluent", "mature", False, 5_000, money, band, (), risk_90d=0.1,
        contact_due_on=due,
    )  # fmt: skip


def test_a_contact_that_is_due_on_the_monday_is_not_overdue():
    scores = [
        score("a", due=MONDAY, band="high"),
        score("a day late", due=date(2026, 11, 15)),
        score("nothing is due"),
        score("next year", due=date(2027, 1, 4)),
        score("orphan", manager=None, money=700, due=MONDAY),
        score("no branch", branch=None, manager=None),
    ]
    assert coverage(scores, MONDAY) == [
        Coverage("", "", 1, 0, 100, 0, 0),
        Coverage("B1", "", 1, 0, 700, 1, 1),
        Coverage("B1", "M1", 4, 1, 400, 2, 3),
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
