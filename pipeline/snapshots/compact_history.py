"""Old years, thinned once per bucket to what features can still see of them: a Monday costs the same however
long the history is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

import features
from configs.settings import Settings
from features.engine.compact_history import lookback_days, thin_rows
from features.engine.entities import day_number, make_rows, read_columns
from pipeline.artefacts import Home, fingerprint, keep_only, write_parquet
from pipeline.tables import Ingested, bucket_name, read_part


@dataclass(frozen=True)
class OldYears:
    """Rows that happened before ``year`` lie thinned below ``folder``; made when they are first asked for."""

    folder: Path
    year: int

    def read(self, tables: Ingested, table: str, bucket: int) -> pa.Table | None:
        """One bucket of a table: its old years thinned, the others whole; the columns that features look at."""
        columns = read_columns(table)
        recent = tables.read(table, bucket, columns, since=self.year)
        old = self._thinned(tables, table, bucket, columns)
        there = [rows for rows in (old, recent) if rows is not None]
        return pa.concat_tables(there).unify_dictionaries() if there else None

    def _thinned(self, tables: Ingested, table: str, bucket: int, columns: Sequence[str]) -> pa.Table | None:
        key = tables.holds(table, bucket, self.year)
        path = self.folder / table / f"{bucket_name(bucket)}-{key}.parquet"
        if not path.is_file():
            rows = tables.read(table, bucket, columns, before=self.year)
            if rows is None:
                return None
            draft = path.with_suffix(".draft")
            write_parquet(_thin(rows, table, self.year), draft)
            draft.replace(path)
        return read_part(path, table, columns)


def old_years(settings: Settings, home: Home, tables: Ingested, snapshots: Sequence[date]) -> OldYears | None:
    """The years that lie behind every look back of these Mondays; None where the history is too short."""
    year = (min(snapshots) - timedelta(days=lookback_days(settings))).year
    if tables.first_day.year >= year:
        return None
    code = fingerprint(*sorted(Path(features.__file__).parent.rglob("*.py")))
    folder = home.root / "old_years" / f"before-{year}-{code}"
    folder.mkdir(parents=True, exist_ok=True)
    keep_only(folder.parent, {folder.name})
    return OldYears(folder.resolve(), year)


def _thin(rows: pa.Table, table: str, year: int) -> pa.Table:
    ids = np.array(sorted(rows["customer_id"].unique().to_pylist()), dtype=object)
    placed = rows.append_column("place", pa.array(np.arange(len(rows))))
    kept = thin_rows(make_rows(table, placed, ids), day_number(date(year, 1, 1)))
    return rows.take(pa.array(np.sort(kept.columns["place"])))
