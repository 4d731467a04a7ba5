"""The benchmark at toy size: every way that is installed gives our numbers, and the figures are all there."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from benchmarks import features, processes
from benchmarks.features import COMPARED, WAYS, differing, export, job_of, make_bank
from benchmarks.peers import Job
from pipeline.__main__ import app

WEEKS, SNAPSHOTS = 80, 2


def here(command: list[Any], **_: Any) -> None:
    """A command of the project in this process: to start one takes longer than its work."""
    assert command[1:3] == ["-m", "pipeline"]
    done = CliRunner().invoke(app, list(map(str, command[3:])))
    assert done.exit_code == 0, done.output


@pytest.mark.filterwarnings("ignore")
def test_all_ways_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features.subprocess, "run", here)
    _, tables, ingest_s = make_bank(tmp_path, 200, WEEKS)
    monkeypatch.undo()
    job = job_of(tables, export(tables, tmp_path / "input"), tmp_path / "out", SNAPSHOTS)
    monkeypatch.setattr(features, "alone", processes._with_memory)
    result = features._side_by_side(job, 1)
    for way in WAYS:
        assert {f"{way}_s", f"{way}_cpu_s", f"{way}_peak_mb"} <= set(result)
    assert result["ours_s"] > 0
    assert result["read_s"] is not None
    assert result["duckdb_s"] > 0
    assert result["pandas_s"] > 0
    missing = [way for way in COMPARED if f"{way}_note" in result]
    assert all("`make bench-features` installs it" in result[f"{way}_note"] for way in missing)
    assert result["differ"] == dict.fromkeys([way for way in COMPARED if way not in missing], 0)
    assert "× the floor" in features.table(result | {"ingest_s": ingest_s})


def test_a_wrong_number_is_seen(tmp_path: Path) -> None:
    """One value of 37 changed by a cent, one row of somebody unknown."""
    day = features.date(2024, 3, 4)
    rows = {"customer_id": ["A", "B"], "snapshot_date": [day, day], "card_sum_4w": [1.5, 0.0]}
    job = Job(tmp_path, (day,), (("card_sum_4w", None, "sum", 4),), tmp_path, 2, day, tmp_path)
    for way, changed in {
        "ours/result": {},
        "same": {"customer_id": ["A", "C"][:1], "snapshot_date": [day], "card_sum_4w": [1.5]},
        "cent": {"card_sum_4w": [1.51, 0.0]},
        "stranger": {"customer_id": ["A", "C"]},
    }.items():
        (tmp_path / way).mkdir(parents=True)
        pq.write_table(pa.table(rows | changed), tmp_path / way / "part.parquet")
    assert [differing(job, way) for way in ("same", "cent", "stranger")] == [0, 1, 1]
