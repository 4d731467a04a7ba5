"""Customers who got a new number: their whole history lies under the newest one.

A number says who a customer is and nothing of what will happen, so that it may be used for the past: an old
Monday sees the rows that it saw, under the number of today. Runs that were published keep the old numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from configs.errors import DataError
from configs.settings import Settings
from configs.tables import EVENT_TABLES, Table
from pipeline.ingest.deliveries import ReadAllError
from pipeline.ingest.relations import number
from pipeline.tables import Ingested

NUMBERS = "customer_numbers"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Numbers:
    """The newest number of each old one."""

    newest: Mapping[str, str]

    def of(self, customer_id: str) -> str:
        return self.newest.get(customer_id, customer_id)

    def with_old(self, by_customer: Mapping[str, Value]) -> dict[str, Value]:
        """The values of customers by number, under their old numbers as well."""
        old = {name: by_customer[newest] for name, newest in self.newest.items() if newest in by_customer}
        return {**by_customer, **old}


def newest_numbers(tables: Ingested) -> Numbers:
    """The numbers of the tables as they stand; none where the bank delivers none."""
    path = tables.whole(NUMBERS)
    rows = pq.read_table(path, columns=["old_number", "customer_id"]).to_pylist() if path.is_file() else []
    return Numbers(_resolved({row["old_number"]: row["customer_id"] for row in rows})[0])


def store_numbers(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Put each old number with the newest into ``ref_numbers``.

    Raises DataError where one became two customers, or numbers lead in a circle: nobody could say who is who.
    """
    where = f"configs/banks/{settings.bank}/{NUMBERS}.sql or its files"
    two = number(
        con,
        "SELECT count(*) FROM "
        "(SELECT old_number FROM good GROUP BY old_number HAVING count(DISTINCT customer_id) > 1)",
    )
    if two:
        raise DataError(
            f"table {NUMBERS!r}: {two:,} old numbers became two customers each. An old number goes on as "
            f"one; correct {where}. A customer who was divided into two begins anew under the other number."
        )
    rows = con.execute(
        "SELECT DISTINCT old_number, customer_id, _file, _line FROM good ORDER BY _file, _line"
    ).fetchall()
    newest, circle = _resolved({old_number: customer for old_number, customer, *_ in rows})
    if circle:
        file, line = next((file, line) for old_number, _, file, line in rows if old_number in circle)
        raise DataError(
            f"table {NUMBERS!r}: {len(circle):,} numbers lead in a circle, first in {file} line {line}. "
            f"Leave out of {where} the row whose customer_id is no longer used."
        )
    numbers = {"old_number": [*newest], "newest": [*newest.values()]}
    con.register("_newest", pa.table(numbers, pa.schema(dict.fromkeys(numbers, pa.string()))))
    con.execute(
        "INSERT INTO ref_numbers SELECT old_number, newest, min(from_on) FROM good "
        "JOIN _newest USING (old_number) GROUP BY ALL"
    )
    con.unregister("_newest")


def _resolved(step: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """The newest number of each old one, and the numbers that lead in a circle."""
    newest: dict[str, str] = {}
    for first in step:
        path, at = [first], step[first]
        while at in step and at not in newest:
            if at in path:
                return {}, {*path[path.index(at) :]}
            path.append(at)
            at = step[at]
        newest |= dict.fromkeys(path, newest.get(at, at))
    return newest, set()


def under_newest(rows: str, table: Table) -> str:
    """SQL: typed rows under the newest number of their customer, each with its ``_renumbered``.

    0 for a row that came under the newest number, 1 for one under an old number, 2 for one under an old
    number from the day of the new one on, of a table whose key names the customer: where anything else has
    its key, it is the bookkeeping of the renumbering (an account closed, a period ended) and does not count.
    3 for the record of a customer who began on that day or later: somebody else has the old number.
    """
    if "customer_id" not in table.names:
        return f"SELECT *, 0::TINYINT AS _renumbered FROM ({rows})"
    day = f"{table.happened}::DATE" if table.name in EVENT_TABLES else "known_on"
    late = f"WHEN t.{day} >= n.from_on THEN 2 " if "customer_id" in table.key else ""
    again = "WHEN t.opened_on >= n.from_on THEN 3 " if table.name == "customers" else ""
    return (
        "SELECT t.* REPLACE (coalesce(n.newest, t.customer_id) AS customer_id), "
        f"(CASE WHEN n.newest IS NULL THEN 0 {again}{late}ELSE 1 END)::TINYINT AS _renumbered "
        f"FROM ({rows}) t LEFT JOIN ref_numbers n ON n.old_number = t.customer_id"
    )


def has_numbers(con: duckdb.DuckDBPyConnection) -> bool:
    """True where some customer got a new number."""
    return bool(number(con, "SELECT count(*) FROM (FROM ref_numbers LIMIT 1)"))


def follow_numbers(con: duckdb.DuckDBPyConnection, settings: Settings, *, alone: bool) -> None:
    """Give the records of a renumbered customer, in ``checked``, the first of their first days.

    Raises DataError for new customers who got somebody's old number, and ReadAllError where records come
    beside those of earlier deliveries: only ``alone`` are all of them here.
    """
    if not has_numbers(con):
        return
    ((again, place),) = con.execute(
        "SELECT count(*), min((_file, _line)) FROM checked WHERE _renumbered = 3 AND _reason IS NULL"
    ).fetchall()
    if again:
        file, line = place
        raise DataError(
            f"table 'customers': {again:,} old numbers were given to new customers, first in {file} line "
            f"{line}: their first day is not before from_on, and rows of both could not be told apart. Make "
            f"the number unique in each SELECT of configs/banks/{settings.bank}, for example with the year "
            "of the first day, or correct from_on."
        )
    records = (
        "FROM checked SEMI JOIN (SELECT newest AS customer_id FROM ref_numbers) USING (customer_id) "
        "WHERE _reason IS NULL"
    )
    if not alone and number(con, f"SELECT count(*) {records}"):
        raise ReadAllError("records of customers with a new number are new")
    con.execute(
        "UPDATE checked SET opened_on = first_on FROM (SELECT customer_id AS who, min(opened_on) AS first_on "
        f"{records} GROUP BY customer_id) WHERE customer_id = who AND _reason IS NULL"
    )
