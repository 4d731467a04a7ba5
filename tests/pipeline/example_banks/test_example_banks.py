"""Each example bank is a module that writes its raw files and a folder of settings; others are refused."""

import importlib
import pkgutil
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.files import is_whole, write_manifest
from pipeline import example_banks
from pipeline.__main__ import app
from pipeline.context import Context

NAMES = sorted(module.name for module in pkgutil.iter_modules(example_banks.__path__))


@pytest.mark.parametrize("bank", ["berka", "walet"])
def test_a_bank_that_nothing_makes_up_is_refused_in_a_sentence(bank: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--bank", bank, "--data", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert f"nothing makes up raw files of bank '{bank}'." in str(result.exception)
    assert f"`make weekly BANK={bank} RAW=<folder>`" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bank", NAMES)
def test_the_raw_files_are_the_same_ones_every_time(bank: str, tmp_path: Path) -> None:
    assert load_settings(bank).bank == bank
    module = importlib.import_module(f"pipeline.example_banks.{bank}")
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        module.write_raw(folder, date(2026, 11, 16))
    first, second = (
        {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in (tmp_path / "a", tmp_path / "b")
    )
    assert first == second != {}


def test_raw_files_that_are_there_are_kept(tmp_path: Path) -> None:
    raw = tmp_path / "demo" / "raw"
    raw.mkdir(parents=True)
    (raw / "own.csv").write_text("a\n", "utf-8")
    write_manifest(raw)
    assert example_banks.write_example_bank(Context(load_settings("demo"), tmp_path)) == raw
    assert is_whole(raw)
