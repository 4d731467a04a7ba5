"""Many deliveries as one: the same bytes as if all raw files had been read at once, without reading one."""

from dataclasses import replace
from pathlib import Path

from configs.tables import EVENT_TABLES, TABLES, Table
from pipeline.ingest.buckets import write_parts
from pipeline.tables import NOTES, Ingested, bucket_name


def compact(base: Ingested, draft: Path) -> None:
    """Merge the parts that ``base`` rests on into the delivery in ``draft``, in memory a bucket at a time."""
    tables = replace(base, folder=draft, builds_on=(*base.builds_on, base.fingerprint))
    for table in TABLES.values():
        if table.by_customer:
            for bucket in range(base.buckets):
                _merge(tables, table, bucket)


def sort_order(table: Table) -> list[str]:
    """How the rows of a part are sorted; no two rows of a table are equal in all of it."""
    order = dict.fromkeys(["customer_id", table.happened, *table.key, *table.names])
    return [name for name in order if name != "deleted"]


def year_of(table: Table) -> str | None:
    """The column whose calendar year decides in which part a row lies."""
    return table.happened if table.name in EVENT_TABLES else None


def _merge(tables: Ingested, table: Table, bucket: int) -> None:
    folder = tables.folder / table.name / bucket_name(bucket)
    rows = tables.read(table.name, bucket)
    if rows is not None:
        write_parts(rows, folder, sort_order(table), year_of(table))
    (folder / NOTES).unlink(missing_ok=True)
