"""The tutorial as a reader does it: its files written, its commands run, from an empty folder to the first
list."""

import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from configs.bank_folder import load_settings
from pipeline.context import Context
from pipeline.training.train import plan

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
UNCHANGED = ("features", "models", "serve", "pipeline", "Makefile")
# The environment stands already: make takes this Python and does not make it anew.
MAKE = f'make() {{ command make --silent --old-file=.venv/ready PYTHON="{sys.executable}" "$@"; }}\n'


def steps():
    """The page's files and command blocks in their order: (file name or None, text)."""
    page = (ROOT / "docs/tutorial.md").read_text("utf-8")
    blocks = [(language, name or None, text) for language, name, text in FENCE.findall(page)]
    return [(name, text) for language, name, text in blocks if name or language == "sh"]


def done(top, blocks):
    """What the commands print, once the files are written."""
    printed = []
    for name, text in blocks:
        if name:
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text, "utf-8")
            continue
        command = ["bash", "-eu", "-c", MAKE + text]
        ended = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{text}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
        printed.append(ended.stdout)
    return "".join(printed)


def first_monday(blocks):
    """The place of the block that runs it."""
    return next(place for place, (_, text) in enumerate(blocks) if text.startswith("make weekly"))


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    """The project without data in a folder of its own, in which the page was done up to its first Monday; and
    the output."""
    top = tmp_path_factory.mktemp("tutorial")
    shutil.copytree(ROOT / "configs", top / "configs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in UNCHANGED:
        (top / name).symlink_to(ROOT / name)  # a copy would compile every kernel anew
    blocks = steps()
    return top, done(top, blocks[: first_monday(blocks)])


def test_three_rows_are_refused_and_the_select_brings_one_back(ingested):
    _, printed = ingested
    refused = re.findall(r"^transactions(?:\s+[\d,]+){3}\s+(\d+)\s+0$", printed, re.MULTILINE)
    assert refused == ["3", "2"]


def test_a_model_can_be_trained_on_the_first_monday(ingested, monkeypatch):
    top, _ = ingested
    monkeypatch.setattr("configs.bank_folder.BANKS", top / "configs/banks")
    bank = Context(load_settings("riverside"), top / "data")
    _, command = steps()[first_monday(steps())]
    day = date.fromisoformat(re.search(r"AS_OF=(\S+)", command)[1])
    assert plan(bank.settings, bank.tables, day).train


@pytest.mark.long
def test_the_page_ends_with_a_list_in_the_store_and_as_a_workbook(ingested):
    top, blocks = ingested[0], steps()
    done(top, blocks[first_monday(blocks) :])
    with sqlite3.connect(top / "data/riverside/store.db") as store:
        listed = store.execute(
            "SELECT manager_id, customer_id FROM decisions WHERE decision = 'listed'"
        ).fetchall()
    assert {manager for manager, _ in listed} == {f"M{number}" for number in range(1, 7)}
    path = top / "data/riverside/lists/2026-11-16/manager_M1.xlsx"
    sheet = openpyxl.load_workbook(path).worksheets[0]
    cells = {str(cell.value) for row in sheet.iter_rows() for cell in row}
    assert {customer for manager, customer in listed if manager == "M1"} <= cells
