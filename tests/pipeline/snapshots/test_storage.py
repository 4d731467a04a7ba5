"""Tables and drafts through Arrow's file systems: the bytes of mounted folders, nothing left behind."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from configs.errors import ConfigError
from pipeline.snapshots.build import FeatureTask, bank_workload
from pipeline.snapshots.spark import staged
from tests.folders import bytes_below

MONDAYS = (date(2024, 3, 11), date(2024, 3, 18))


def work(tiny, drafts: Path) -> FeatureTask:
    tables = tiny.ingest(customers_per_bucket=1)  # some buckets without any customer
    assert tables.buckets == 8
    load = bank_workload(tables, MONDAYS)
    return FeatureTask(tables, MONDAYS, drafts, tiny.settings(), ("cohort", "features"), load, None)


def test_the_bytes_are_those_of_mounted_folders(tiny, tmp_path):
    here = work(tiny, tmp_path / "here")
    for bucket in range(8):
        here(bucket)
    with staged(replace(here, drafts=tmp_path / "there"), f"file://{tmp_path}/store") as task:
        for bucket in range(8):
            task(bucket)
    assert bytes_below(tmp_path / "there", "*.parquet") == bytes_below(tmp_path / "here", "*.parquet")
    assert len(bytes_below(tmp_path / "there", "*.parquet")) == 2 * 2 * 8
    assert not list((tmp_path / "store" / "making").iterdir())


def test_a_delivery_is_sent_once_and_goes_when_nothing_rests_on_it(tiny, tmp_path, monkeypatch):
    first = work(tiny, tmp_path / "first")
    uri = f"file://{tmp_path}/store"
    sent = tmp_path / "store" / "tables"
    with staged(first, uri) as task:
        task(0)
    note = sent / first.tables.fingerprint / "ingest.json"
    stamp = note.stat().st_mtime_ns
    with staged(first, uri) as task:
        task(0)
    assert note.stat().st_mtime_ns == stamp
    monkeypatch.setattr("pipeline.ingest.ingest.INGEST_VERSION", 0)  # all files are read anew
    second = work(tiny, tmp_path / "second")
    with staged(second, uri) as task:
        task(0)
    assert [path.name for path in sent.iterdir()] == [second.tables.fingerprint]


def test_a_failed_bucket_leaves_no_drafts_in_the_store(tiny, tmp_path):
    task = work(tiny, tmp_path / "drafts")

    def run() -> None:
        with staged(task, f"file://{tmp_path}/store") as far:
            far(0)
            raise RuntimeError("the second bucket fails")

    with pytest.raises(RuntimeError):
        run()
    assert not list((tmp_path / "store" / "making").iterdir())


@pytest.mark.parametrize("uri", ["nowhere", "foo://host/path"])
def test_an_address_that_arrow_does_not_know(tiny, tmp_path, uri):
    with (
        pytest.raises(
            ConfigError, match=rf"storage '{uri}' cannot be opened: .* Correct storage in \[engine\]"
        ),
        staged(work(tiny, tmp_path), uri),
    ):
        pass


def test_hdfs_without_hadoop_says_what_it_needs(tiny, tmp_path, monkeypatch):
    for name in ("HADOOP_HOME", "ARROW_LIBHDFS_DIR", "JAVA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    with (
        pytest.raises(
            ConfigError, match=r"Unable to load .*\. Arrow reaches HDFS .* set JAVA_HOME, HADOOP_HOME"
        ),
        staged(work(tiny, tmp_path), "hdfs://namenode:8020/attrition"),
    ):
        pass
