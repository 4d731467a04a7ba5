"""Who lives with whom as of each Monday, and that a joint account counts once in the household."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from pipeline.snapshots.households import household_of
from pipeline.structure.facts import build_structure, read_structure
from tests.pipeline.conftest import TXN_HEADER, booking

HOUSEHOLDS = (
    "SELECT CUST AS customer_id, FAM AS household_id, BEG AS from_on, ENDS AS to_on, LOADED AS known_on, "
    "_file, _line FROM fam"
)
HOLDINGS = (
    "SELECT CUST AS customer_id, 'P1' AS product_id, ACCT AS account_id, DAY AS valued_on, BAL AS balance, "
    "PART AS share, 'CNY' AS currency, DAY AS known_on, _file, _line FROM hold"
)
# C1 and C2 live together until 5 June, known on the 12th; C3 joins them on 3 July, known before. C4 lives
# with somebody who is no customer here.
FAMILIES = """CUST,FAM,BEG,ENDS,LOADED
C1,F1,2024-01-01,,2024-01-01
C2,F1,2024-01-01,,2024-01-01
C2,F1,2024-01-01,2024-06-05,2024-06-12
C3,F1,2024-07-03,,2024-06-20
C4,F4,2024-01-01,,2024-01-01
"""
# A1 of both in equal parts, then 0.7 and 0.3; A2 of three with one share; A3 of which C4 has 0.4.
ACCOUNTS = """CUST,ACCT,DAY,BAL,PART
C1,A1,2024-03-03,1000.01,
C2,A1,2024-03-03,1000.01,
C1,A1,2024-05-01,2000.03,0.7
C2,A1,2024-05-01,2000.03,0.3
C1,A2,2024-03-03,100.00,0.3334
C2,A2,2024-03-03,100.00,
C3,A2,2024-03-03,100.00,
C4,A3,2024-03-03,500.05,0.4
"""


@pytest.fixture
def bank(tiny: Any) -> Any:
    tiny.declare(
        'hold = { files = "hold_*.parquet", format = "parquet" }',
        'hold = { files = "hold_*.csv" }\nfam = { files = "fam_*.csv" }',
    )
    tiny.select("households", HOUSEHOLDS)
    tiny.select("holdings", HOLDINGS)
    tiny.write("fam_1.csv", FAMILIES)
    tiny.write("hold_1.csv", ACCOUNTS)
    days = [date(2024, 3, 11) + timedelta(days=days) for days in range(115)]
    booked = (booking(NO=f"D{day}", DONE=f"{day} 09:00:00", LOADED=str(day)) for day in days)
    tiny.write("txn_2.csv", TXN_HEADER + "".join(booked))
    return tiny


def test_what_each_monday_knew_and_what_each_household_has(bank: Any) -> None:
    tables = bank.ingest()
    mondays = [date(2024, 4, 1), date(2024, 5, 6), date(2024, 6, 10), date(2024, 6, 17), date(2024, 7, 8)]
    together = {"C1": "F1", "C2": "F1", "C4": "F4"}
    expected = {
        mondays[0]: together,
        mondays[1]: together,
        mondays[2]: together,  # the parting is not known yet
        mondays[3]: {"C1": "F1", "C4": "F4"},
        mondays[4]: {"C1": "F1", "C3": "F1", "C4": "F4"},
    }
    assert {day: household_of(tables, day) for day in mondays} == expected
    build_structure(bank.settings(), bank.home, tables, mondays[-1], lambda *_: None)
    found: Counter[tuple[date, str]] = Counter()
    for row in read_structure(bank.home, mondays).to_pylist():
        assert row["household_id"] == expected[row["snapshot_date"]].get(row["customer_id"])
        found[row["snapshot_date"], row["household_id"] or row["customer_id"]] += row["aum_minor"]
    # A2 is C1's 33.34, and 33.33 of each of the others.
    parts = {"F1": 1000_01 + 66_67, "C3": 33_33, "F4": 200_02}
    assert {name: found[mondays[0], name] for name in parts} == parts
    assert found[mondays[1], "F1"] == 2000_03 + 66_67
    apart = {"F1": 1400_02 + 33_34, "C2": 600_01 + 33_33}
    assert {name: found[mondays[3], name] for name in apart} == apart
    assert found[mondays[4], "F1"] == 1400_02 + 33_34 + 33_33
    for day in mondays:  # whoever lives where, the accounts count once
        assert sum(amount for (on, _), amount in found.items() if on == day) == (
            (1000_01 if day < date(2024, 5, 2) else 2000_03) + 100_00 + 200_02
        )


def test_a_bank_that_begins_to_deliver_them_changes_no_feature(bank: Any) -> None:
    (bank.folder / "households.sql").unlink()
    before = bank.ingest()
    assert household_of(before, date(2024, 7, 8)) == {}
    day = date(2024, 3, 18)
    kept = before.read("transactions", 0), before.read("holdings", 0)
    bank.select("households", HOUSEHOLDS)
    after = bank.ingest()
    assert after.count("households").loaded == 5
    assert (after.read("transactions", 0), after.read("holdings", 0)) == kept
    assert household_of(after, day + timedelta(weeks=1)) != {}
