"""Old years compacted on disk: the same bytes, made once, and made again where a row of them is corrected."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.bank_folder import load_settings
from configs.settings import Settings
from pipeline.artefacts import Home
from pipeline.demo_bank import write_demo_bank
from pipeline.ingest.ingest import ingest
from pipeline.snapshots import build as snapshots
from pipeline.snapshots.build import CompactHistory, build_snapshots, compact_history
from pipeline.structure.facts import KINDS, StructureTask
from pipeline.tables import Ingested
from tests.folders import bytes_below

LAST_MONDAY = date(2026, 11, 16)
MONDAYS = [LAST_MONDAY - timedelta(weeks=1), LAST_MONDAY]


@dataclass(frozen=True)
class Aged:
    """A made-up bank of two and a half years, ingested; its raw files."""

    settings: Settings
    raw: Path
    home: Home

    def ingest(self) -> Ingested:
        return ingest(self.settings, self.raw, self.home, lambda *_: None)

    def compact(self, tables: Ingested) -> CompactHistory:
        return compact_history(self.settings, self.home, tables, MONDAYS)


@pytest.fixture(scope="module")
def aged(tmp_path_factory):
    root = tmp_path_factory.mktemp("aged")
    write_demo_bank(root / "raw", 150, 130, 7, LAST_MONDAY)
    return Aged(load_settings("demo", {"customers_per_bucket": 75}), root / "raw", Home(root / "home"))


def test_the_bytes_are_those_of_the_whole_history(aged, tmp_path, monkeypatch):
    tables = aged.ingest()
    assert tables.buckets == 2
    build_snapshots(aged.settings, Home(tmp_path / "compacted"), tables, MONDAYS, lambda *_: None)
    assert len(list((tmp_path / "compacted" / "compact_history").rglob("bucket=*.parquet"))) == 3 * 2
    monkeypatch.setattr(snapshots, "compact_history", lambda *_: None)
    build_snapshots(aged.settings, Home(tmp_path / "whole"), tables, MONDAYS, lambda *_: None)
    for kind in ("cohort", "features"):
        assert bytes_below(tmp_path / "compacted" / kind, "*.parquet") == bytes_below(
            tmp_path / "whole" / kind, "*.parquet"
        )
        assert len(bytes_below(tmp_path / "whole" / kind, "*.parquet")) == 2 * 2


def test_few_rows_of_old_years_are_left(aged):
    tables = aged.ingest()
    history = aged.compact(tables)
    assert history.year == 2025
    old, recent = tables.read("events", 0, before=2025), tables.read("events", 0, since=2025)
    compacted = history.read(tables, "events", 0)
    assert 0 < len(compacted) - len(recent) < 0.4 * len(old)


def test_made_again_only_where_an_old_row_is_corrected(aged):
    tables = aged.ingest()
    for bucket in range(tables.buckets):
        aged.compact(tables).read(tables, "transactions", bucket)
    before = bytes_below(aged.compact(tables).folder, "*.parquet")
    (path, *_) = sorted(aged.raw.glob("txn_2024*.parquet"))
    rows = pq.read_table(path).slice(100, 1)
    # Booked in 2026, as turned out: nothing new lies in the old years, but a row there no longer counts.
    late = {"LOAD_DT": date(2026, 11, 10), "TXN_TM": datetime(2026, 11, 9, 12)}
    corrected = [row | late for row in rows.to_pylist()]
    pq.write_table(pa.Table.from_pylist(corrected, rows.schema), aged.raw / "txn_20261199.parquet")
    after = aged.ingest()
    assert after.builds_on == (tables.fingerprint,)
    for bucket in range(tables.buckets):
        aged.compact(after).read(after, "transactions", bucket)
    new = bytes_below(aged.compact(after).folder, "*.parquet").keys() - before.keys()
    assert len(new) == 1


def test_a_short_history_is_not_compacted(aged):
    assert compact_history(aged.settings, aged.home, aged.ingest(), [date(2025, 11, 3)]) is None


def test_the_structure_of_a_monday_alone_has_the_bytes_of_the_whole_history(aged, tmp_path):
    tables = aged.ingest()
    compacted = aged.compact(tables)
    # Just after New Year a booking may still wait that the compacted history does not hold.
    for day in (LAST_MONDAY, date(2026, 1, 12)):
        written = []
        for name, history in (("compacted", compacted), ("whole", None)):
            task = StructureTask(tables, (day,), tmp_path / f"{name}-{day}", aged.settings, KINDS, history)
            for bucket in range(tables.buckets):
                task(bucket)
            written.append(bytes_below(task.drafts, "*.parquet"))
        assert written[0] == written[1]
        assert len(written[0]) == 2 * tables.buckets
