"""The benchmark at toy size, as CSV: both ways hold the same rows, and a row that differs is seen."""

from pathlib import Path

import duckdb
import pytest

from benchmarks import ingest, processes
from configs import bank_folder


def test_both_ways_hold_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "WEEKS", 20)
    monkeypatch.setattr(ingest, "alone", processes._with_memory)
    monkeypatch.setattr(bank_folder, "BANKS", bank_folder.BANKS)  # put back at the end
    job = ingest.make_delivery(tmp_path, 100, "csv")
    assert not list(job.raw.glob("*.parquet"))
    figures = ingest.measure(job, 1)
    assert figures["rows"] == sum(count["rows_in"] for count in figures["counts"]) > 4_000
    assert {"ours_s", "copy_s", "ratio", "cpu_ratio", "peak_mb", "load_average"} <= set(figures)
    assert not any(figures["differ"].values()), figures["differ"]
    assert "csv_1m" in ingest.table_of({"csv_1m": figures})
    copied = job.out / "copy" / "holdings.parquet"
    duckdb.execute(f"CREATE TABLE held AS FROM '{copied}'")
    duckdb.execute("UPDATE held SET balance = balance + 0.01 WHERE rowid = 7")
    duckdb.execute(f"COPY held TO '{copied}' (FORMAT parquet)")
    duckdb.execute("DROP TABLE held")
    assert [name for name, rows in ingest.differing(job).items() if rows] == ["holdings"]
