"""The weekly run raises one alarm for what went wrong, closes what it finds gone, and records what it did."""

import errno
import os
from dataclasses import replace

import pytest

from configs.errors import DataError, GateError, MachineError
from pipeline.alarms.acknowledgement import acknowledge
from pipeline.alarms.alarms import open_alarms, raise_alarm, split_message
from pipeline.alarms.watch import watched
from pipeline.progress import step
from serve.store import alarms as stored
from serve.store import command_runs
from serve.store.database import BusyError
from serve.store.store import Store
from tests.pipeline.alarms.conftest import MONDAY

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/demo/lists/list.xlsx")
CUSTOMER = "6217000000000000101"


@pytest.fixture
def ended(bank, clock):
    """Runs a command of one step that ends with an error, or well."""

    def run(error=None, command="weekly", monday=MONDAY, name="lists"):
        clock.later(hours=1)
        with watched(bank, command, monday), step(name) as counts:
            clock.later(seconds=90)
            counts["files"] = 3
            if error:
                raise error

    return run


def recorded(bank, count=9):
    with Store(bank.home.store) as store, store.read() as connection:
        return command_runs.newest(connection, count)


def fail_in_training(bank):
    with watched(bank, "weekly", MONDAY):
        with step("ingest"):
            pass
        with step("train"):
            raise DataError("no model. Train one.")


@pytest.mark.parametrize(
    ("error", "kind", "code", "reason", "remedy"),
    [
        (DataError("there is no file. Deliver it."), "data", 2, "there is no file.", "Deliver it."),
        (BusyError("the store is locked. Wait."), "data", 2, "the store is locked.", "Wait."),
        (GateError("refused by (1) lag: late. If the figures are right …"), "gate", 3,
         "refused by (1) lag: late.", "See gates/2026-11-16.json"),
        (FULL, "machine", 5, "step 'lists': [Errno 28] No space left", "Make room on the disk, then run"),
        # Trying again in 15 minutes brings back no file that is gone.
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/data/demo/x"), "software", 1,
         "weekly ended with FileNotFoundError at ", "Send the traceback"),
        (KeyError(CUSTOMER), "software", 1, "weekly ended with KeyError at ", "Send the traceback"),
    ],
)  # fmt: skip
def test_a_weekly_run_that_fails_raises_one_alarm_of_its_kind(
    bank, ended, receiver, error, kind, code, reason, remedy
):
    with pytest.raises(MachineError if error is FULL else type(error)):
        ended(error)
    (alarm,) = open_alarms(bank)
    assert (alarm.kind, alarm.step, alarm.snapshot_date) == (kind, "lists", MONDAY)
    assert alarm.reason.startswith(reason)
    assert alarm.remedy.startswith(remedy)
    (run,) = recorded(bank)
    assert (run.command, run.snapshot_date, run.exit_code, run.seconds) == ("weekly", MONDAY, code, 90)
    assert [(each["step"], each["counts"], each["ended_well"]) for each in run.steps] == [
        ("lists", {"files": 3}, False)
    ]
    assert [sent["alarm"] for sent in receiver.alarms] == [alarm.alarm_id]


def test_no_customer_leaves_in_an_alarm_or_the_textfile(ended, receiver, tmp_path):
    with pytest.raises(KeyError):
        ended(KeyError(CUSTOMER))
    assert receiver.requests
    assert CUSTOMER.encode() not in b"".join(body for _, body in receiver.requests)
    assert CUSTOMER not in (tmp_path / "node" / "attrition.prom").read_text("utf-8")


def test_a_later_run_closes_what_it_finds_gone_and_says_so(bank, ended, caplog):
    with pytest.raises(MachineError):
        ended(FULL)
    (alarm,) = open_alarms(bank)
    caplog.set_level("INFO")
    ended()
    assert open_alarms(bank) == []
    assert f"closed {alarm.alarm_id} (machine, step lists): weekly of 2026-11-16" in caplog.text
    ended(command="ingest", monday=None)
    assert [run.exit_code for run in recorded(bank)] == [0, 0, 5]


def test_a_step_that_ends_well_closes_its_own_alarm_though_the_run_fails_later(bank, ended):
    with pytest.raises(MachineError):
        ended(FULL, name="ingest")
    with pytest.raises(DataError):
        fail_in_training(bank)
    assert [alarm.step for alarm in open_alarms(bank)] == ["train"]


def test_an_earlier_monday_does_not_close_the_alarm_of_a_later_one(bank, ended):
    with pytest.raises(MachineError):
        ended(FULL)
    ended(monday=MONDAY.replace(day=9))
    ended(command="ingest", monday=None)
    assert len(open_alarms(bank)) == 1


def test_what_is_raised_again_stays_and_remains_acknowledged(bank, ended):
    with pytest.raises(MachineError):
        ended(FULL)
    acknowledge(bank, open_alarms(bank)[0].alarm_id, "Li Na", "ordered disks")
    with pytest.raises(MachineError):
        ended(FULL)
    (alarm,) = open_alarms(bank)
    assert alarm.acknowledged_by == "Li Na"


def test_other_commands_are_recorded_and_raise_nothing(bank, ended):
    ended()
    with pytest.raises(DataError):
        ended(DataError("no tables. Run `make ingest`."), command="backfill", monday=None)
    assert open_alarms(bank) == []
    assert recorded(bank)[0].exit_code == 2


def test_only_a_weekly_run_makes_a_store(bank, ended):
    ended(command="backfill")
    assert not (bank.home.root / "store.db").exists()


def test_a_command_that_was_killed_raises_an_alarm_when_the_next_begins(bank, ended, clock):
    ended()
    with Store(bank.home.store) as store, store.write() as connection:
        (run,) = command_runs.newest(connection, 1)
        begun = replace(run, number=None, exit_code=None, seconds=None, started_at=clock.now)
        command_runs.write(connection, begun)
    ended(command="effect")
    (alarm,) = open_alarms(bank)
    assert (alarm.kind, alarm.snapshot_date) == ("lease", MONDAY)
    assert "was killed or its machine stopped" in alarm.reason
    assert [run.exit_code for run in recorded(bank)] == [0, command_runs.KILLED, 0]
    ended()
    assert open_alarms(bank) == []


def test_a_command_that_was_interrupted_raises_nothing(bank, ended):
    with pytest.raises(KeyboardInterrupt):
        ended(KeyboardInterrupt())
    assert recorded(bank)[0].exit_code == 130
    assert open_alarms(bank) == []


def test_an_alarm_that_cannot_be_kept_does_not_hide_the_error(ended, monkeypatch, caplog):
    monkeypatch.setattr("pipeline.alarms.alarms.change", lambda *_: 1 / 0)
    with pytest.raises(MachineError, match="No space left"):
        ended(FULL)
    assert "alarms    ZeroDivisionError" in caplog.text


def test_the_newest_commands_and_closed_alarms_stay(bank, ended, monkeypatch):
    monkeypatch.setattr(command_runs, "KEPT", 2)
    monkeypatch.setattr(stored, "CLOSED_KEPT", 1)
    for name in ("ingest", "train", "lists"):
        with pytest.raises(MachineError):
            ended(FULL, name=name)
        ended()
    assert len(recorded(bank)) == 2
    raise_alarm(bank, stored.Alarm("drift", "gates", "moved.", "Look."))
    with Store(bank.home.store) as store, store.read() as connection:
        closed = connection.execute(stored.select(stored.alarms.c.step, stored.alarms.c.closed_why)).all()
    assert [(row.step, row.closed_why[:6]) for row in closed if row.closed_why] == [("lists", "weekly")]


def test_a_message_without_a_remedy_gets_one():
    assert split_message("there is none") == (
        "there is none",
        "Read the log of the run, correct what it names, and run the week again.",
    )
