"""The relations of one ingest in DuckDB.

What one row is, its columns, which step makes them and which read them.

Steps speak to each other through these relations alone. Each is created from its declaration here. One with
``contract`` begins with the columns of a table's contract and is made anew for each table. Beside them stands
one relation per source, named as in bank.toml (``sources.py``).
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from configs.tables import Table

BATCH_ROWS = 100_000
COLUMN_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_()}
PLACE = {"_file": "VARCHAR", "_line": "BIGINT"}  # the delivered file below raw, and the line in it, from 1


@dataclass(frozen=True)
class Relation:
    """One relation.

    What one row is, the modules that make and read it, its own columns with their SQL types.
    """

    name: str
    one_row_per: str
    made_by: str
    read_by: tuple[str, ...]
    columns: Mapping[str, str]
    contract: bool = False
    view: bool = False

    def create(self, con: duckdb.DuckDBPyConnection) -> None:
        """Create the relation without rows."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        con.execute(f"CREATE OR REPLACE TEMP TABLE {self.name} ({columns})")

    def create_from(self, con: duckdb.DuckDBPyConnection, query: str, contract: Iterable[str] = ()) -> None:
        """Create the relation from a query that yields the given columns of a contract and its own."""
        kind, columns = "VIEW" if self.view else "TABLE", ", ".join([*contract, *self.columns])
        con.execute(f"CREATE OR REPLACE TEMP {kind} {self.name} AS SELECT {columns} FROM ({query})")

    def insert(self, con: duckdb.DuckDBPyConnection, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows; memory is bounded by one batch of them."""
        insert_rows(con, self.name, self.columns, rows)


DELIVERED = Relation(
    "delivered", "source and delivered file", "sources", ("raw_rows",),
    {"source": "VARCHAR", "file": "VARCHAR", "path": "VARCHAR", "one_row_per_line": "BOOLEAN"},
)  # fmt: skip
REFERENCES = tuple(
    Relation(f"ref_{table}", f"row of {table} that others may refer to", "references", ("checks",),
             {key: "VARCHAR", "_bucket": "SMALLINT"})
    for table, key in (("customers", "customer_id"), ("managers", "manager_id"), ("products", "product_id"))
)  # fmt: skip
RATES = Relation(
    "ref_rates", "currency and day on which its rate holds", "references", ("checks",),
    {"currency": "VARCHAR", "day": "DATE", "to_base": "DECIMAL(18,8)"},
)  # fmt: skip
LATEST_VALID_DATE = Relation(
    "latest_valid_date", "ingest: the day after which nothing can have happened",
    "latest_valid_date", ("checks",), {"day": "DATE"},
)  # fmt: skip
LAYOUT = Relation(
    "layout", "ingest: into how many buckets customers are divided", "incoming", ("checks", "load", "ingest"),
    {"buckets": "INTEGER"},
)  # fmt: skip
CHECKED = Relation(
    "checked", "row of the bank's SELECT, typed; _reason is NULL where the row is good",
    "load", ("quarantine", "load"),
    {**PLACE, "_reason": "VARCHAR", "_given": "STRUCT"}, contract=True,
)  # fmt: skip
GOOD = Relation(
    "good", "row of checked that keeps the contract", "quarantine", ("load", "checks", "references"),
    {"_row": "BIGINT", **PLACE}, contract=True, view=True,
)  # fmt: skip
EARLIER = Relation(
    "earlier", "row of an earlier delivery with the key of a good row, its place and the day noted for it",
    "load", ("checks", "load"),
    {"_row": "BIGINT", "_part": "VARCHAR", "_at": "BIGINT", "_noted": "DATE"}, contract=True,
)  # fmt: skip
REPEATED_KEYS = Relation(
    "repeated_keys", "hash of a key that comes more than once in good and earlier", "quarantine", ("checks",),
    {"hash": "UBIGINT"},
)  # fmt: skip
REPEATED = Relation(
    "repeated", "row of good or earlier whose key comes more than once, with its verdict",
    "quarantine", ("load",),
    {"_row": "BIGINT", **PLACE, "_earlier": "BOOLEAN", "key_values": "VARCHAR", "kept_at": "VARCHAR",
     "verdict": "VARCHAR", "superseded_on": "DATE"},
)  # fmt: skip
QUARANTINE = Relation(
    "quarantine", "refused row", "quarantine", ("raw_rows", "quarantine", "load"),
    {"table_name": "VARCHAR", "file": "VARCHAR", "line": "BIGINT", "column_name": "VARCHAR",
     "reason": "VARCHAR"},
)  # fmt: skip
RAW_TEXT = Relation(
    "raw_rows", "refused row, as it was delivered", "raw_rows", ("quarantine", "raw_rows"),
    {"file": "VARCHAR", "line": "BIGINT", "raw": "VARCHAR"},
)  # fmt: skip
CORRECTED = Relation(
    "corrected", "table and file whose refused rows have all come back corrected",
    "quarantine_export", ("quarantine",),
    {"table_name": "VARCHAR", "file": "VARCHAR", "corrected_in": "VARCHAR"},
)  # fmt: skip


def contract_columns(table: Table) -> tuple[str, ...]:
    """The columns of a table's rows in ``checked`` and ``good``.

    Its contract's, then those that ingest adds.
    """
    bucket = ("_bucket",) if table.by_customer else ()
    return (*table.names, *bucket, *(name for name in table.derived if name != "superseded_on"))


def open_relations(con: duckdb.DuckDBPyConnection) -> None:
    """Create the relations that every ingest begins with, without rows."""
    for relation in (DELIVERED, *REFERENCES, RATES, QUARANTINE, RAW_TEXT, CORRECTED):
        relation.create(con)


@contextmanager
def computing(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that keeps the order of rows.

    What memory cannot hold waits in ``spill``, which goes at the end.
    """
    shutil.rmtree(spill, ignore_errors=True)
    spill.mkdir(parents=True)
    try:
        with duckdb.connect() as con:
            con.execute(
                "SET TimeZone = 'UTC'; SET memory_limit = '2500MB'; SET preserve_insertion_order = true; "
                "SET enable_progress_bar = false"
            )
            con.execute("SET temp_directory = ?", [str(spill)])
            yield con
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def insert_rows(
    con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Add rows to a relation whose columns are text and whole numbers.

    Memory is bounded by one batch of them.
    """
    schema = pa.schema([(column, COLUMN_TYPES[kind]) for column, kind in columns.items()])
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH_ROWS)):
        arrays = [
            pa.array(values, kind)
            for values, kind in zip(zip(*batch, strict=True), schema.types, strict=True)
        ]
        con.register("_batch", pa.Table.from_arrays(arrays, schema=schema))
        con.execute(f"INSERT INTO {sql_name(name)} SELECT * FROM _batch")
        con.unregister("_batch")


def number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """The single number that a query yields; 0 for NULL."""
    ((value,),) = con.execute(query).fetchall()
    return int(value or 0)


def sql_name(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def sql_text(value: str | Path) -> str:
    """A text as a SQL literal."""
    return "'" + str(value).replace("'", "''") + "'"
