"""One command at a time writes into a bank; a dead one keeps nobody out and leaves nothing half written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from configs.errors import LeaseError
from pipeline import lease
from pipeline.__main__ import app
from pipeline.context import Context
from pipeline.lease import STALE_SECONDS, held, holder
from tests.servers import process_group, until

HOLDING = """
import sys, time
from pathlib import Path
from pipeline.lease import held
with held(Path(sys.argv[1]), "weekly"):
    print("held", flush=True)
    time.sleep(600)
"""

AS_OF = ("--as-of", "2026-11-16")
OPTIONS = {
    "ablation": AS_OF,
    "announce": (),
    "backfill": ("--from", "2026-11-09", "--to", "2026-11-16"),
    "backtest": AS_OF,
    "campaign": (),
    "definitions": AS_OF,
    "demo": (),
    "effect": (),
    "ingest": ("--raw", "raw"),
    "learning-curve": AS_OF,
    "mail": AS_OF,
    "migrate": (),
    "new-access-log": ("--by", "Li", "--why", "the old one was archived"),
    "outcomes": AS_OF,
    "policy": (),
    "promote": ("--bundle", "0123456789abcdef", "--by", "Li"),
    "quarantine-export": ("--raw", "raw", "--out", "out"),
    "read-outcomes": ("--file", "lists.xlsx"),
    "report": (),
    "restore": ("--from", "backup.db"),
    "rollback": ("--by", "Li"),
    "rollback-run": (),
    "train": AS_OF,
    "tune": AS_OF,
    "weekly": ("--raw", "raw", *AS_OF),
}
# They write nothing of the bank's, or, while a run holds the lease, only what alarms and their senders need.
# A new bank is drafted before there is one, and a replay asks for the lease as soon as it has tables.
NO_WRITERS = {
    "audit",
    "backup",
    "branch-report",
    "demo-bank",
    "features-doc",
    "status",
    "acknowledge",
    "new-bank",
    "replay",
    "mlflow",
    "serve",
    "token",
}


@pytest.fixture
def context(bank_settings, tmp_path) -> Context:
    return Context(bank_settings, tmp_path)


@pytest.fixture
def root(context) -> Path:
    context.home.root.mkdir()
    return context.home.root


@pytest.fixture
def other_process(context):
    """A process that holds the lease."""
    command = [sys.executable, "-c", HOLDING, str(context.home.root)]
    with process_group(command, stdout=subprocess.PIPE) as process:
        with process.stdout as lines:
            assert lines.readline() == b"held\n"
        yield process


def note(root: Path, host: str, age: float) -> None:
    """The note of a holder on a machine whose lock does not reach this one, ``age`` seconds old."""
    fields = {
        "command": "train",
        "user": "li",
        "host": host,
        "process": 7,
        "since": "2026-11-16 06:00:00 UTC",
    }
    (root / "lease").write_text(json.dumps(fields))
    beat = time.time() - age
    os.utime(root / "lease", (beat, beat))


def test_a_second_command_leaves_and_says_who_holds_the_lease(context, other_process):
    with (
        pytest.raises(LeaseError, match=rf"`weekly` of .*, process {other_process.pid} on "),
        held(context.home.root, "train"),
    ):
        pass
    assert holder(context.home.root).process == other_process.pid


def test_a_killed_holder_keeps_nobody_out(context, other_process):
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    assert holder(context.home.root) is None
    with held(context.home.root, "train"):
        assert holder(context.home.root).command == "train"
    assert holder(context.home.root) is None


def test_an_error_lets_go(context):
    with pytest.raises(ZeroDivisionError), held(context.home.root, "train"):
        raise ZeroDivisionError
    with held(context.home.root, "weekly"):
        pass


@pytest.mark.usefixtures("other_process")
def test_another_bank_has_a_lease_of_its_own(bank_settings, context):
    other = Context(bank_settings.model_copy(update={"bank": "berka"}), context.data)
    with held(other.home.root, "weekly"):
        pass


@pytest.mark.parametrize("age", [0, STALE_SECONDS - 10])
def test_a_live_holder_on_another_machine_keeps_others_out(context, root, age):
    note(root, "elsewhere", age)
    assert holder(root).host == "elsewhere"
    with (
        pytest.raises(LeaseError, match="`train` of li, process 7 on elsewhere, since"),
        held(context.home.root, "train"),
    ):
        pass
    assert holder(root).host == "elsewhere"


@pytest.mark.parametrize("age", [STALE_SECONDS + 1, -3600])
def test_a_dead_holder_on_another_machine_keeps_nobody_out(context, root, age):
    """Its last heartbeat is old, or lies in the future because the clock was set back since."""
    note(root, "elsewhere", age)
    assert holder(root) is None
    with held(context.home.root, "train"):
        pass


def test_the_holder_touches_the_lease(context, root, monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.01)
    with held(context.home.root, "train"):
        os.utime(root / "lease", (0, 0))
        assert until(lambda: (root / "lease").stat().st_mtime > 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"command": "weekly"}'])
def test_a_note_that_cannot_be_read_keeps_nobody_out(context, root, text):
    (root / "lease").write_text(text)
    with held(context.home.root, "train"):
        pass


def test_what_a_killed_command_left_is_removed_first(context, root):
    for folder in (".draft-1-tables", "tables/.draft-2-a", "lists/2026-11-16/.draft-3-b", "features/.old-c"):
        (root / folder).mkdir(parents=True)
    (root / ".draft-4-files.csv").touch()
    (root / "features" / ".old-c" / "whole").touch()
    (root / "features" / ".old-d").mkdir()
    (root / "features" / "d").mkdir()
    with held(context.home.root, "train"):
        pass
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    assert left == [
        "features",
        "features/c",
        "features/c/whole",
        "features/d",
        "lease",
        "lists",
        "lists/2026-11-16",
        "tables",
    ]


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands.keys() - NO_WRITERS))
def test_every_command_that_writes_takes_the_lease(context, monkeypatch, command):
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 0)
    monkeypatch.setenv("ATTRITION_SMTP_HOST", "127.0.0.1")
    with held(context.home.root, "weekly"):
        done = CliRunner().invoke(app, [command, *OPTIONS[command], "--data", str(context.data)])
    assert isinstance(done.exception, LeaseError)
    assert [path.name for path in context.home.root.iterdir()] == ["lease"]


def test_a_command_writes_for_its_account_alone_and_tightens_what_is_there(tmp_path):
    """Whoever had ingested with an earlier release; raw files are the bank's own."""
    root = tmp_path / "demo"
    for part in ("tables/a", "raw"):
        (root / part).mkdir(parents=True)
        (root / part / "rows.csv").touch()
        (root / part / "rows.csv").chmod(0o644)
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "ingest",
        "--raw",
        str(root / "raw"),
        "--data",
        str(tmp_path),
    ]
    ended = subprocess.run(
        command, env=os.environ | {"ATTRITION_USER": "li"}, capture_output=True, check=False
    )
    assert ended.returncode == 2  # the folder holds no files of the bank
    others = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.stat().st_mode & 0o077 and "raw" not in path.parts[-2:]
    }
    assert others == set()
    assert (root / "raw" / "rows.csv").stat().st_mode & 0o777 == 0o644
    assert (root / "lease").stat().st_mode & 0o777 == 0o600
