"""The commands of the score store, as an operator runs them."""

import json
import re
import secrets
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from errno import EPIPE
from pathlib import Path

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from configs.call_lists import CallList
from configs.errors import ConfigError, DataError
from configs.published import Decision, Exclusion, Score
from pipeline.__main__ import app
from serve.store.alarm_tables import command_runs
from serve.store.schema import VERSION
from serve.store.store import Store
from tests.serve.conftest import published_run

ROOT = Path(__file__).parents[3]


def publish(store: Store, weeks: int) -> None:
    day = date(2026, 11, 16) + timedelta(weeks=weeks)
    run = published_run(f"run-{weeks}", day, cohort=1)
    score = Score("c1", "B1", None, "all", "mature", False, 1, 1, "high", (), risk_90d=weeks / 10)
    listed = Decision("c1", "B1", None, "listed", "most_to_keep", 1, 1)
    own = CallList("B1", None, (score,), 1, 1, 1, (listed,))
    store.publish(run, [score], [Exclusion("c2", "too_new")], [own])


@pytest.fixture
def address(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path}/demo/store.db"
    with Store(address) as store:
        publish(store, 1)
        publish(store, 2)
    return address


def output_of(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception:
        raise result.exception
    return result.stdout.strip()


def served(address: str) -> tuple[str, float]:
    with Store(address) as store, store.at_run() as read_session:
        return read_session.run.run_id, read_session.customer("c1").risk_90d


def test_back_one_run_and_not_beyond_the_first(address, tmp_path):
    assert output_of("rollback-run", "--data", tmp_path) == "serves run-1 of Monday 2026-11-23"
    assert served(address) == ("run-1", 0.1)
    with pytest.raises(DataError, match="no run before run-1"):
        output_of("rollback-run", "--data", tmp_path)


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("command", ["weekly", "rollback-run"])
def test_whoever_reads_the_last_words_may_be_gone(tmp_path, monkeypatch, command):
    """With a reader that is gone (`| head`) notices of a published run go out, and the command ended well."""
    sent = []

    def gone(_):
        raise BrokenPipeError(EPIPE, "the reader is gone")

    monkeypatch.setattr("pipeline.weekly.run_weekly", lambda *_: (None, ()))
    monkeypatch.setattr("pipeline.commands.summaries.lists_in_words", lambda *_: "published")
    monkeypatch.setattr("pipeline.outward.announcements.send_after_run", lambda *_: sent.append("webhook"))
    monkeypatch.setattr("pipeline.lists.mail.send_after_run", lambda *_: sent.append("mail"))
    more = ("--raw", tmp_path, "--as-of", "2026-11-30") if command == "weekly" else ()
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.commands.operations.typer.echo", gone)
        with pytest.raises(SystemExit):
            output_of(command, "--data", tmp_path, *more)
    assert sent == (["webhook", "mail"] if command == "weekly" else ["webhook"])
    assert commands_shown(tmp_path)[0] == (command, 0)


def test_backup_and_restore(address, tmp_path):
    file = tmp_path / "backup.db"
    assert output_of("backup", "--data", tmp_path, "--out", file).startswith(f"2 runs in {file}, 0.")
    with Store(address) as store:
        publish(store, 3)
    assert output_of("restore", "--data", tmp_path, "--from", file) == f"2 runs from {file}"
    assert served(address) == ("run-2", 0.2)


@pytest.mark.usefixtures("address")
def test_the_audit_log_keeps_who_restored_a_store_and_who_began_a_new_access_log(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTRITION_USER", "li")
    with pytest.raises(DataError, match="it has no entry, but a run was published"):
        output_of("audit", "--data", tmp_path)
    output_of("backup", "--data", tmp_path, "--out", tmp_path / "backup.db")
    output_of("restore", "--data", tmp_path, "--from", tmp_path / "backup.db")
    with pytest.raises(DataError, match="why is not said"):
        output_of("new-access-log", "--data", tmp_path, "--by", "Wang", "--why", " ")
    output_of("new-access-log", "--data", tmp_path, "--by", "Wang", "--why", "archived")
    restored, anew, *heads = output_of("audit", "--data", tmp_path).splitlines()
    assert "li                   restore store backup.db" in restored
    assert "Wang                 begin access log anew access log" in anew
    assert '{"head_before": "none", "why": "archived"}' in anew
    assert [line[:16] for line in heads] == ["2 entries, whole", "access log whole"]


def test_a_backup_of_another_bank_or_key_does_not_take_the_stores_place(address, tmp_path, monkeypatch):
    """Its audit log is signed by another key."""
    monkeypatch.setenv("ATTRITION_AUDIT_KEY", secrets.token_hex(32))
    output_of("backup", "--data", tmp_path, "--out", tmp_path / "empty.db")
    output_of("restore", "--data", tmp_path, "--from", tmp_path / "empty.db")
    output_of("backup", "--data", tmp_path, "--out", tmp_path / "other.db")
    output_of("restore", "--data", tmp_path, "--from", tmp_path / "empty.db")
    with Store(address) as store:
        publish(store, 3)
    monkeypatch.setenv("ATTRITION_AUDIT_KEY", secrets.token_hex(32))
    with pytest.raises(DataError, match=r"other\.db was not put in place .*entry 1 is not as it was written"):
        output_of("restore", "--data", tmp_path, "--from", tmp_path / "other.db")
    assert served(address)[0] == "run-3"


@pytest.mark.parametrize(
    "command",
    ["status --data", "ingest --raw . --data", "demo-bank --out", "quarantine-export --raw . --out"],
)
@pytest.mark.parametrize("below", ["", "further/down"])
def test_a_file_in_the_place_of_a_folder_is_a_command_written_wrongly(tmp_path, command, below):
    (tmp_path / "file").touch()
    answer = CliRunner().invoke(app, [*command.split(), str(tmp_path / "file" / below)])
    assert answer.exit_code == 2
    assert "is a file. Name a folder." in re.sub(r"[\s│]+", " ", answer.output)


def test_a_policy_is_approved_or_left_not_both(tmp_path):
    with pytest.raises(ConfigError, match="one of USE and BACK at a time"):
        output_of("policy", "--data", tmp_path, "--use", "learnt", "--back", "--by", "Wang")


def commands_shown(tmp_path):
    """Of the last commands, as `make status` shows them, name and exit code."""
    status = json.loads(output_of("status", "--data", tmp_path, "--json"))
    return [(command["command"], command["exit_code"]) for command in status["commands"]]


def test_migrate_rollback_and_restore_are_among_the_last_commands(address, tmp_path):
    """Also one that fails, and the restore, which takes the rows of the commands before it away."""
    backup = tmp_path / "backup.db"
    output_of("backup", "--data", tmp_path, "--out", backup)
    output_of("migrate", "--data", tmp_path)
    output_of("rollback-run", "--data", tmp_path)
    with pytest.raises(DataError, match="no run before run-1"):
        output_of("rollback-run", "--data", tmp_path)
    assert commands_shown(tmp_path) == [("rollback-run", 2), ("rollback-run", 0), ("migrate", 0)]
    output_of("restore", "--data", tmp_path, "--from", backup)
    assert commands_shown(tmp_path) == [("restore", 0)]
    assert served(address)[0] == "run-2"


def test_a_restore_takes_no_other_commands_place(address, tmp_path):
    """The backup is newer than the store: its second command has the number that the restore began with."""
    for _ in range(2):
        output_of("migrate", "--data", tmp_path)
    output_of("backup", "--data", tmp_path, "--out", tmp_path / "newer.db")
    with Store(address) as store, store.write() as connection:
        connection.execute(delete(command_runs).where(command_runs.c.number > 1))
    output_of("restore", "--data", tmp_path, "--from", tmp_path / "newer.db")
    assert commands_shown(tmp_path) == [("restore", 0), ("migrate", 0), ("migrate", 0)]


def test_migrate_says_what_it_did(tmp_path):
    steps = ", ".join(f"{number:04}" for number in range(1, int(VERSION) + 1))
    assert output_of("migrate", "--data", tmp_path) == f"version {VERSION}, after {steps}"
    assert output_of("migrate", "--data", tmp_path) == f"version {VERSION}, as before"


def test_one_setting_leads_every_command_elsewhere(address, tmp_path, monkeypatch):
    other = f"sqlite:///{tmp_path}/elsewhere.db"
    monkeypatch.setenv("ATTRITION_STORE", other)
    with Store(other) as store:
        publish(store, 5)
        publish(store, 6)
    assert output_of("rollback-run") == "serves run-5 of Monday 2026-12-21"
    assert (served(other), served(address)) == (("run-5", 0.5), ("run-2", 0.2))


def test_the_way_back_loads_nothing_that_takes_long(address, tmp_path):
    """It may take two seconds, and importing these alone would take longer."""
    code = (
        "import sys, pipeline.__main__ as commands\n"
        f"commands.app(['rollback-run', '--data', {str(tmp_path)!r}], standalone_mode=False)\n"
        "print(sorted({'lightgbm', 'mlflow', 'pandas', 'duckdb', 'sklearn', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert served(address)[0] == "run-1"


@pytest.mark.parametrize(
    ("zone", "clock", "as_of"),
    [
        ("Asia/Shanghai", "2026-11-29T15:59:59", "2026-11-23"),  # a second before Monday there
        ("Asia/Shanghai", "2026-11-29T16:00:00", "2026-11-30"),
        ("Asia/Shanghai", "2026-12-06T15:59:59", "2026-11-30"),  # a week's last second
        ("UTC", "2026-11-29T16:00:00", "2026-11-23"),
        ("America/New_York", "2026-11-30T04:59:59", "2026-11-23"),
        ("Europe/Berlin", "2026-03-29T21:59:59", "2026-03-23"),  # the day of 23 hours; Monday begins at 22:00
        ("Europe/Berlin", "2026-03-29T22:00:00", "2026-03-30"),
        ("Asia/Shanghai", "2027-01-01T00:00:00", "2026-12-28"),  # over the end of the year
    ],
)
def test_a_run_without_a_monday_takes_the_latest_of_the_machine_s_calendar(
    monkeypatch, tmp_path, zone, clock, as_of
):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromisoformat(clock).replace(tzinfo=tz)

    weeks = []

    def keep(*arguments):
        weeks.append(str(arguments[2]))
        raise DataError("far enough")

    monkeypatch.setattr("pipeline.commands.operations.datetime", Clock)
    monkeypatch.setattr("pipeline.weekly.run_weekly", keep)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for given in ([], ["--as-of", "2026-11-16"]):
            with pytest.raises(DataError, match="far enough"):
                output_of("weekly", "--raw", tmp_path, "--data", tmp_path, *given)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert weeks == [as_of, "2026-11-16"]


@pytest.mark.parametrize("command", [["serve"], ["branch-report"], ["backup", "--out", "x.db"]])
def test_a_misspelt_bank_is_refused_before_a_store_is_looked_for(command, tmp_path):
    """The service would start, and answer 503 for ever."""
    with pytest.raises(ConfigError, match=r"no bank 'dmo'.*Did you mean 'demo'"):
        output_of(*command, "--bank", "dmo", "--data", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_date_of_another_form_and_another_weekday_are_refused_with_the_right_one():
    for text, answer in (("16.11.2026", "Write it as 2026-11-16"), ("2026-11-17", "Use 2026-11-16")):
        result = CliRunner().invoke(app, ["train", "--as-of", text])
        assert answer in " ".join(f"{result.output} {result.exception}".replace("│", "").split()), text
