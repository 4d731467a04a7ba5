"""Who takes over whom, worked out for Monday 2026-11-16: M9 left on 1 October, M1 and M2 remain in B1."""

from datetime import date
from types import SimpleNamespace

import pytest

from configs.bank_folder import load_settings
from configs.branch_rows import Handover
from configs.published import Manager, Score
from pipeline.monitoring.handovers import handovers

MONDAY, LONG_AGO, LATELY = date(2026, 11, 16), date(2020, 1, 1), date(2026, 10, 1)
SETTINGS = load_settings("demo")
SEGMENT = SETTINGS.segments.names[0]


def score(customer, manager=None, branch="B1", household=None, money=100):
    return Score(
        customer, branch, manager, "affluent", "mature", False, 5_000, money, "low", (), risk_90d=0.1,
        contact_due_on=MONDAY, segment=SEGMENT, household_id=household,
    )  # fmt: skip


def post(customer, manager, begins=LONG_AGO, ends=None):
    return {"customer_id": customer, "manager_id": manager, "from_on": begins, "to_on": ends}


@pytest.fixture
def proposed(tables_of):
    """What is proposed for customers whom M9 left, with customers of others and capacities by manager."""

    def propose(orphans, others, capacities, earlier=()):
        posts = [post(each.customer_id, "M9", date(2024, 1, 1), LATELY) for each in orphans]
        posts += [post(each.customer_id, each.manager_id) for each in others]
        posts += [post(customer, manager, LONG_AGO, date(2024, 1, 1)) for customer, manager in earlier]
        table = tables_of({"assignments": posts})["assignments"]
        tables = SimpleNamespace(buckets=1, read=lambda _name, _bucket, columns: table.select(columns))
        managers = [Manager(name, name, "B1", capacity) for name, capacity in capacities.items()]
        return handovers(SETTINGS, tables, [*orphans, *others], managers, MONDAY)

    return propose


def test_customers_are_spread_evenly_and_households_and_earlier_managers_are_kept(proposed):
    orphans = [score(f"C{k}") for k in range(6)]
    orphans += [score("H1", household="H"), score("H2", household="H"), score("K1", household="K")]
    others = [score("a", "M1"), score("b", "M2"), score("k", "M1", household="K"), score("z", "M3", "B2")]
    rows = proposed(orphans, others, {"M1": 50, "M2": 50, "M3": 50, "M9": 50}, [("C0", "M2"), ("C1", "M3")])
    takers = {row.customer_id: row.to_manager_id for row in rows}
    assert list(takers) == sorted(takers)
    assert {(row.branch_id, row.from_manager_id) for row in rows} == {("B1", "M9")}
    assert set(takers.values()) == {"M1", "M2"}  # neither who left nor another branch's
    assert takers["C0"] == "M2"  # who was in charge before M9
    assert takers["H1"] == takers["H2"]
    assert takers["K1"] == "M1"  # who is in charge of the household
    counts = [[*takers.values()].count(manager) + held for manager, held in (("M1", 2), ("M2", 1))]
    assert abs(counts[0] - counts[1]) <= 1
    assert rows == proposed(
        orphans, others, {"M1": 50, "M2": 50, "M3": 50, "M9": 50}, [("C0", "M2"), ("C1", "M3")]
    )


def test_who_finds_no_room_stays_with_nobody(proposed):
    orphans, others = [score(f"C{k}") for k in range(4)], [score("a", "M1")]
    none = [Handover(f"C{k}", "B1", "M9", None) for k in range(4)]
    assert proposed(orphans, others, {"M1": 0}) == none
    assert proposed(orphans, [score("z", "M3", "B2")], {"M3": 50}) == none  # nobody remains in the branch
    assert proposed([score("C0", "M1")], others, {"M1": 50}) == []  # taken over already
