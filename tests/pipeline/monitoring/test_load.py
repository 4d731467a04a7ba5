"""Coverage and load by hand: three managers of two branches, on Monday 2026-11-16."""

from dataclasses import fields, replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from configs.bank_folder import load_settings
from configs.branch_figures.contents import as_object
from configs.branch_figures.load import BranchLoad, CallsPerManager, Care, Leaver
from configs.branch_rows import Departure
from configs.published import Score
from pipeline.monitoring.coverage import coverage
from pipeline.monitoring.load import Staff, call_outcomes, load_figures

MONDAY = date(2026, 11, 16)
SETTINGS = load_settings(
    "demo",
    {
        "service_standards": [
            {"segments": ["high_value_leaving"], "days": 14, "who": "branch_head", "channels": ["visit"]},
            {"segments": ["at_risk"], "days": 7, "who": "manager"},
            {"days": 70},
        ]
    },
)
HEADS = {"B1": frozenset({"M1", "M9"})}


def customers(count, manager, branch="B1", segment="steady", waits=-1, **more):
    """So many alike; the contact has been due for ``waits`` days."""
    due = None if waits is None else MONDAY - timedelta(days=waits)
    score = Score("", branch, manager, "wealth", "mature", False, 500, 7, "low", (), risk_90d=0.1,
                  segment=segment, contact_due_on=due, **more)  # fmt: skip
    return [replace(score, customer_id=f"{manager}{segment}{waits}{k}") for k in range(count)]


SCORES = [
    *customers(10, "M1", waits=0),  # 10 · 7 / 70 = 1 call a week; due on the Monday itself
    *customers(3, "M1", segment="at_risk", waits=2),  # 3 a week
    *customers(4, "M2", segment="high_value_leaving", waits=9),  # 2 visits a week, of the head M1
    *customers(2, "M2", waits=None),  # want no calls
    *customers(5, None, waits=40),  # half a call a week, of nobody
    *customers(6, "M3", branch="B2", segment="at_risk"),  # 6 a week
    *customers(1, None, branch=None),
]
LEFT = [Departure("B1", "M7", 5, 3, 900), Departure("B2", "M8", 1, 0, 7)]
STAFF = Staff({"M1": 5, "M2": 5, "M3": 6}, HEADS, LEFT)


@pytest.fixture(scope="module")
def loads():
    return {each.branch_id: each.content for each in load_figures(SETTINGS, SCORES, STAFF, MONDAY)}


def test_each_manager_has_the_calls_that_the_standards_ask_for(loads):
    """M1 is asked for 1 + 3 calls and for the head's two visits, of a capacity of 5."""
    first, second = loads["B1"].managers
    assert first.care == Care("M1", 13, 6500, 91, asked=13, overdue=3, longest_days=2, calls=4.0)
    assert (first.calls, first.capacity, first.over_capacity) == (6.0, 5, 1.0)
    # M2's four customers wait for the head, and two want no calls.
    assert second.care == Care("M2", 6, 3000, 42, asked=4, overdue=4, longest_days=9, calls=2.0)
    assert (second.calls, second.over_capacity) == (0.0, 0.0)
    # Just the whole capacity is no overload.
    (third,) = loads["B2"].managers
    assert (third.calls, third.capacity, third.over_capacity) == (6.0, 6, 0.0)
    assert [load.overloaded for load in loads.values()] == [1, 0, 1]
    assert loads["B1"].unassigned == Care("", 5, 2500, 35, asked=5, overdue=5, longest_days=40, calls=0.5)
    assert loads["B1"].departures == (Leaver("M7", 5, 3, 900),)
    assert [leaver.manager_id for leaver in loads[""].departures] == ["M7", "M8"]


def test_how_unevenly_calls_are_spread(loads):
    """Of 6 and 0 the larger is twice the mean, and the Gini coefficient 1/2, the most that two can have.

    Of 6, 0 and 6 the mean is 4. Four of their nine pairs differ by 6: 8/3 on average, a third of twice 4.
    """
    assert loads["B1"].spread == CallsPerManager(2, 3.0, 2.0, 0.5)
    assert loads["B2"].spread == CallsPerManager(1, 6.0, 1.0, 0.0)
    assert loads[""].spread == CallsPerManager(3, 4.0, 1.5, 0.33)
    quiet = load_figures(SETTINGS, customers(3, "M2", waits=None), STAFF, MONDAY)
    assert {each.content.spread for each in quiet} == {None}


def test_the_margins_add_up_to_the_total_and_agree_with_the_board(loads):
    for branch_id, load in loads.items():
        parts = {
            "segments": load.segments,
            "tiers": load.tiers,
            "people": [*(manager.care for manager in load.managers), load.unassigned],
            "branches": [branch.care for branch in load.branches],
        }
        del parts["branches" if branch_id else "people"]
        for rows in parts.values():
            for name in ("customers", "aum_minor", "money_at_risk_minor", "asked", "overdue"):
                assert sum(getattr(row, name) for row in rows) == getattr(load.total, name)
            assert max(row.longest_days for row in rows) == load.total.longest_days
        board = [row for row in coverage(SCORES, MONDAY) if branch_id in ("", row.branch_id)]
        assert sum(row.asked for row in board) == load.total.asked
        assert sum(row.asked - row.contacted for row in board) == load.total.overdue
    assert [care.name for care in loads[""].segments] == ["high_value_leaving", "at_risk", "steady"]
    assert loads[""].total.customers == len(SCORES)
    assert [branch.care.name for branch in loads[""].branches] == ["", "B1", "B2"]
    first = replace(loads["B1"].total, name="B1")
    assert loads[""].branches[1] == BranchLoad(
        first, loads["B1"].unassigned.customers, loads["B1"].overloaded, loads["B1"].spread
    )


def assigned(manager, count, left, risk, **more):
    row = {"manager_id": manager, "control_group": False, "risk": risk} | more
    return [SimpleNamespace(**{"attrited": k < left} | row) for k in range(count)]


def test_outcomes_are_drawn_towards_all_and_a_small_group_has_none():
    """M1 lost 20 where 10 were expected, M2 5 of 10; M3 has 9 customers, of whom 1 left."""
    rows = [
        *assigned("M1", 100, 20, 0.1),
        *assigned("M2", 100, 5, 0.1),
        *assigned("M3", 9, 1, 0.1),
        *assigned("M2", 50, 50, 0.1, control_group=True),  # not called
        *assigned("M2", 50, 0, 0.1, attrited=None),  # not known yet
        *assigned(None, 50, 50, 0.1),  # nobody's
    ]
    outcomes = call_outcomes(rows, least=10)
    assert outcomes.keys() == {"M1", "M2"}
    first, second = outcomes["M1"], outcomes["M2"]
    assert (first.known, first.left, first.expected) == (100, 20, 10.0)
    assert 1.0 < first.low < first.ratio < 20 / 10 < first.high
    assert second.low < 5 / 10 < second.ratio < 1.0 < second.high + 0.3
    assert call_outcomes(assigned("M1", 20, 2, 0.1, attrited=None), least=10) == {}


def test_the_content_is_as_the_store_keeps_it_whatever_the_order_of_scores(loads):
    again = load_figures(SETTINGS, reversed(SCORES), STAFF, MONDAY)
    assert {each.branch_id: as_object(each.content) for each in again} == {
        branch_id: as_object(load) for branch_id, load in loads.items()
    }
    assert [field.name for field in fields(loads["B1"])][:2] == ["total", "unassigned"]
