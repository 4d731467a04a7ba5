"""Customers with a new number keep their history: one customer, from the first day, in every table."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from configs.errors import DataError
from features.build import build
from pipeline.ingest.findings import read_findings
from pipeline.ingest.renumbered import newest_numbers
from pipeline.snapshots.build import load_entities
from tests.pipeline.conftest import TXN_HEADER, booking

NUMBERS = "SELECT OLD AS old_number, NEW AS customer_id, DAY AS from_on, _file, _line FROM numbers"
HEADER = "OLD,NEW,DAY\n"
CUSTOMERS = "CUST,OPENED,LOADED\n"
LATER = {"LOADED": "2024-03-12", "DONE": "2024-03-12 09:00:00"}


@pytest.fixture
def bank(tiny: Any) -> Any:
    """C1 became C9 on 11 March 2024; C9's record begins on that day, and so do its bookings."""
    tiny.declare("[sources]", '[sources]\nnumbers = { files = "numbers.csv" }')
    tiny.select("customer_numbers", NUMBERS)
    tiny.write("numbers.csv", HEADER + "C1,C9,2024-03-11\n")
    tiny.write("cust_2.csv", CUSTOMERS + "C9,2024-03-11,2024-03-11\n")
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N1", CUST="C9", AMT="7.00", **LATER))
    return tiny


def held(bank: Any, customer: str) -> list[tuple[date, Decimal]]:
    """The balances of a customer that count, by day."""
    rows = [row for row in bank.rows("holdings") if row["customer_id"] == customer]
    return sorted((row["valued_on"], row["balance"]) for row in rows if row["superseded_on"] is None)


def test_all_rows_lie_under_the_newest_number(bank: Any) -> None:
    tables = bank.ingest()
    for table in ("customers", "transactions", "holdings"):
        names = {row["customer_id"] for row in bank.rows(table)}
        assert names == {"C2", "C3", "C4", "C5", "C6", "C9"}
    assert newest_numbers(tables).of("C1") == "C9"
    booked = [row["amount_base"] for row in bank.rows("transactions") if row["customer_id"] == "C9"]
    assert sorted(booked) == [Decimal("6.50"), Decimal("7.00")]  # T6 of C1, and N1


def test_the_first_day_stays_and_the_record_is_a_version(bank: Any) -> None:
    bank.ingest()
    rows = sorted(
        (row["known_on"], row["opened_on"], row["superseded_on"])
        for row in bank.rows("customers")
        if row["customer_id"] == "C9"
    )
    first = date(2020, 1, 1)
    assert rows == [
        (first, first, date(2024, 3, 11)), (date(2024, 3, 11), first, None),
    ]  # fmt: skip


def test_what_the_old_number_still_brings_is_the_bookkeeping_of_the_renumbering(bank: Any) -> None:
    """The account is emptied under the old number on the day on which it stands under the new one."""
    bank.write_holdings(
        "hold_2.parquet", CUST=["C1", "C9"], PROD=["P1"] * 2, DAY=["2024-03-11"] * 2,
        BAL=[Decimal("0.00"), Decimal("1000.25")],
    )  # fmt: skip
    count = {count.table: count for count in bank.ingest().counts}["holdings"]
    assert held(bank, "C9") == [
        (date(2024, 3, 3), Decimal("1000.25")),
        (date(2024, 3, 11), Decimal("1000.25")),
    ]
    assert (count.rows_in, count.loaded, count.duplicates, count.quarantined) == (8, 7, 1, 0)


def test_a_period_in_a_household_follows_the_number(bank: Any) -> None:
    """The bank ends the period under the old number on the day of the new one: bookkeeping, no parting."""
    bank.declare("[sources]", '[sources]\nfam = { files = "fam.csv" }')
    bank.select(
        "households",
        "SELECT CUST AS customer_id, 'F1' AS household_id, '2022-01-01' AS from_on, ENDS AS to_on, "
        "LOADED AS known_on, _file, _line FROM fam",
    )
    bank.write(
        "fam.csv",
        "CUST,ENDS,LOADED\nC1,,2022-01-01\nC2,,2022-01-01\nC1,2024-03-11,2024-03-11\nC9,,2024-03-11\n",
    )
    bank.ingest()
    rows = [(row["customer_id"], row["to_on"]) for row in bank.rows("households") if not row["superseded_on"]]
    assert sorted(rows) == [("C2", None), ("C9", None)]


def test_the_closure_of_the_old_record_does_not_close_the_customer(bank: Any) -> None:
    bank.select(
        "customers",
        "SELECT CUST AS customer_id, OPENED AS opened_on, coalesce(STATUS, 'active') AS status, LOADED AS "
        "known_on, _file, _line FROM cust",
    )
    for name in ("cust_1.csv", "cust_2.csv"):
        header, *lines = (bank.raw / name).read_text("utf-8").splitlines()
        bank.write(name, "\n".join([header + ",STATUS", *(f"{line}," for line in lines), ""]))
    bank.write("cust_3.csv", "CUST,OPENED,LOADED,STATUS\nC1,2020-01-01,2024-03-13,closed\n")
    bank.ingest()
    rows = [row for row in bank.rows("customers") if row["customer_id"] == "C9"]
    assert {row["status"] for row in rows} == {"active"}


def test_a_correction_under_the_old_number_counts(bank: Any) -> None:
    corrected = booking(
        NO="T6", CUST="C1", ACCT="A6", DONE="2024-03-06 10:00:00", AMT="9.00", LOADED="2024-03-12"
    )
    bank.write("txn_3.csv", TXN_HEADER + corrected)
    bank.ingest()
    rows = [row for row in bank.rows("transactions") if row["transaction_id"] == "T6"]
    assert [row["amount"] for row in rows if row["superseded_on"] is None] == [Decimal("9.00")]


def test_a_history_that_comes_again_under_the_new_number_is_no_second_one(bank: Any) -> None:
    bank.write_holdings(
        "hold_2.parquet", CUST=["C9"], PROD=["P1"], DAY=["2024-03-03"], BAL=[Decimal("1000.25")]
    )
    again = booking(
        NO="T6", CUST="C9", ACCT="A6", DONE="2024-03-06 10:00:00", AMT="6.50", LOADED="2024-03-06"
    )
    bank.write("txn_3.csv", TXN_HEADER + again)
    counts = {count.table: count for count in bank.ingest().counts}
    assert (counts["holdings"].duplicates, counts["transactions"].duplicates) == (1, 1)
    assert held(bank, "C9") == [(date(2024, 3, 3), Decimal("1000.25"))]


def test_numbers_follow_each_other_and_two_customers_become_one(bank: Any) -> None:
    """C1 became C8, which became C9; C2 became C9 as well."""
    bank.write("numbers.csv", HEADER + "C1,C8,2024-03-11\nC8,C9,2024-03-13\nC2,C9,2024-03-13\n")
    bank.write_holdings(
        "hold_1.parquet", CUST=["C1", "C2"], PROD=["P1", "P1"], DAY=["2024-03-03", "2024-03-04"],
        BAL=[Decimal("1.00"), Decimal("2.00")],
    )  # fmt: skip
    tables = bank.ingest()
    booked = [row["booked_at"] for row in bank.rows("transactions") if row["customer_id"] == "C9"]
    assert min(booked) == datetime(2024, 3, 1, 10)  # T1 of C2
    assert {row["opened_on"] for row in bank.rows("customers") if row["customer_id"] == "C9"} == {
        date(2020, 1, 1)
    }
    numbers = newest_numbers(tables)
    assert [numbers.of(name) for name in ("C1", "C8", "C2", "C3")] == ["C9", "C9", "C9", "C3"]
    assert numbers.with_old({"C9": 1, "C3": 2}) == {"C9": 1, "C3": 2, "C1": 1, "C8": 1, "C2": 1}


def test_balances_of_two_customers_who_became_one_need_their_accounts(bank: Any) -> None:
    """Both have the product on one day: without account_id neither sum nor choice would be right."""
    bank.write("numbers.csv", HEADER + "C1,C9,2024-03-11\nC2,C9,2024-03-11\n")
    bank.ingest()
    (refused,) = [row for row in bank.quarantine() if row[0] == "holdings"]
    assert "stands with another content" in refused[3]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("C1,C9,2024-03-11\nC9,C1,2024-03-12\n", "2 numbers lead in a circle, first in numbers.csv line 2"),
        ("C1,C1,2024-03-11\n", "1 numbers lead in a circle"),
        ("C1,C9,2024-03-11\nC1,C2,2024-03-11\n", "1 old numbers became two customers each"),
    ],
)
def test_numbers_that_lead_nowhere_stop_the_run(bank: Any, lines: str, reason: str) -> None:
    bank.write("numbers.csv", HEADER + lines)
    with pytest.raises(DataError, match=reason):
        bank.ingest()


def test_an_old_number_that_a_spreadsheet_damaged_is_refused_by_name(bank: Any) -> None:
    """It would meet nobody, and the customer would count twice."""
    bank.write("numbers.csv", HEADER + "1.23457E+11,C9,2024-03-11\nC1 ,C9,2024-03-11\n")
    bank.ingest()
    reasons = [reason for table, _, _, reason in bank.quarantine() if table == "customer_numbers"]
    assert reasons[0].startswith(
        "old_number: '1.23457E+11' is an id that a spreadsheet or a float has damaged"
    )
    assert reasons[1].startswith("old_number: 'C1 ' begins or ends with a blank")


def test_an_old_number_that_was_given_to_somebody_else_stops_the_run(bank: Any) -> None:
    bank.write("cust_3.csv", CUSTOMERS + "C1,2024-03-20,2024-03-20\n")
    with pytest.raises(
        DataError, match=r"1 old numbers were given to new customers, first in cust_3\.csv line 2"
    ):
        bank.ingest()


def test_week_by_week_and_at_once_give_the_same_tables(bank: Any) -> None:
    """The number changes after the first delivery; a booking under the old one comes after that."""
    bank.write("numbers.csv", HEADER)
    (bank.raw / "cust_2.csv").rename(bank.raw.parent / "cust_2.csv")
    (bank.raw / "txn_2.csv").rename(bank.raw.parent / "txn_2.csv")
    bank.ingest()
    for name in ("cust_2.csv", "txn_2.csv"):
        (bank.raw.parent / name).rename(bank.raw / name)
    bank.write("numbers.csv", HEADER + "C1,C9,2024-03-11\n")
    bank.ingest()
    bank.write("txn_3.csv", TXN_HEADER + booking(NO="N2", CUST="C1", **LATER))
    bank.ingest()
    weekly = {
        table: sorted(map(str, bank.rows(table))) for table in ("customers", "transactions", "holdings")
    }
    assert len([row for row in bank.rows("transactions") if row["customer_id"] == "C9"]) == 3
    bank.select("transactions", (bank.folder / "transactions.sql").read_text("utf-8") + " -- read again")
    bank.ingest()
    assert weekly == {table: sorted(map(str, bank.rows(table))) for table in weekly}


def doubts(bank: Any, rows_gone: str = "") -> list[str]:
    tables = bank.ingest(rows_gone)
    return [finding.text for finding in read_findings(bank.settings(), tables) if finding.warning]


def test_accounts_that_go_on_under_another_number_are_named(bank: Any) -> None:
    bank.write("txn_2.csv", TXN_HEADER + booking(NO="N1", CUST="C9", ACCT="A6", **LATER))
    assert doubts(bank) == []
    bank.write("numbers.csv", HEADER)
    (text,) = doubts(bank, "nobody knows of C9 any more")
    assert text.startswith("transactions.account_id: the accounts of 1 customers who book no more")
    assert "customer_numbers.sql" in text


def test_an_account_of_two_holders_is_nobody_renumbered(bank: Any) -> None:
    bank.write("numbers.csv", HEADER)
    both = [booking(NO=f"N{day}", CUST=who, ACCT="J", DONE=f"2024-03-{day} 09:00:00", LOADED=f"2024-03-{day}")
            for day, who in ((11, "C9"), (12, "C2"), (13, "C9"), (14, "C2"))]  # fmt: skip
    bank.write("txn_2.csv", TXN_HEADER + "".join(both))
    assert doubts(bank) == []


@pytest.mark.parametrize("equal", [True, False])
def test_a_wave_of_equal_balances_on_one_day_is_named(bank: Any, equal: bool) -> None:
    """Six customers end and six begin; their accounts have other numbers too."""
    bank.write("numbers.csv", HEADER)
    new = [f"D{n}" for n in range(1, 7)]
    bank.write("cust_2.csv", CUSTOMERS + "".join(f"{name},2024-03-15,2024-03-15\n" for name in new))
    bank.write("txn_2.csv", TXN_HEADER + booking(NO="N1", CUST="C2", ACCT="A1", **LATER))
    old = [f"C{n}" for n in range(1, 7)]
    amounts = [Decimal(f"{n}000.25") for n in range(1, 7)]
    later = amounts if equal else [amount + 1 for amount in amounts]
    days = ["2024-02-04"] * 6 + ["2024-03-10"] * 6 + ["2024-03-17"] * 6 + ["2024-03-24"] * 6
    bank.write_holdings(
        "hold_1.parquet", CUST=old + old + new + new, PROD=["P1"] * 24, DAY=days, BAL=amounts * 2 + later * 2
    )
    expected = "holdings.balance: on 2024-03-17 the balances of 6 customers end, and 6 new customers begin"
    assert [text.startswith(expected) for text in doubts(bank)] == ([True] if equal else [])


def features_of(bank: Any, day: date) -> dict[str, dict[str, Any]]:
    """Cohort and features of every customer on a Monday, by the customer's number."""
    settings = bank.settings(cohort={"min_aum": 0, "min_tenure_weeks": 0}, label={"base_weeks": 1})
    tables, rows = bank.ingest(), dict[str, dict[str, Any]]()
    for bucket in range(tables.buckets):
        for _, *made in build(load_entities(tables, bucket), [day], date(2024, 2, 26), settings):
            for row in (row for table in made for row in table.to_pylist()):
                rows.setdefault(row["customer_id"], {}).update(row | {"customer_id": ""})
    return rows


def test_law_old_mondays_are_what_they_were_whatever_the_number(tiny: Any) -> None:
    """Half of the customers get new numbers on 6 March; every Monday says of each what it said before."""
    mondays = (date(2024, 3, 4), date(2024, 3, 11))
    before = [features_of(tiny, day) for day in mondays]
    tiny.declare("[sources]", '[sources]\nnumbers = { files = "numbers.csv" }')
    tiny.select("customer_numbers", NUMBERS)
    tiny.write("numbers.csv", HEADER + "".join(f"C{n},N{n},2024-03-06\n" for n in (1, 3, 5)))
    bookings = (tiny.folder / "transactions.sql").read_text("utf-8")
    new = "DONE >= '2024-03-06' AND CUST IN ('C1', 'C3', 'C5')"
    later = f"CASE WHEN {new} THEN replace(CUST, 'C', 'N') ELSE CUST END"
    tiny.select("transactions", bookings.replace("CUST AS customer_id", f"{later} AS customer_id"))
    for day, expected in zip(mondays, before, strict=True):
        found = features_of(tiny, day)
        assert found.keys() == {"N1", "C2", "N3", "C4", "N5", "C6"}
        for name, row in found.items():
            assert repr(row) == repr(expected[name.replace("N", "C")])


@pytest.mark.parametrize("gone", ["row", "select"])
def test_who_was_who_cannot_vanish_in_silence(bank: Any, gone: str) -> None:
    bank.ingest()
    if gone == "row":
        bank.write("numbers.csv", HEADER + "C7,C2,2024-03-11\n")
    else:
        (bank.folder / "customer_numbers.sql").unlink()
    with pytest.raises(
        DataError, match=r"stand in no file any more\. customer_numbers: 1 rows \(1 of 2024-03\)"
    ):
        bank.ingest()
    bank.ingest("C1 and C9 were two customers after all")
    assert {"C1", "C9"} <= {row["customer_id"] for row in bank.rows("customers")}
