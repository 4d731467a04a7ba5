"""Labels of the bank's own, as files bring them: each fault is refused by name, each version counts."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from configs.errors import DataError

GOOD = "C1,2023-09-30,1,250000.10,2024-03-28,"
SELECT = (
    "SELECT CUST AS customer_id, DAY AS day, GONE AS gone, LOST AS lost, KNOWN AS known_on, BACK AS deleted, "
    "_file, _line FROM churn"
)
FAULTS = {
    "C9,2023-09-30,1,,2024-03-28,": "customer_id: 'C9' is not in table customers",
    ",2023-09-30,1,,2024-03-28,": "customer_id: is empty",
    "C2,2023-09-31,1,,2024-03-28,": "day: '2023-09-31' is no",
    "C2,2023-09-30 23:59 late,1,,2024-03-28,": "day: '2023-09-30 23:59 late'",
    "C2,2023-09-30,2,,2024-03-28,": "gone: '2' is not",
    "C2,2023-09-30,maybe,,2024-03-28,": "gone: 'maybe' is not",
    "C2,2023-09-30,,,2024-03-28,": "gone: is empty",
    "C2,2023-09-30,1,-0.01,2024-03-28,": "lost: '-0.01' is below 0",
    "C2,2023-09-30,1,12.505,2024-03-28,": "lost: '12.505'",
    "C2,2023-09-30,1,1 000,2024-03-28,": "lost: '1 000'",
    "C2,2024-03-28,1,,2023-09-30,": "day: 2024-03-28 lies after known_on 2023-09-30",
    "C2,2023-09-30,0,,2024-09-28,": "known_on: 2024-09-28 lies after 2024-04-10",
    "C2,2023-09-30,0,,,": "known_on: is empty",
}


@pytest.fixture
def bank(tiny: Any) -> Any:
    tiny.declare("[sources]", '[sources]\nchurn = { files = "churn_*.csv" }')
    tiny.select("labels", SELECT)
    return tiny


def deliver(bank: Any, *lines: str, number: int = 1) -> None:
    bank.write(f"churn_{number}.csv", "\n".join(["CUST,DAY,GONE,LOST,KNOWN,BACK", *lines, ""]))


def test_a_good_row_keeps_its_cents_and_its_days(bank: Any) -> None:
    deliver(bank, GOOD, "C2,2023-10-31,false,,2024-04-01,")
    assert bank.count("labels").loaded == 2
    first, second = sorted(bank.rows("labels"), key=lambda row: row["customer_id"])
    assert (first["day"], first["gone"], first["lost"]) == (date(2023, 9, 30), True, Decimal("250000.10"))
    assert (second["gone"], second["lost"], second["known_on"]) == (False, None, date(2024, 4, 1))


def test_every_fault_is_refused_by_name(bank: Any) -> None:
    deliver(bank, GOOD, *FAULTS)
    count = bank.count("labels")
    assert (count.loaded, count.quarantined) == (1, len(FAULTS))
    reasons = [reason for _, _, _, reason in bank.quarantine()]
    for line, said in FAULTS.items():
        assert any(reason.startswith(said) for reason in reasons), (line, said, reasons)


def test_the_same_row_again_is_a_duplicate_and_a_later_one_a_version(bank: Any) -> None:
    deliver(bank, GOOD, GOOD, "C2,2023-09-30,1,,2024-03-28,")
    bank.ingest()
    deliver(bank, "C1,2023-09-30,0,,2024-04-02,", "C2,2023-09-30,1,,2024-04-03,true", number=2)
    count = bank.count("labels")
    assert (count.loaded, count.duplicates, count.superseded) == (4, 1, 3)
    versions = {(row["customer_id"], row["known_on"]): row["superseded_on"] for row in bank.rows("labels")}
    assert versions == {
        ("C1", date(2024, 3, 28)): date(2024, 4, 2),
        ("C1", date(2024, 4, 2)): None,
        ("C2", date(2024, 3, 28)): date(2024, 4, 3),
        ("C2", date(2024, 4, 3)): date(2024, 4, 3),
    }


def test_a_bank_that_goes_by_its_label_must_deliver_it(tiny: Any) -> None:
    with pytest.raises(DataError, match=r"table 'labels' is needed\. Write .*labels\.sql"):
        tiny.ingest(label={"definition": "delivered"})
