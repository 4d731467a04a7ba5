"""Single refused rows of small tables, and numbers that no address can name."""

import pyarrow.parquet as pq
import pytest

from configs.errors import DataError
from tests.pipeline.conftest import FILES

ASSIGNED = (
    "SELECT CUST AS customer_id, RM AS manager_id, 'B1' AS branch_id, DAY AS from_on, NULL AS to_on, "
    "DAY AS known_on, _file, _line FROM assigned"
)
MANAGERS = (
    "SELECT NO AS manager_id, NAME AS name, 'B1' AS branch_id, 5 AS weekly_capacity, _file, _line FROM rm"
)
ONE = {"quarantine_limit": 0.02, "quarantine_rows": 1}


@pytest.fixture
def managed(tiny):
    """Three managers, each in charge of two customers; M2's name is yours to choose."""
    tiny.declare("[sources]", '[sources]\nrm = { files = "rm.csv" }\nassigned = { files = "assigned.csv" }')
    tiny.select("managers", MANAGERS)
    tiny.select("assignments", ASSIGNED)
    lines = (f"C{n},M{1 + n % 3},2024-01-0{n}\n" for n in range(1, 7))
    tiny.write("assigned.csv", "CUST,RM,DAY\n" + "".join(lines))

    def delivered(number="M2", name="李娜"):
        tiny.write("rm.csv", f"NO,NAME\nM1,张伟\n{number},{name}\nM3,王芳\n")
        return tiny

    return delivered


def assigned(tables):
    parts = [pq.read_table(path, partitioning=None).to_pylist() for path in tables.parts("assignments")]
    return {row["customer_id"]: row["manager_id"] for rows in parts for row in rows}


def test_one_refused_manager_is_said_and_keeps_the_customers(managed, caplog):
    """A control character in a name: 1 of 3 managers. The week goes on, and nobody loses the manager."""
    bank = managed(name="李\x01娜")
    with caplog.at_level("WARNING", "attrition"):
        tables = bank.ingest(**ONE)
    assert "managers goes on without 1 of 3 rows; most often, first in rm.csv line 3: name: " in caplog.text
    assert assigned(tables) == {f"C{n}": f"M{1 + n % 3}" for n in range(1, 7)}
    assert (bank.home.root / "quarantine.csv").read_text("utf-8").count("has a control character") == 1
    counts = {count.table: count.quarantined for count in tables.counts}
    assert (counts["managers"], counts["assignments"]) == (1, 0)


def test_customers_of_a_manager_without_a_number_are_not_left_alone_in_silence(managed):
    """The number itself is broken: two of six assignments lead nowhere, and that stops the run."""
    with pytest.raises(DataError, match=r"'assignments': 2 of 6 rows refused.*is not in table managers"):
        managed(number="M\x012").ingest(**ONE)


def test_a_second_refused_row_and_a_large_table_stop_as_before(managed):
    with pytest.raises(DataError, match="'managers': 1 of 3 rows refused, above the limit"):
        managed(name="李\x01娜").ingest(**ONE | {"quarantine_rows": 0})
    with pytest.raises(DataError, match="'managers': 2 of 4 rows refused"):
        managed(number="M\x012", name="李\x01娜\nM4,\x02").ingest(**ONE | {"quarantine_limit": 0.4})


@pytest.mark.parametrize("number", [".", "..", " C1", "C1 ", "C1\u3000", "x" * 65])
def test_a_number_that_no_address_can_name_is_refused_by_name(tiny, number):
    lines = FILES["cust_1.csv"] + f"{number},2020-01-01,2020-01-01\n"
    tiny.write("cust_1.csv", lines)
    with pytest.raises(
        DataError,
        match=r"'customers': 1 of 7 rows refused.*customer_id: '…' (fits into no address|begins or ends)",
    ):
        tiny.ingest(quarantine_limit=0.02)


@pytest.mark.parametrize("number", ["12/345", "A%2F1", "x?y=1", "n#3", "P 1", "网点/1", "x" * 64, "..."])
def test_a_number_as_banks_have_them_is_loaded(tiny, number):
    tiny.write("cust_1.csv", FILES["cust_1.csv"] + f"{number},2020-01-01,2020-01-01\n")
    assert tiny.count("customers", quarantine_limit=0.02).quarantined == 0


def test_managers_stand_under_their_numbers_where_no_table_names_them(managed):
    bank = managed()
    (bank.folder / "managers.sql").unlink()
    bank.write("assigned.csv", (bank.raw / "assigned.csv").read_text() + "C1,.,2024-02-01\n")
    tables = bank.ingest()
    assert assigned(tables) == {f"C{n}": f"M{1 + n % 3}" for n in range(1, 7)}
    assert not tables.whole("managers").exists()
    assert [row[3].partition(":")[0] for row in bank.quarantine()] == ["manager_id"]


def test_managers_without_branches(managed):
    bank = managed()
    for table, select in (("managers", MANAGERS), ("assignments", ASSIGNED)):
        bank.select(table, select.replace("'B1' AS branch_id, ", ""))
    assert assigned(bank.ingest()) == {f"C{n}": f"M{1 + n % 3}" for n in range(1, 7)}
    assert {row["branch_id"] for row in bank.rows("assignments")} == {None}
    assert {row["branch_id"] for row in bank.rows("managers")} == {None}


def test_branches_without_managers(managed):
    bank = managed()
    (bank.folder / "managers.sql").unlink()
    bank.select("assignments", ASSIGNED.replace("RM AS manager_id", "NULL AS manager_id"))
    assert assigned(bank.ingest()) == {f"C{n}": None for n in range(1, 7)}
