"""Two cohorts by hand: the flow between them adds up, and what no booking explains is counted."""

from datetime import date, timedelta

import pandas as pd
import pytest

from pipeline.artefacts import write_json
from pipeline.gates.cohorts import read_cohorts
from pipeline.ingest.renumbered import Numbers
from tests.pipeline.conftest import TXN_HEADER, booking

FIRST, SECOND = date(2024, 3, 11), date(2024, 3, 18)


def write_cohort(home, day, rows):
    """``rows``: customer_id, exclusion, AUM, manager, wants no calls."""
    columns = ["customer_id", "exclusion", "aum", "manager_id", "marketing_opt_out"]
    folder = home.partition("cohort", day)
    folder.mkdir(parents=True)
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "bucket=00.parquet")
    write_json(folder / "_made_by.json", "a test")


@pytest.fixture
def weeks(tiny):
    """C1 spends 40, C2's balance falls by itself, C3 enters, C4 leaves, C5 was not known, C6 pays in late."""
    in_week = {"DONE": "2024-03-13 10:00:00", "LOADED": "2024-03-13"}
    lines = [
        booking(NO="spent", CUST="C1", AMT="-40.00", KIND="card", **in_week),
        booking(NO="bought", CUST="C1", AMT="-10.00", KIND="buy", **in_week),
        booking(NO="late", CUST="C6", AMT="5.00", DONE="2024-03-05 10:00:00", LOADED="2024-03-12"),
        booking(NO="next", CUST="C1", AMT="7.00", DONE="2024-03-18 10:00:00", LOADED="2024-03-18"),
    ]
    tiny.write("txn_1.csv", TXN_HEADER + "".join(lines))
    tables = tiny.ingest()
    write_cohort(tiny.home, FIRST, [
        ("C1", "", 100.0, "M1", False), ("C2", "", 200.0, "M1", True), ("C3", "too_new", 300.0, "M1", False),
        ("C4", "", 400.0, None, False), ("C6", "", 50.0, "M2", False),
    ])  # fmt: skip
    write_cohort(tiny.home, SECOND, [
        ("C1", "", 60.0, "M1", False), ("C2", "", 170.0, "M1", True), ("C3", "", 310.0, "M1", False),
        ("C4", "closed", 0.0, None, False), ("C5", "", 10.0, "M1", False), ("C6", "", 55.0, "M2", False),
    ])  # fmt: skip
    return tiny, tables


def test_a_flow_adds_up_exactly(weeks):
    bank, tables = weeks
    cohorts, (flow,) = read_cohorts(bank.home, tables, SECOND)
    assert (flow.entered, flow.left) == ({"too_new": 1, "not_yet_customer": 1}, {"closed": 1})
    after = cohorts[1].customers
    assert flow.customers + flow.entered.total() - flow.left.total() == after == 5


def test_aum_beyond_the_bookings_of_the_week_is_unexplained(weeks):
    """C2 lost 30 and C4 400 without a booking; a purchase moves no AUM; the late booking explains C6."""
    bank, tables = weeks
    _, (flow,) = read_cohorts(bank.home, tables, SECOND)
    assert (flow.aum_minor, flow.unexplained_minor, flow.moved_minor) == (750_00, -430_00, 430_00)


def test_shares_of_the_eligible(weeks):
    bank, tables = weeks
    (before, after), _ = read_cohorts(bank.home, tables, SECOND)
    assert (before.without_manager, before.largest_manager, before.opted_out) == (0.25, 0.5, 0.25)
    assert (after.without_manager, after.largest_manager, after.opted_out) == (0.0, 0.8, 0.2)


def test_mondays_far_apart_are_no_pair(weeks):
    bank, tables = weeks
    later = SECOND + timedelta(weeks=5)
    write_cohort(bank.home, later, [("C1", "", 60.0, "M1", False)])
    _, flows = read_cohorts(bank.home, tables, later)
    assert [flow.after for flow in flows] == [SECOND]


def test_a_later_cohort_is_not_looked_at(weeks):
    bank, tables = weeks
    cohorts, _ = read_cohorts(bank.home, tables, FIRST)
    assert [cohort.monday for cohort in cohorts] == [FIRST]


def test_a_customer_with_a_new_number_neither_enters_nor_leaves(weeks, monkeypatch):
    bank, tables = weeks
    later = SECOND + timedelta(weeks=1)
    write_cohort(bank.home, later, [("N1", "", 65.0, "M1", False)])
    monkeypatch.setattr("pipeline.gates.cohorts.newest_numbers", lambda _: Numbers({"C1": "N1"}))
    _, (_, flow) = read_cohorts(bank.home, tables, later)
    assert (flow.entered, flow.left) == ({}, {"not_yet_customer": 4})
    assert flow.moved_minor == 5_00
