"""The demo's files come from another process, the same ones as from this one, and once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from pipeline import demo
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.progress import Stages
from tests.folders import bytes_below


@pytest.fixture
def raw_files(tmp_path, monkeypatch):
    """The block in which the files of a small demo bank are written."""
    monkeypatch.setattr(demo, "CUSTOMERS", 100)
    monkeypatch.setattr(demo, "WEEKS", 30)

    @contextmanager
    def files() -> Iterator[tuple[Path, Stages]]:
        stages = Stages([("files", ("demo-bank",))])
        with demo._raw_files(Context(load_settings("demo"), tmp_path), stages) as raw:
            yield raw, stages

    return files


def test_the_files_are_those_of_this_process_and_are_kept(raw_files, tmp_path):
    with raw_files() as (raw, stages):
        assert not (raw / "demo.json").is_file()
        assert stages.reached == 1
    write_demo_bank(tmp_path / "alone", 100, 30, demo.SEED, demo.SNAPSHOT_DATE)
    before = bytes_below(raw)
    (note,) = [name for name in before if Path(name).name == "demo.json"]
    assert {name: before[name] for name in before if name != note} == bytes_below(tmp_path / "alone")
    with raw_files() as (again, stages):
        assert (again, stages.reached) == (raw, 0)
    assert bytes_below(raw) == before


def test_files_that_could_not_be_written_are_not_noted(raw_files, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "CUSTOMERS", 1)  # the command refuses fewer than 100
    with pytest.raises(DataError, match="were not written"), raw_files():
        pass
    assert not list(tmp_path.rglob("demo.json"))
