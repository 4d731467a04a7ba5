"""Compact history: of old years only what features can still see, made once per bucket, so that a Monday
costs the same however long the history is. At ten years a weekly build takes a third of the time (5,000
customers)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from configs.settings import Settings
from features.build import FEATURES_VERSION
from features.engine.compact_history import compact_rows, lookback_days
from features.engine.entities import day_number, make_rows, read_columns
from pipeline.artefacts import Home, keep_only, write_parquet
from pipeline.tables import Ingested, bucket_name, read_part


@dataclass(frozen=True)
class CompactHistory:
    """Rows that happened before ``year`` lie compacted below ``folder``; made when they are first asked
    for."""

    folder: Path
    year: int

    def read(self, tables: Ingested, table: str, bucket: int) -> pa.Table | None:
        """One bucket of a table: its old years compacted, the others whole; the columns that features look
        at."""
        columns = read_columns(table)
        recent = tables.read(table, bucket, columns, since=self.year)
        old = self._compacted(tables, table, bucket, columns)
        parts = [rows for rows in (old, recent) if rows is not None]
        return pa.concat_tables(parts).unify_dictionaries() if parts else None

    def _compacted(
        self, tables: Ingested, table: str, bucket: int, columns: Sequence[str]
    ) -> pa.Table | None:
        key = tables.holds(table, bucket, self.year)
        path = self.folder / table / f"{bucket_name(bucket)}-{key}.parquet"
        if not path.is_file():
            rows = tables.read(table, bucket, columns, before=self.year)
            if rows is None:
                return None
            ids = np.array(sorted(rows["customer_id"].unique().to_pylist()), dtype=object)
            placed = rows.append_column("place", pa.array(np.arange(len(rows))))
            kept = compact_rows(make_rows(table, placed, ids), day_number(date(self.year, 1, 1)))
            draft = path.with_suffix(".draft")
            write_parquet(rows.take(pa.array(np.sort(kept.columns["place"]))), draft)
            draft.replace(path)
        return read_part(path, table, columns)


def compact_history(
    settings: Settings, home: Home, tables: Ingested, snapshots: Sequence[date]
) -> CompactHistory | None:
    """The years that lie behind every look back of these Mondays; None where the history is too short."""
    year = (min(snapshots) - timedelta(days=lookback_days(settings))).year
    if tables.first_day.year >= year:
        return None
    folder = home.root / "compact_history" / f"before-{year}-v{FEATURES_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    keep_only(folder.parent, {folder.name})
    return CompactHistory(folder.resolve(), year)
