"""One bucket's tables as plain columns: customers by position, days as integers, money in minor units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from configs.errors import DataError
from configs.tables import COUNTERPARTIES, KINDS, PRODUCT_CLASSES, STATUSES, TABLES

Ints = NDArray[np.int64]
Workload = Mapping[tuple[int, str], int]  # customers by day number of the Monday and manager_id
EPOCH = date(1970, 1, 1)
FOREVER = np.int64(10**6)
DAY_MICROSECONDS = 86_400_000_000
# The coded columns, and what their codes stand for; anything else is numbered as it comes.
VOCABULARY: dict[tuple[str, str], tuple[str, ...]] = {
    ("customers", "status"): STATUSES,
    ("transactions", "kind"): KINDS,
    ("transactions", "counterparty"): COUNTERPARTIES,
    ("holdings", "product_class"): PRODUCT_CLASSES,
}
# What features have no use for: names of rows, money before conversion and division, the attributes that must
# not decide, names and telephones, and the mark of rows taken back, which no snapshot sees. These columns are
# not even read.
UNREAD = frozenset(
    ("transaction_id", "contact_id", "response_id", "amount", "balance", "share", "currency",
     "gender", "birth_year", "risk_grade", "name", "phone", "deleted")
)  # fmt: skip


def read_columns(name: str) -> list[str]:
    """The columns of a table, as ingest writes it, that make_entities looks at."""
    table = TABLES[name]
    return [column for column in (*table.names, *table.derived) if not _is_unread(name, column)]


def _is_unread(name: str, column: str) -> bool:
    """Accounts tell balances apart, and bookings no more than their customer does; an offer is for balances
    of one currency."""
    if name == "holdings" and column == "currency":
        return False
    return column in UNREAD or (column == "account_id" and name != "holdings")


@dataclass(frozen=True)
class Rows:
    """Rows of one table, sorted by customer: position of the customer, day it happened, day it was known.

    ``until`` is the day on which a later version of the row was known (FOREVER where none is).
    ``columns`` holds the rest as int64: money in minor units, days since 1970, codes of ``labels``;
    -1 = empty. ``time_of_day`` is in microseconds since midnight, 0 where only a date was delivered.
    """

    customer: Ints
    day: Ints
    known_on: Ints
    until: Ints
    columns: Mapping[str, Ints] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: Ints | NDArray[np.bool_], customer: Ints | None = None) -> "Rows":
        """The chosen rows; ``customer`` renumbers them."""
        return Rows(
            self.customer[rows] if customer is None else customer,
            self.day[rows],
            self.known_on[rows],
            self.until[rows],
            {name: values[rows] for name, values in self.columns.items()},
            self.labels,
        )

    def code(self, column: str, *labels: str) -> list[int]:
        """The codes of the labels that occur in this column."""
        return [k for k, label in enumerate(self.labels[column]) if label in labels]


@dataclass(frozen=True)
class Entities:
    """Everything known about the customers of one bucket; ``customers`` are their sorted ids.

    ``workload`` is what a bucket cannot know by itself: how many customers each manager has in the whole
    bank. ``offers`` are those of the bank, every version, as ingest writes them.
    """

    customers: NDArray[np.object_]
    tables: Mapping[str, Rows]
    workload: Workload
    offers: pa.Table

    def __len__(self) -> int:
        return len(self.customers)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def make_entities(tables: Mapping[str, pa.Table], workload: Workload = MappingProxyType({})) -> Entities:
    """One bucket's Arrow tables (as ingest writes them, plus ``products`` and ``offers``) as Entities.

    Tables that the bank does not bring are empty. Text becomes codes, so that nothing but integers is left.
    """
    named = {name: _no_rows(name) for name in TABLES} | dict(tables)
    customers = np.array(sorted(named["customers"]["customer_id"].unique().to_pylist()), dtype=object)
    named["holdings"] = _with_product(named["holdings"], named["products"])
    by_customer = [name for name, contract in TABLES.items() if contract.by_customer]
    rows = {name: make_rows(name, named[name], customers) for name in by_customer}
    return Entities(customers, rows, workload, named["offers"])


def _no_rows(name: str) -> pa.Table:
    text = {column.name for column in TABLES[name].columns if column.type == "VARCHAR"}
    columns = [*TABLES[name].names, *TABLES[name].derived]
    return pa.schema(
        {column: pa.string() if column in text else pa.date32() for column in columns}
    ).empty_table()


def _with_product(holdings: pa.Table, products: pa.Table) -> pa.Table:
    """The holdings with class and term of their product."""
    of_product = {row["product_id"]: row for row in products.to_pylist()}
    coded = pc.dictionary_encode(holdings["product_id"].combine_chunks())
    rows = [of_product[product] for product in coded.dictionary.to_pylist()]
    classes = pa.array([row["product_class"] for row in rows], pa.string())
    months = pa.array([row["months"] for row in rows], pa.int64())
    return holdings.append_column(
        "product_class", pa.DictionaryArray.from_arrays(coded.indices, classes)
    ).append_column("months", months.take(coded.indices))


def make_rows(name: str, table: pa.Table, ids: NDArray[np.object_]) -> Rows:
    """One Arrow table of the customers ``ids`` (sorted) as Rows."""
    customer = _positions(name, table["customer_id"], ids)
    happened = days_of(table[TABLES[name].happened])
    columns: dict[str, Ints] = {"time_of_day": _time_of_day(table[TABLES[name].happened])}
    labels: dict[str, tuple[str, ...]] = {}
    for column in table.column_names:
        read_above = column in ("customer_id", TABLES[name].happened, "known_on", "superseded_on")
        if read_above or _is_unread(name, column):
            continue
        if pa.types.is_string(table[column].type) or pa.types.is_dictionary(table[column].type):
            columns[column], labels[column] = _codes(table[column], VOCABULARY.get((name, column)))
        else:
            columns[column] = _integers(table[column])
    until = days_of(table["superseded_on"])
    rows = Rows(
        customer, happened, days_of(table["known_on"]), np.where(until < 0, FOREVER, until), columns, labels
    )
    return _in_time(rows) if len(rows) else rows


def _in_time(rows: Rows) -> Rows:
    """The rows by customer, day and time of day."""
    place = order_of(rows.customer, rows.day, rows.columns["time_of_day"])
    # As ingest writes them they stand in order.
    return rows if (place[1:] > place[:-1]).all() else rows.take(place)


def order_of(*columns: Ints) -> Ints:
    """The places of rows by the first column, then by the next; equal ones as they stand.

    One number per row says all columns, if 63 bits hold it: sorted parts put together are quick then.
    """
    key, sizes = np.zeros(len(columns[0]), np.int64), 1
    for column in columns if len(key) else ():
        first = int(column.min())
        size = int(column.max()) - first + 1
        sizes *= size
        if sizes >= 2**63:
            return np.lexsort(columns[::-1])
        key = key * size + (column - first)
    return np.argsort(key, kind="stable")


def _positions(name: str, column: pa.ChunkedArray, ids: NDArray[np.object_]) -> Ints:
    """The place of each row's customer in ``ids``; a stranger would be counted as the next in line."""
    coded = pc.dictionary_encode(column.combine_chunks())
    place = pc.index_in(coded.dictionary, pa.array(ids, pa.string())).take(coded.indices)
    if place.null_count:
        strangers = coded.filter(place.is_null()).unique()
        raise DataError(
            f"table {name!r} has rows of {len(strangers)} customers that the bucket's 'customers' lacks. "
            "Run the ingest again: it refuses such rows and keeps a customer in one bucket."
        )
    return place.to_numpy().astype(np.int64)


def days_of(column: pa.ChunkedArray) -> Ints:
    """Days since 1970 of a date or timestamp column; -1 where empty."""
    days = pc.cast(column, pa.date32(), safe=False).cast(pa.int32())
    return pc.fill_null(days, -1).to_numpy().astype(np.int64)


def _time_of_day(column: pa.ChunkedArray) -> Ints:
    """Microseconds since midnight; 0 for a date."""
    if pa.types.is_date(column.type):
        return np.zeros(len(column), np.int64)
    return column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy() % DAY_MICROSECONDS


def _integers(column: pa.ChunkedArray) -> Ints:
    if pa.types.is_decimal(column.type):
        return unscaled(column)
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return days_of(column)
    return whole_numbers(column)


def whole_numbers(column: pa.ChunkedArray) -> Ints:
    """The values of an integer column; -1 where empty."""
    return pc.fill_null(column.cast(pa.int64()), -1).to_numpy()


def unscaled(column: pa.ChunkedArray) -> Ints:
    """The integers behind a DECIMAL(18, …) column; -1 where empty. 18 digits fit the lower of 2 × 64 bits."""
    array = column.combine_chunks()
    words = np.frombuffer(array.buffers()[1], np.int64) if len(array) else np.zeros(0, np.int64)
    low = words[::2][array.offset : array.offset + len(array)]
    return np.where(array.is_valid().to_numpy(zero_copy_only=False), low, -1)


def _codes(column: pa.ChunkedArray, words: tuple[str, ...] | None) -> tuple[Ints, tuple[str, ...]]:
    coded = pc.dictionary_encode(column.combine_chunks())
    present = coded.dictionary.to_pylist()
    # Sorted, so that the codes do not depend on the order of rows.
    vocabulary = words if words is not None else tuple(sorted(set(present)))
    where = {word: k for k, word in enumerate(vocabulary)}
    code_of = np.array([where[word] for word in present] + [-1], dtype=np.int64)
    return code_of[pc.fill_null(coded.indices, len(present)).to_numpy().astype(np.int64)], vocabulary
