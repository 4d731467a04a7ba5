"""The relations of one ingest in DuckDB: what one row is, its columns, which step makes it.

Steps speak to each other through these relations alone. Each is created from its declaration here.
``checked``, ``good`` and ``earlier`` begin with the columns of a table's contract and are made anew for each
table. Beside them stands one relation per source, named as in bank.toml (``sources.py``).
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

TABLE_KEY = {"customers": "customer_id", "managers": "manager_id", "products": "product_id"}
PLACE = {"_file": "VARCHAR", "_line": "BIGINT"}  # the delivered file below raw, and the line in it, from 1


@dataclass(frozen=True)
class Relation:
    """One relation and its own columns with their SQL types."""

    name: str
    columns: Mapping[str, str]
    view: bool = False

    def create(self, con: duckdb.DuckDBPyConnection) -> None:
        """Create the relation without rows."""
        columns = ", ".join(f"{sql_name(name)} {kind}" for name, kind in self.columns.items())
        con.execute(f"CREATE OR REPLACE TEMP TABLE {sql_name(self.name)} ({columns})")

    def create_from(self, con: duckdb.DuckDBPyConnection, query: str, contract: Iterable[str] = ()) -> None:
        """Create the relation from a query that yields the given columns of a contract and its own.

        The one before goes first, so that never both need room.
        """
        kind, columns = "VIEW" if self.view else "TABLE", ", ".join([*contract, *self.columns])
        con.execute(f"DROP {kind} IF EXISTS {self.name}")
        con.execute(f"CREATE OR REPLACE TEMP {kind} {self.name} AS SELECT {columns} FROM ({query})")

    def insert(self, con: duckdb.DuckDBPyConnection, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows of text and whole numbers; memory is bounded by one batch of them."""
        types = {"VARCHAR": pa.string(), "BIGINT": pa.int64()}
        schema = pa.schema([(column, types[kind]) for column, kind in self.columns.items()])
        waiting = iter(rows)
        while batch := list(islice(waiting, 100_000)):
            arrays = [
                pa.array(values, kind)
                for values, kind in zip(zip(*batch, strict=True), schema.types, strict=True)
            ]
            con.register("_batch", pa.Table.from_arrays(arrays, schema=schema))
            con.execute(f"INSERT INTO {sql_name(self.name)} SELECT * FROM _batch")
            con.unregister("_batch")


# One row per row of the table that others may refer to; made by load.
REFERENCES = tuple(
    Relation(f"ref_{table}", {key: "VARCHAR", "_bucket": "SMALLINT"}) for table, key in TABLE_KEY.items()
)
# One row per number that a customer no longer has; made by renumbered.
NUMBERS = Relation("ref_numbers", {"old_number": "VARCHAR", "newest": "VARCHAR", "from_on": "DATE"})
# One row per currency and day on which its rate holds; made by load.
RATES = Relation("ref_rates", {"currency": "VARCHAR", "day": "DATE", "to_base": "DECIMAL(18,8)"})
# One row: the day after which nothing can have happened; made by load.
LATEST_VALID_DATE = Relation("latest_valid_date", {"day": "DATE"})
# One row: into how many buckets customers are divided; made by load.
LAYOUT = Relation("layout", {"buckets": "INTEGER"})
# One row per row of the bank's SELECT, typed; _reason and _given, a list of one, are NULL where the row is
# good, for a list that is none takes no room; _renumbered as
# ``under_newest`` of renumbered.py says; made by load.
CHECKED = Relation("checked", {**PLACE, "_reason": "VARCHAR", "_given": "STRUCT[]", "_renumbered": "TINYINT"})
# One row per row of checked that keeps the contract; made by quarantine.
GOOD = Relation("good", {"_row": "BIGINT", **PLACE, "_renumbered": "TINYINT"}, view=True)
# One row per row that was loaded before and has the key of a good row, its place and the day noted for it;
# where all files are read anew it only testifies. Made by load and history.
EARLIER = Relation(
    "earlier",
    {"_row": "BIGINT", "_part": "VARCHAR", "_at": "BIGINT", "_noted": "DATE", "_standing": "BOOLEAN"},
)
# One row per file of a table that was read before: the number of the delivery that it first came with, and
# the lines that were refused since; made by history.
FIRST_LOADED = Relation("first_loaded", {"file": "VARCHAR", "delivery": "BIGINT", "refused": "BIGINT[]"})
# One row per hash of a key that comes more than once in good and earlier; made by quarantine.
REPEATED_KEYS = Relation("repeated_keys", {"hash": "UBIGINT"})
# One row per row of good or earlier whose key comes more than once, with its verdict; made by quarantine.
REPEATED = Relation(
    "repeated",
    {"_row": "BIGINT", **PLACE, "_earlier": "BOOLEAN", "key_values": "VARCHAR", "kept_at": "VARCHAR",
     "verdict": "VARCHAR", "superseded_on": "DATE", "moved": "BOOLEAN"},
)  # fmt: skip
# One row per refused row; made by quarantine.
QUARANTINE = Relation(
    "quarantine",
    {"table_name": "VARCHAR", "file": "VARCHAR", "line": "BIGINT", "column_name": "VARCHAR",
     "reason": "VARCHAR"},
)  # fmt: skip
# One row per refused row, as it was delivered; made by quarantine.
RAW_TEXT = Relation("raw_rows", {"file": "VARCHAR", "line": "BIGINT", "raw": "VARCHAR"})
# One row per table and file whose refused rows have all come back corrected; made by quarantine.
CORRECTED = Relation("corrected", {"table_name": "VARCHAR", "file": "VARCHAR", "corrected_in": "VARCHAR"})


def contract_columns(table: Table) -> tuple[str, ...]:
    """The columns of a table's rows in ``checked`` and ``good``: its contract's, then those of ingest."""
    bucket = ("_bucket",) if table.by_customer else ()
    return (*table.names, *bucket, *(name for name in table.derived if name != "superseded_on"))


def open_relations(con: duckdb.DuckDBPyConnection) -> None:
    """Create the relations that every ingest begins with, without rows."""
    for relation in (*REFERENCES, NUMBERS, RATES, QUARANTINE, RAW_TEXT, CORRECTED, FIRST_LOADED):
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
                "SET TimeZone = 'UTC'; SET memory_limit = '1500MB'; SET preserve_insertion_order = true; "
                "SET enable_progress_bar = false"
            )
            con.execute("SET temp_directory = ?", [str(spill)])
            yield con
    finally:
        shutil.rmtree(spill, ignore_errors=True)


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
