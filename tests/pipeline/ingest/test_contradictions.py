"""Attributes of today in the past, and those that what happened contradicts, are named with counts."""

from typing import Any

import pytest

from configs.errors import DataError
from pipeline.ingest.findings import read_findings
from tests.pipeline.conftest import MANAGERS, SELECTS, TXN_HEADER, booking

HEADER = "CUST,OPENED,LOADED,STATUS,BORN,STAFF,STOP\n"
SELECT = (
    "SELECT CUST AS customer_id, OPENED AS opened_on, BORN AS birth_year, STAFF AS is_staff, "
    "STOP AS marketing_opt_out, STATUS AS status, LOADED AS known_on, _file, _line FROM cust"
)


def customer(number: int, **changes: str) -> str:
    good = {"CUST": f"C{number}", "OPENED": "2020-01-01", "LOADED": "2020-01-01", "STATUS": "active"}
    good |= {"BORN": "1970", "STAFF": "false", "STOP": "false"}
    return ",".join((good | changes).values()) + "\n"


@pytest.fixture
def bank(tiny: Any) -> Any:
    """Six customers since 2020 who book in March 2024."""
    tiny.select("customers", SELECT)
    tiny.write("cust_1.csv", HEADER + "".join(customer(n) for n in range(1, 7)))
    return tiny


def doubts(bank: Any) -> list[str]:
    """The sentences that doubt something, without those on what no feature looks at."""
    tables = bank.ingest()
    return [finding.text for finding in read_findings(bank.settings(), tables) if finding.warning]


def replaced(*rows: str) -> str:
    """All customers, some of them by these rows."""
    given = {row.split(",")[0] for row in rows}
    return HEADER + "".join(rows) + "".join(customer(n) for n in range(1, 7) if f"C{n}" not in given)


def test_a_bank_without_contradictions_has_no_doubts(bank: Any) -> None:
    assert doubts(bank) == []


@pytest.mark.parametrize("status", ["closed", "deceased"])
def test_the_status_of_today_since_the_first_day_stops_the_ingest(bank: Any, status: str) -> None:
    bank.write("cust_1.csv", replaced(customer(1, STATUS=status), customer(2, STATUS=status)))
    sentence = f"of 2 customers with status {status}, 2 are said to be so since their first days, and 2 have "
    with pytest.raises(DataError, match=sentence + r".*customers\.sql"):
        bank.ingest()


def declare_households(bank: Any) -> None:
    bank.declare("[sources]", '[sources]\nfam = { files = "fam_*.csv" }')
    bank.select(
        "households",
        "SELECT CUST AS customer_id, FAM AS household_id, BEG AS from_on, END AS to_on, LOADED AS known_on, "
        "_file, _line FROM fam".replace(" END AS", ' "END" AS'),
    )


def test_households_that_are_none_and_periods_that_nobody_ended_are_named(
    bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ingest.contradictions.LARGEST_HOUSEHOLD", 3)
    declare_households(bank)
    header, ends = "CUST,FAM,BEG,END,LOADED\n", "2024-01-10"
    good = f"C1,F1,2022-01-01,,2022-01-01\nC1,F1,2022-01-01,{ends},{ends}\nC1,F2,{ends},,{ends}\n"
    bank.write("fam_1.csv", header + good + "C9,F1,2022-01-01,,2022-01-01\nC2,,2022-01-01,,2022-01-01\n")
    assert doubts(bank) == []
    assert [line[1:3] for line in bank.quarantine() if line[0] == "households"] == [
        ("fam_1.csv", 5), ("fam_1.csv", 6),
    ]  # fmt: skip
    # A later delivery: none is a family of four, C1 goes back without an end, C2 leaves before it enters.
    none = "".join(f"C{n},0,2023-01-01,,2024-01-15\n" for n in range(3, 7))
    again = "C1,F3,2024-01-12,,2024-01-15\nC2,F2,2024-01-09,2024-01-08,2024-01-15\n"
    bank.write("fam_2.csv", header + none + again)
    largest, overlapping, backwards = doubts(bank)
    assert largest.startswith("households.household_id: 4 customers live in one household.")
    assert overlapping.startswith("households.to_on: 1 customers are in a household again")
    assert backwards.startswith("households.to_on: 1 periods end on or before")


def test_offers_that_end_before_they_begin_are_named(bank: Any) -> None:
    bank.declare("[sources]", '[sources]\noffer = { files = "offer.csv" }')
    bank.select(
        "offers",
        "SELECT NO AS offer_id, 'term' AS product_class, 'CNY' AS currency, PCT AS interest_rate, "
        "BEG AS from_on, UNTIL AS to_on, BEG AS known_on, _file, _line FROM offer",
    )
    header, good = "NO,PCT,BEG,UNTIL\n", "O1,1.5,2024-01-05,\nO2,1.5,2024-01-05,2024-01-06\n"
    bank.write("offer.csv", header + good)
    assert doubts(bank) == []
    bank.write("offer.csv", header + good + "O3,1.5,2024-01-05,2024-01-05\nO4,1.5,2024-01-05,2024-01-02\n")
    (text,) = doubts(bank)
    assert text.startswith("offers.to_on: 2 offers end on or before their first day; they never count.")


def test_a_status_known_long_before_the_last_bookings_is_named(bank: Any) -> None:
    closed = {"STATUS": "closed", "LOADED": "2024-01-15"}
    bank.write("cust_1.csv", replaced(customer(1), customer(1, **closed), customer(2), customer(2, **closed)))
    (text,) = doubts(bank)
    assert text.startswith(
        "customers.status: of 2 customers with status closed, 0 are said to be so since their first days, "
        "and 2 have bookings of their own more than 31 days after it was known."
    )


@pytest.mark.parametrize("known", ["2024-02-25", "2024-06-01"])
def test_a_status_that_is_known_when_the_customer_goes_is_no_contradiction(bank: Any, known: str) -> None:
    bank.write("txn_9.csv", TXN_HEADER + booking(NO="N9", DONE="2024-05-20", LOADED="2024-05-20", CUST="C5"))
    bank.write("cust_1.csv", replaced(customer(1), customer(1, STATUS="closed", LOADED=known)))
    assert doubts(bank) == []


def test_bookings_by_the_bank_do_not_contradict_a_closure(bank: Any) -> None:
    bank.write("txn_1.csv", TXN_HEADER + booking(KIND="fee", AMT="-1.00") + booking(NO="N2", CUST="C2"))
    bank.write("cust_1.csv", replaced(customer(1), customer(1, STATUS="closed", LOADED="2023-12-01")))
    assert doubts(bank) == []


def test_who_was_closed_and_came_back_is_no_contradiction(bank: Any) -> None:
    versions = [
        customer(1),
        customer(1, STATUS="closed", LOADED="2021-01-01"),
        customer(1, LOADED="2022-01-01"),
    ]
    bank.write("cust_1.csv", replaced(*versions))
    assert doubts(bank) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"OPENED": "2024-03-20", "LOADED": "2024-03-20"},
            "opened_on: 1 customers have transactions a week before",
        ),
        ({"BORN": "2024"}, "birth_year: 1 customers were born after their first day or first booking"),
    ],
)
def test_what_later_rows_contradict_is_named(bank: Any, changes: dict[str, str], text: str) -> None:
    bank.write("cust_1.csv", replaced(customer(2, **changes)))
    assert doubts(bank)[0].startswith(f"customers.{text}")


@pytest.mark.parametrize(("column", "name"), [("STOP", "marketing_opt_out"), ("STAFF", "is_staff")])
def test_flags_known_since_the_first_day_that_never_change_are_named(
    bank: Any, column: str, name: str
) -> None:
    flagged = [customer(n, **{column: "true"}) for n in range(1, 6)]
    bank.write("cust_1.csv", replaced(*flagged))
    (text,) = doubts(bank)
    assert text.startswith(
        f"customers.{name}: 5 customers are said to have it since their first days, and it never"
    )
    later = customer(5) + customer(5, LOADED="2023-05-01", **{column: "true"})
    bank.write("cust_1.csv", replaced(*flagged[:4], later))
    again = type(bank)(bank.folder, bank.raw, type(bank.home)(bank.home.root.with_name("again")))
    assert doubts(again) == []


def declare_assignments(bank: Any, lines: str) -> None:
    bank.declare("[sources]", '[sources]\npost = { files = "post.csv" }\nrm = { files = "rm.csv" }')
    bank.select("managers", MANAGERS)
    bank.select(
        "assignments",
        "SELECT CUST AS customer_id, RM AS manager_id, 'B1' AS branch_id, BEG AS from_on, NULL AS to_on, "
        "KNOWN AS known_on, _file, _line FROM post",
    )
    bank.write("rm.csv", "NO\nM1\nM2\n")
    bank.write("post.csv", "CUST,RM,BEG,KNOWN\n" + lines)


def test_managers_of_today_since_the_first_day_are_named(bank: Any) -> None:
    lines = [f"C{n},M1,2020-01-01,2020-01-01\n" for n in range(1, 7)]
    declare_assignments(bank, "".join(lines))
    (text,) = doubts(bank)
    assert text.startswith("assignments.manager_id: all 6 customers of more than a year have had one manager")
    bank.write("post.csv", "CUST,RM,BEG,KNOWN\n" + "".join(lines) + "C1,M2,2022-01-01,2022-01-01\n")
    assert doubts(bank) == []


def test_assignments_before_the_customer_and_known_too_early_are_named(bank: Any) -> None:
    declare_assignments(bank, "C1,M1,2019-01-01,2019-01-01\nC2,M1,2023-01-01,2020-06-01\n")
    assert [doubt.partition(". ")[0] for doubt in doubts(bank)] == [
        "assignments.from_on: 1 customers had a manager before their first day",
        "assignments.known_on: 1 periods were known more than a year before they began",
    ]


def test_products_and_due_days_that_holdings_contradict_are_named(bank: Any) -> None:
    bank.select(
        "holdings", SELECTS["holdings"].replace("DAY AS known_on", "DUE AS matures_on, DAY AS known_on")
    )
    bank.write("prod.csv", "PROD,CLASS,NAME,CCY\nP1,term,定期,USD\n")
    bank.write_holdings("hold_1.parquet", DUE=["2024-01-31", *["2024-02-20"] * 5])
    assert [doubt.partition(". ")[0] for doubt in doubts(bank)] == [
        "products.currency: 6 holdings are in another currency than their product",
        "holdings.matures_on: 1 balances still stand more than 31 days after they fell due",
    ]


def test_doubts_do_not_depend_on_the_deliveries(bank: Any) -> None:
    bank.write("cust_1.csv", replaced(customer(2, BORN="2024")))
    first = doubts(bank)
    bank.write("txn_2.csv", TXN_HEADER + booking(NO="N2", CUST="C2"))
    added = doubts(bank)
    again = type(bank)(bank.folder, bank.raw, type(bank.home)(bank.home.root.with_name("again")))
    assert first == added == doubts(again)
    texts = [(of.ingest().folder / "findings.json").read_bytes() for of in (bank, again)]
    assert texts[0] == texts[1]
