"""Rows under a number that was given before: corrections are versions, other rows are refused."""

from typing import Any

import pytest

from configs.errors import DataError
from tests.pipeline.conftest import TXN_HEADER, booking

TAKEN = (
    "of another customer or day. Make it unique in transactions.sql, for example with the day before it, or "
    "take that row back first (deleted)"
)


def restarting(day: int, customers: int = 6, count: int = 5) -> list[str]:
    """Bookings of one day of March 2024 whose numbers begin with 1 again."""
    return [
        booking(NO=str(number), CUST=f"C{1 + (number + day) % customers}",
                ACCT=f"A{(number + day) % customers}", DONE=f"2024-03-{day:02} 10:00:00",
                LOADED=f"2024-03-{day:02}", AMT=f"{number}.00")
        for number in range(1, count + 1)
    ]  # fmt: skip


def test_numbers_that_begin_anew_each_day_are_refused_with_both_places_and_the_remedy(tiny: Any) -> None:
    tiny.write("txn_2.csv", TXN_HEADER + "".join(restarting(1) + restarting(2)))
    count = tiny.count("transactions")
    assert (count.loaded, count.superseded, count.quarantined) == (15, 0, 5)
    first = tiny.quarantine()[0]
    assert first == (
        "transactions", "txn_2.csv", 7,
        f"transaction_id: '1' is the number of the row of 2024-03-01 in txn_2.csv line 2, {TAKEN}",
    )  # fmt: skip
    with pytest.raises(DataError, match=r"5 of 20 rows refused.*'1' is the number of the row of 2024-03-01"):
        tiny.ingest(quarantine_limit=0.02, customers_per_bucket=3)


def test_the_remedy_helps(tiny: Any) -> None:
    tiny.write("txn_2.csv", TXN_HEADER + "".join(restarting(1) + restarting(2)))
    tiny.ingest()
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", select.replace("SELECT NO AS", "SELECT DONE[:10] || NO AS"))
    count = tiny.count("transactions")
    assert (count.loaded, count.superseded, count.quarantined) == (20, 0, 0)


@pytest.mark.parametrize("weeks", [1, 2])
def test_a_later_delivery_with_old_numbers_is_refused_too(tiny: Any, weeks: int) -> None:
    tiny.write("txn_2.csv", TXN_HEADER + "".join(restarting(1)))
    tiny.ingest()
    for week in range(1, weeks + 1):
        tiny.write(f"txn_{week + 2}.csv", TXN_HEADER + "".join(restarting(week + 1)))
        count = tiny.count("transactions")
    assert (count.loaded, count.superseded, count.quarantined) == (15, 0, 5 * weeks)
    where = "the row of 2024-03-01 in an earlier delivery"
    assert tiny.quarantine()[0][3] == f"transaction_id: '1' is the number of {where}, {TAKEN}"


CORRECTIONS = {
    "the amount": ({"AMT": "9.00"}, 0),
    "the kind": ({"KIND": "fee", "AMT": "-1.00"}, 0),
    "the customer of a misposted booking": ({"CUST": "C5"}, 1),
    "customer and account": ({"CUST": "C5", "ACCT": "A9"}, 1),
    "the day": ({"DONE": "2024-03-02 10:00:00"}, 1),
    "the hour": ({"DONE": "2024-03-01 11:00:00"}, 0),
}


@pytest.mark.parametrize("case", CORRECTIONS)
def test_a_correction_is_a_version_and_counted(tiny: Any, case: str) -> None:
    change, moved = CORRECTIONS[case]
    tiny.write(
        "txn_2.csv", TXN_HEADER + booking(NO="N") + booking(**{"NO": "N", "LOADED": "2024-03-04"} | change)
    )
    count = tiny.count("transactions")
    assert (count.loaded, count.superseded, count.moved, count.quarantined) == (12, 1, moved, 0)


def test_a_number_is_free_after_its_row_was_taken_back(tiny: Any) -> None:
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", select.replace("KIND AS kind", "KIND AS kind, MEMO AS deleted"))
    other = booking(NO="N", CUST="C5", ACCT="A9", DONE="2024-03-07 10:00:00", LOADED="2024-03-07")
    back = booking(NO="N", LOADED="2024-03-05", MEMO="true")
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N") + back + other)
    count = tiny.count("transactions")
    assert (count.loaded, count.superseded, count.quarantined) == (13, 2, 0)


def test_one_customers_numbers_that_begin_anew_stop_the_run(tiny: Any) -> None:
    """Customer and account are the same each day, so that each row alone could be a corrected day."""
    lines = [line for day in (1, 2, 3) for line in restarting(day, customers=1, count=6)]
    tiny.write("txn_2.csv", TXN_HEADER + "".join(lines))
    with pytest.raises(DataError, match=r"12 of 28 rows come under the number of an earlier row") as raised:
        tiny.ingest()
    assert "first in txn_2.csv line 8, the number of the row of 2024-03-01 in txn_2.csv line 2" in str(
        raised.value
    )
    assert tiny.count("transactions", moved_limit=0.5).moved == 12


def test_recycled_numbers_of_contacts_are_refused(tiny: Any) -> None:
    tiny.declare_contacts(
        "SELECT NO AS contact_id, CUST AS customer_id, 'M1' AS manager_id, DAY AS contacted_at, "
        "'phone' AS channel, 'service' AS purpose, NULL AS outcome, DAY AS known_on, _file, _line FROM con",
        "M1\n",
    )
    tiny.write(
        "con_1.csv", "NO,CUST,DAY\n1,C1,2024-03-01\n2,C2,2024-03-01\n1,C3,2024-03-02\n2,C2,2024-03-02\n"
    )
    count = tiny.count("contacts")
    # The second's day alone differs: that may be a correction.
    assert (count.loaded, count.superseded, count.moved, count.quarantined) == (3, 1, 1, 1)


def test_recycled_numbers_of_answers_are_refused(tiny: Any) -> None:
    tiny.declare_surveys("'service'", "MARK")
    tiny.write("ask.csv", "NO,CUST,DAY,MARK\n1,C1,2024-03-01,5\n1,C2,2024-03-02,5\n1,C3,2024-03-03,5\n")
    count = tiny.count("surveys")
    assert (count.loaded, count.superseded, count.quarantined) == (1, 0, 2)


def test_a_customer_number_given_to_another_person_is_refused(tiny: Any) -> None:
    select = (tiny.folder / "customers.sql").read_text("utf-8")
    tiny.select("customers", select.replace("OPENED AS", "BORN AS birth_year, OPENED AS"))
    tiny.write(
        "cust_1.csv",
        "CUST,OPENED,LOADED,BORN\n"
        + "".join(f"C{n},2020-01-0{n},2020-01-0{n},1960\n" for n in range(1, 7))
        + "C1,2024-03-01,2024-03-01,1999\nC2,2020-01-03,2024-03-01,\nC3,2020-01-03,2024-03-01,1961\n",
    )
    count = tiny.count("customers")
    assert (count.loaded, count.superseded, count.quarantined) == (8, 2, 1)
