"""Sentences of an ingest on rows that it loaded: those that may be wrong, and those no feature looks at.

The counts are worked out once per delivery, over all rows of all deliveries, and kept beside the tables. The
sentences are made when they are shown, by the settings of that day.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from configs.settings import Settings
from configs.tables import EVENT_TABLES
from pipeline.artefacts import read_json, write_json
from pipeline.ingest import valuations
from pipeline.ingest.accounts import accounts_of_holders, unlike_bookings
from pipeline.ingest.attributes import count_categories, delivered_attributes, unlike_declared
from pipeline.ingest.continued import continued
from pipeline.ingest.contradictions import contradictions
from pipeline.ingest.words import (
    WordCounts,
    count_words,
    unasked_items,
    unknown_words,
    unmatched_measures,
    unused_words,
)
from pipeline.snapshots.labelled import refused_labels
from pipeline.tables import Ingested

FINDINGS = "findings.json"


@dataclass(frozen=True)
class Finding:
    """One sentence. ``warning``: what was loaded may be wrong; else it is a remark.

    ``quotes`` words as the bank delivers them, which may be about persons.
    """

    text: str
    warning: bool
    quotes: bool = False


def rows_of(names: Iterable[str], files: Callable[[str], Sequence[Path]]) -> dict[str, str]:
    """SQL by table: its rows of all deliveries together; ``files`` are those of a table that has any."""
    delivered = {table: [str(path) for path in files(table)] for table in names}
    return {
        table: f"read_parquet({paths}, hive_partitioning = false)"
        for table, paths in delivered.items()
        if paths
    }


def write_findings(
    con: duckdb.DuckDBPyConnection,
    bank: str,
    columns: Mapping[str, Collection[str]],
    tables: Mapping[str, str],
    folder: Path,
) -> None:
    """Keep the counts that the sentences are made of.

    ``columns`` are those that the bank delivers, by table; ``tables`` are SQL of all rows, and of their
    summaries.
    """
    words = {
        table: count_words(con, table, tables[f"{table}_words"]) for table in EVENT_TABLES if table in tables
    }
    doubts = [*contradictions(con, bank, columns, tables), *continued(con, bank, tables)]
    if "holdings" in tables and "account_id" not in columns["holdings"]:
        doubts += unlike_bookings(con, bank, tables)
    elif "holdings" in tables and "share" not in columns["holdings"]:
        doubts += accounts_of_holders(con, bank, tables["holdings"])
    noted: dict[str, Any] = {"contradictions": doubts, "words": words}
    days = valuations.count_days(con, tables)
    if days:
        noted["days"] = days
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
    of_bank, others = unmatched_measures(settings, noted["words"])
    return [
        *(Finding(text, True) for text in noted["contradictions"]),
        *(Finding(text, True) for text in refused_labels(settings, tables)),
        *(Finding(text, True, True) for text in unknown_words(settings, noted["words"])),
        *(Finding(text, True, True) for text in unasked_items(settings, noted["words"])),
        *(Finding(text, True, True) for text in unlike_declared(settings, noted.get("categories", {}))),
        *(Finding(text, True) for text in of_bank),
        *(Finding(text, True) for text in valuations.doubts(settings, noted.get("days", {}))),
        *(Finding(text, False) for text in _late_balances(tables)),
        *(Finding(text, False) for text in valuations.remarks(settings, noted.get("days", {}))),
        *(Finding(text, False) for text in others),
        *(Finding(text, False, True) for text in unused_words(settings, noted["words"])),
    ]


def _late_balances(tables: Ingested) -> Iterator[str]:
    """A sentence where the history begins with the first balance and not with the first booking."""
    noted = read_json(tables.folder / "ingest.json")
    if noted["first_day"] != noted["first_booked"]:
        yield (
            f"holdings begin on {noted['first_valued']}, bookings on {noted['first_booked']}: the history "
            "begins with the balances: before them nobody's AUM is known, and earlier Mondays are left out."
        )


def read_words(tables: Ingested) -> dict[str, WordCounts]:
    """The counts of words by table."""
    words: dict[str, WordCounts] = read_json(tables.folder / FINDINGS)["words"]
    return words
