"""Alarms are kept once, acknowledged in a person's name, and outlast a store that cannot be written."""

import pytest

from configs.alarms import Alarm
from configs.errors import ConfigError, DataError
from pipeline.alarms.acknowledgement import ACKNOWLEDGED, acknowledge
from pipeline.alarms.alarms import close_alarms, open_alarms, raise_alarm
from serve.store.audit import entries, verify
from serve.store.store import Store
from tests.pipeline.alarms.conftest import MONDAY

DISK = Alarm("machine", "lists", "no space left on device 7.", "Make room on the disk.", MONDAY)


def disk(**changes):
    return Alarm(**{**vars(DISK), **changes})


def test_an_alarm_is_kept_once_however_often_it_is_raised(bank, clock):
    raise_alarm(bank, DISK)
    clock.later(hours=1)
    raise_alarm(bank, disk(reason="no space left on device 8."))
    (alarm,) = open_alarms(bank)
    assert (clock.now - alarm.raised_at).seconds == 3600
    assert alarm.seen_at == clock.now
    assert alarm.reason == "no space left on device 8."


def test_another_reason_takes_the_place_of_the_first_also_of_an_acknowledged_one(bank):
    raise_alarm(bank, DISK)
    acknowledge(bank, open_alarms(bank)[0].alarm_id, "Li Na", "ordered disks")
    raise_alarm(bank, DISK)
    assert open_alarms(bank)[0].acknowledged_by == "Li Na"
    raise_alarm(bank, disk(reason="permission denied."))
    (alarm,) = open_alarms(bank)
    assert (alarm.reason, alarm.acknowledged_at) == ("permission denied.", None)


def test_other_steps_mondays_and_kinds_are_other_alarms(bank):
    for alarm in (DISK, disk(step="publish"), disk(snapshot_date=None), disk(kind="data")):
        raise_alarm(bank, alarm)
    assert len({alarm.alarm_id for alarm in open_alarms(bank)}) == 4


def test_an_acknowledgement_is_an_entry_of_the_audit_log(bank):
    raise_alarm(bank, DISK)
    (alarm,) = open_alarms(bank)
    acknowledge(bank, alarm.alarm_id, " Li  Na ", "ordered disks")
    with Store(bank.home.store) as store, store.read() as connection:
        (entry,) = entries(connection, [ACKNOWLEDGED])
        assert verify(connection, bank.audit_key) == []
    assert (entry.actor, entry.subject, entry.details["why"]) == ("Li Na", alarm.alarm_id, "ordered disks")


def test_nobody_acknowledges_without_a_name_a_reason_or_an_alarm(bank):
    raise_alarm(bank, DISK)
    (alarm,) = open_alarms(bank)
    for by, why in (("", "ordered"), ("Li Na", " ")):
        with pytest.raises(ConfigError, match="BY=<name> WHY="):
            acknowledge(bank, alarm.alarm_id, by, why)
    with pytest.raises(DataError, match=f"no open alarm '0'. Name an open one: {alarm.alarm_id}"):
        acknowledge(bank, "0", "Li Na", "ordered")
    assert open_alarms(bank)[0].acknowledged_at is None


def test_what_the_store_cannot_take_waits_in_a_file_and_comes_into_it_later(bank):
    broken = bank.home.root / "store.db"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not a database" * 100)
    raise_alarm(bank, DISK)
    raise_alarm(bank, disk(step="publish"))
    waiting = open_alarms(bank)
    assert [alarm.step for alarm in waiting] == ["lists", "publish"]
    broken.unlink()
    close_alarms(bank, lambda alarm: alarm.step == "publish", "a later run")
    assert not (bank.home.root / "alarms.json").exists()
    with Store(bank.home.store) as store, store.read():
        assert open_alarms(bank) == waiting[:1]
    raise_alarm(bank, DISK)
    assert [alarm.alarm_id for alarm in open_alarms(bank)] == [waiting[0].alarm_id]


def test_a_damaged_file_is_said_and_keeps_nobody_from_raising(bank, caplog):
    bank.home.root.mkdir(parents=True)
    (bank.home.root / "alarms.json").write_text("[{")
    raise_alarm(bank, DISK)
    assert len(open_alarms(bank)) == 1
    assert "alarms.json cannot be read" in caplog.text


def test_without_a_store_and_a_file_nothing_is_known(bank):
    with pytest.raises(DataError, match="there is no score store"):
        open_alarms(bank)
