"""The command attrition: its help and completion are quick, and make's verbs call it as it is."""

import os
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import typer
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.commands.completion import ROLES
from pipeline.commands.options import terminal_wording
from serve.auth.policy import Role
from tests.servers import ROOT

COMMANDS = typer.main.get_command(app).commands
HEAVY = ("pandas", "pyarrow", "lightgbm", "mlflow", "numpy", "scipy", "duckdb", "sqlalchemy", "fastapi",
         "pydantic", "configs.published")  # fmt: skip


def completed(shell: str, line: str, folder: Path) -> list[str]:
    """What a shell is offered at the end of a line, in a folder with artefacts."""
    words = line.split()
    environment = os.environ | {
        "_ATTRITION_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - (not line.endswith(" "))),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "pipeline"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return re.findall(r"[\w-]+", done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two models and two Mondays of one bank."""
    top = tmp_path_factory.mktemp("work")
    for name in ("models/0a1b", "models/0c2d", "features/snapshot_date=2026-11-09",
                 "features/snapshot_date=2026-11-16", "models/.draft"):  # fmt: skip
        (top / "data" / "wallet" / name).mkdir(parents=True)
    return top


def test_shells_complete_verbs_banks_models_and_mondays(folder):
    assert completed("bash", "attrition train --bank wal", folder) == ["wallet"]
    assert completed("fish", "attrition report --bank wallet --model ", folder) == ["0a1b", "0c2d"]
    mondays = completed("bash", "attrition weekly --bank wallet --as-of 2026-11-", folder)
    assert sorted(mondays) == ["2026-11-09", "2026-11-16", "2026-11-23"]
    assert {"weekly", "train", "serve"} <= set(completed("zsh", "attrition ", folder))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(shell):
    environment = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-m", "pipeline", "--show-completion", shell]
    script = subprocess.check_output(command, cwd=ROOT, env=environment, text=True)
    assert f"_ATTRITION_COMPLETE=complete_{shell}" in script


def test_help_loads_nothing_heavy_and_groups_the_verbs():
    """All of it in one process: the more modules, the longer a person waits. Typer alone brings 310."""
    code = f"""
import io, sys
from contextlib import redirect_stdout, suppress
from pipeline.__main__ import main
for verb in ([], *([name] for name in {[*COMMANDS]})):
    sys.argv = ["attrition", *verb, "--help"]
    with suppress(SystemExit), redirect_stdout(io.StringIO()) as shown:
        main()
    assert "Usage: attrition " + " ".join(verb) in shown.getvalue()
    if not verb:
        print(shown.getvalue())
print("HEAVY", [name for name in {HEAVY} if name in sys.modules])
print(len(sys.modules))
"""
    shown = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert "HEAVY []" in shown
    assert int(shown.split()[-1]) < 380
    for heading in ("Every week", "A bank's data", "Models", "The service", "The score store", "Alarms"):
        assert f" {heading} " in shown


def test_every_verb_of_make_gives_its_command_what_it_takes():
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    calls = re.findall(r"\$\(ATTRITION\) ([a-z-]+)(.*)", makefile)
    assert len(calls) > 30
    for name, rest in calls:
        options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, name
    without_a_verb = {"demo-bank"}
    assert set(COMMANDS) - {name for name, _ in calls} == without_a_verb
    assert "-m pipeline " not in makefile.replace("ATTRITION := $(PYTHON) -m pipeline\n", "")


def test_roles_are_those_of_the_service():
    assert set(ROLES) == set(Role)


@pytest.mark.parametrize(
    ("variables", "language"),
    [({}, "en"), ({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "C.UTF-8"}, "en"), ({"LC_ALL": "zh_TW"}, "zh"),
     ({"LC_ALL": "en_GB.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"), ({"LC_ALL": "", "LANG": "zh_CN"}, "zh")],
)  # fmt: skip
def test_the_terminals_language(monkeypatch, variables, language):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal_wording().language == language


def test_a_token_goes_to_a_terminal_alone(monkeypatch, tmp_path):
    """The command asks for a token in its text where stdout is a terminal, and not in a file or pipe."""
    said = Mock(return_value="")
    monkeypatch.setattr("pipeline.demo.run_made_up", said)
    for is_terminal in (False, True):
        monkeypatch.setattr("pipeline.commands.operations._to_a_terminal", Mock(return_value=is_terminal))
        result = CliRunner().invoke(app, ["demo", "--data", str(tmp_path)])
        assert result.exception is None, result.exception
    assert [call.kwargs["with_token"] for call in said.call_args_list] == [False, True]
