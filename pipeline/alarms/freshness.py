"""The newest day in the data of each source."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from configs.tables import TABLES
from pipeline.tables import NOTES, Ingested

DELIVERIES = 3  # of those that hold a table the newest; an older one adds nothing that they have not


def newest_days(tables: Ingested) -> dict[str, date]:
    """The newest day on which a row was known, by table, from the footers of the newest files."""
    days = {
        name: _newest(_newest_parts(tables, name), "known_on")
        for name, table in TABLES.items()
        if table.by_customer
    }
    days["rates"] = _newest([tables.whole("rates")], "valued_on")
    return {name: day for name, day in days.items() if day is not None}


def _newest_parts(tables: Ingested, table: str) -> Iterator[Path]:
    deliveries = 0
    for folder in reversed(tables.folders):
        parts = [path for path in folder.glob(f"{table}/bucket=*/*.parquet") if path.name != NOTES]
        if parts and deliveries < DELIVERIES:
            deliveries += 1
            last = max(path.stem for path in parts)
            yield from (path for path in parts if path.stem == last)


def _newest(paths: Iterator[Path] | list[Path], column: str) -> date | None:
    newest: date | None = None
    for path in paths:
        if not path.is_file():
            continue
        footer = pq.read_metadata(path)
        place = footer.schema.names.index(column)
        for group in range(footer.num_row_groups):
            statistics = footer.row_group(group).column(place).statistics
            if statistics is not None and statistics.has_min_max:
                newest = max(newest or statistics.max, statistics.max)
    return newest
