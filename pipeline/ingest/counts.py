"""Counts of rows by table and file, which add up exactly; and of loaded rows that no longer count."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from configs.errors import DataError
from configs.tables import Table
from pipeline.ingest.deliveries import FileCount
from pipeline.ingest.load import Ingestion, Weeks, by_file
from pipeline.ingest.relations import number
from pipeline.ingest.sources import Reject
from pipeline.tables import NOTES


def count_files(
    state: Ingestion, table: Table, new: dict[str, int], rejects: list[Reject], weeks: Weeks
) -> list[FileCount]:
    """One row per file and what became of its rows; ``new`` were validated, those of ``weeks`` written now.

    Raises DataError where a row got lost or came twice.
    """
    base = state.plan.base if table.by_customer else None
    noted = base.noted["files"] if base else []
    before = {(count["table"], count["file"]): FileCount(**count) for count in noted}
    rows_in = Counter(new)
    rows_in.update(reject.file for reject in rejects if base is None or state.plan.reads(reject.file))
    loaded = Counter[str]()
    for (file, _), rows in weeks.items():
        loaded[file] += rows
    duplicates = by_file(state.con, "SELECT _file FROM repeated WHERE verdict = 'duplicate'")
    refused = by_file(state.con, f"SELECT file AS _file FROM quarantine WHERE table_name = '{table.name}'")
    counted = {file for name, file in before if name == table.name}
    counts = []
    for file in sorted(counted | rows_in.keys() | loaded.keys() | duplicates.keys() | refused.keys()) or [""]:
        earlier = before.get((table.name, file), FileCount(table.name, file))
        count = replace(
            earlier,
            rows_in=earlier.rows_in + rows_in[file],
            loaded=earlier.loaded + loaded[file],
            quarantined=refused.get(file, 0),
            duplicates=earlier.duplicates + duplicates.get(file, 0),
        )
        counts.append(count)
        if count.rows_in != count.loaded + count.quarantined + count.duplicates:
            raise DataError(
                f"table {table.name!r} does not reconcile: {count}. Look for a join that "
                f"multiplies rows in configs/banks/{state.settings.bank}/{table.name}.sql."
            )
    return counts


def count_superseded(state: Ingestion, table: Table) -> int:
    """The number of rows that this ingest supersedes, or loads as superseded or taken back."""
    parts = [path for path in state.draft.glob(f"{table.name}/bucket=*/*.parquet") if path.name != NOTES]
    earlier = number(
        state.con,
        "SELECT count(*) FROM (SELECT w.superseded_on, deleted, row_number() OVER "
        f"(PARTITION BY {', '.join(table.key)} ORDER BY known_on DESC) AS version "
        "FROM repeated w JOIN earlier e USING (_row)) "
        "WHERE version = 1 AND NOT deleted AND superseded_on IS NOT NULL",
    )
    return earlier + sum(_filled(path, "superseded_on") for path in parts)


def _filled(path: Path, column: str) -> int:
    """The number of values in a column of a Parquet file, by its index."""
    index = pq.read_metadata(path)
    place = index.schema.names.index(column)
    groups = (index.row_group(number) for number in range(index.num_row_groups))
    return sum(group.num_rows - int(group.column(place).statistics.null_count) for group in groups)
