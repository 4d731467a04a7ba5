"""What systemd, cron and Airflow are given names commands, options, settings and exit codes that exist."""

import ast
import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from configs.errors import EXIT_CODES, LeaseError, MachineError
from pipeline.__main__ import app

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = ("attrition.service", "attrition-weekly.service", "attrition-weekly.timer")
TRY_AGAIN = {EXIT_CODES[LeaseError], EXIT_CODES[MachineError]}
WEEKLY = re.compile(r"\.venv/bin/python -m pipeline (\w+)((?: --[\w-]+ \S+)+)")


def unit(name: str) -> configparser.ConfigParser:
    """A unit's sections; a key twice, or outside of a section, is an error."""
    parser = configparser.ConfigParser(
        delimiters="=", comment_prefixes="#", interpolation=None, empty_lines_in_values=False
    )
    parser.optionxform = str
    parser.read_string((DEPLOY / name).read_text("utf-8"))
    return parser


def dag_constants() -> dict[str, object]:
    """The constants of the DAG, without running it."""
    tree = ast.parse((DEPLOY / "airflow/attrition_weekly.py").read_text("utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    return {node.targets[0].id: ast.literal_eval(node.value) for node in assigned}


def cron_line() -> str:
    (line,) = [
        line
        for line in (DEPLOY / "attrition.cron").read_text("utf-8").splitlines()
        if re.match(r"[\d*]", line)
    ]
    return line


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_has_its_sections_and_no_key_twice(name):
    assert set(unit(name).sections()) <= {"Unit", "Service", "Timer", "Install"}


def test_every_way_runs_the_same_command_with_settings_that_the_example_has():
    texts = (
        unit("attrition-weekly.service")["Service"]["ExecStart"], cron_line(), dag_constants()["COMMAND"]
    )  # fmt: skip
    calls = {re.sub(r'[{}"]', "", WEEKLY.search(text)[0]) for text in texts}
    assert len(calls) == 1
    name, options = WEEKLY.search(calls.pop()).groups()
    command = typer.main.get_command(app).commands[name]
    known = {flag for option in command.params for flag in option.opts}
    assert set(re.findall(r"--[\w-]+", options)) <= known
    required = {option.opts[0] for option in command.params if option.required}
    assert required <= set(re.findall(r"--[\w-]+", options))
    settings = re.findall(r"^(\w+)=", (DEPLOY / "weekly.env").read_text("utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"\$(\w+)", options)) <= set(settings)


def test_the_lease_and_the_machine_alone_are_tried_again():
    weekly = unit("attrition-weekly.service")
    assert {int(code) for code in weekly["Service"]["RestartForceExitStatus"].split()} == TRY_AGAIN
    assert "Restart" not in weekly["Service"]
    assert set(dag_constants()["TRY_AGAIN"]) == TRY_AGAIN
    assert weekly["Unit"]["StartLimitBurst"] == "5"
    assert weekly["Unit"]["StartLimitIntervalSec"] == "1d"


def test_the_operator_s_page_has_each_exit_code_and_those_tried_again():
    page = (DEPLOY.parent / "docs/operations.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d) \| .*? \| (.*?) \|", page, flags=re.MULTILINE)
    assert {int(code) for code, _ in rows} == {0, 1, *EXIT_CODES.values()}
    assert {int(code) for code, again in rows if again.startswith("after")} == TRY_AGAIN


def test_the_timer_is_monday_s_and_makes_up_for_a_missed_one():
    timer = unit("attrition-weekly.timer")["Timer"]
    assert timer["OnCalendar"].startswith("Mon ")
    assert timer["Persistent"] == "true"
    assert cron_line().split()[:5] == ["30", "5", "*", "*", "1"]


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_service_may_do_no_more_than_it_needs(name):
    service = unit(name)["Service"]
    hardened = {
        "User": "attrition", "UMask": "0077", "NoNewPrivileges": "yes", "PrivateTmp": "yes",
        "ProtectSystem": "strict", "ProtectHome": "yes", "CapabilityBoundingSet": "",
        "ReadWritePaths": "/srv/attrition",
    }  # fmt: skip
    assert {key: service[key] for key in hardened} == hardened


def test_the_journal_and_the_mail_hold_no_summary_with_customers():
    assert unit("attrition-weekly.service")["Service"]["StandardOutput"] == "null"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_systemd_accepts_the_units(stub, tmp_path):
    for name in UNITS:
        (tmp_path / name).write_text(stub.text(name), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / name for name in UNITS)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("codes", "slept"),
    [
        ([0], []),
        ([4, 5, 0], ["900", "900"]),
        ([3], []),
        ([2], []),
        ([1], []),
        ([4, 4, 4, 4, 5], ["900"] * 4 + ["0"]),
    ],
)
def test_the_line_of_cron_tries_again_by_exit_code(stub, tmp_path, codes, slept):
    line = cron_line()
    assert "%" not in line  # a line end to cron
    command = stub.text("attrition.cron").splitlines()[-1].split(maxsplit=6)[-1]
    (tmp_path / "bin").mkdir()
    sleep = tmp_path / "bin/sleep"
    sleep.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/slept\n', "utf-8")
    sleep.chmod(0o755)
    stub.end_with(codes)
    (tmp_path / "slept").touch()
    path = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, env=path)
    assert done.returncode == codes[-1]
    assert (tmp_path / "slept").read_text("utf-8").split() == slept
    call = "-m pipeline weekly --bank demo --raw /srv/deliveries"
    assert stub.calls == [f"{call}  0077 /var/cache/attrition"] * len(codes)
    assert (done.stdout, done.stderr) == ("", "a step\n" * len(codes))


@pytest.mark.parametrize(
    ("given", "passed"), [([], False), (["AS_OF=2026-11-16"], True)], ids=["without", "with"]
)
def test_make_leaves_the_monday_to_the_command(monkeypatch, given, passed):
    monkeypatch.delenv("AS_OF", raising=False)
    command = ["make", "-n", "weekly", "READY=", *given]
    said = subprocess.run(command, cwd=DEPLOY.parent, capture_output=True, text=True, check=True).stdout
    assert ".venv/bin/python -m pipeline weekly --bank demo --raw data/demo/raw" in said
    assert ("--as-of 2026-11-16" in said, "--as-of" in said) == (passed, passed)
