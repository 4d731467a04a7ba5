"""Many deliveries as one: the same bytes as if all raw files had been read at once, without reading one."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

import duckdb

from configs.tables import TABLES, Table
from pipeline.buckets import write_part
from pipeline.tables import NOTES, Ingested, bucket_name


def compact(con: duckdb.DuckDBPyConnection, base: Ingested, draft: Path) -> None:
    """Merge the parts that ``base`` rests on into the delivery in ``draft``; memory is bounded by a bucket."""
    tables = replace(base, folder=draft, builds_on=(*base.builds_on, base.fingerprint))
    for table in TABLES.values():
        if table.by_customer:
            for bucket in range(base.buckets):
                _merge(con, tables, table, bucket)


def sort_order(table: Table) -> str:
    """SQL: how the rows of a part are sorted; no two rows of a table are equal in all of it."""
    first = ["customer_id"] if table.by_customer else []
    order = dict.fromkeys([*first, *([table.happened] if table.happened else []), *table.names])
    return ", ".join(name for name in order if name != "deleted")


def _merge(con: duckdb.DuckDBPyConnection, tables: Ingested, table: Table, bucket: int) -> None:
    folder = tables.folder / table.name / bucket_name(bucket)
    for name, parts in groupby(tables.parts(table.name, bucket), key=lambda path: path.stem):
        con.register("merged", tables.join(table.name, bucket, list(parts)))
        rows = con.sql(f"SELECT * FROM merged ORDER BY {sort_order(table)}").to_arrow_table()
        con.unregister("merged")
        write_part(rows, folder, name)
    (folder / NOTES).unlink(missing_ok=True)
