"""Sentences of an ingest on rows that it loaded: those that may be wrong, and those no feature looks at.

The counts are worked out once per delivery, over all rows of all deliveries, and kept beside the tables. The
sentences are made when they are shown, by the settings of that day.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from configs.settings import Settings
from configs.tables import EVENT_TABLES
from pipeline.artefacts import read_json, write_json
from pipeline.ingest.accounts import unlike_bookings
from pipeline.ingest.attributes import count_categories, delivered_attributes, unlike_declared
from pipeline.ingest.contradictions import contradictions
from pipeline.ingest.words import count_words, unknown_words, unmatched_measures, unused_words
from pipeline.tables import Ingested

FINDINGS = "findings.json"


@dataclass(frozen=True)
class Finding:
    """One sentence. ``warning``: what was loaded may be wrong; else it is a remark."""

    text: str
    warning: bool


def write_findings(
    con: duckdb.DuckDBPyConnection,
    bank: str,
    columns: Mapping[str, Collection[str]],
    files: Callable[[str], Sequence[Path]],
    folder: Path,
) -> None:
    """Keep the counts that the sentences are made of. ``columns`` are those that the bank delivers, by table.

    ``files`` are those of a table, all deliveries together.
    """
    delivered = {table: [str(path) for path in files(table)] for table in columns}
    tables = {
        table: f"read_parquet({paths}, hive_partitioning = false)"
        for table, paths in delivered.items()
        if paths
    }
    words = {table: count_words(con, table, rows) for table, rows in tables.items() if table in EVENT_TABLES}
    doubts = contradictions(con, bank, columns, tables)
    if "holdings" in tables and "account_id" not in columns["holdings"]:
        doubts += unlike_bookings(con, bank, tables)
    noted = {"contradictions": doubts, "words": words}
    attributes = delivered_attributes(columns["customers"])
    if attributes:
        noted["categories"] = count_categories(con, attributes, tables["customers"])
    write_json(folder / FINDINGS, noted)


def read_findings(settings: Settings, tables: Ingested) -> list[Finding]:
    """All sentences on the tables as they stand, the doubtful first; none of tables from before."""
    path = tables.folder / FINDINGS
    if not path.is_file():
        return []
    noted = read_json(path)
    doubtful = [*noted["contradictions"], *unknown_words(settings, noted["words"])]
    doubtful += unlike_declared(settings, noted.get("categories", {}))
    of_bank, others = unmatched_measures(settings, noted["words"])
    unused = [*others, *unused_words(settings, noted["words"])]
    return [Finding(text, True) for text in [*doubtful, *of_bank]] + [Finding(text, False) for text in unused]
