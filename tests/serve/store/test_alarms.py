"""Alarms and commands come back from either database as they were written, and only so many stay."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from configs.alarms import Alarm
from serve.store import alarms as stored
from serve.store import command_runs
from serve.store.command_runs import CommandRun

pytestmark = pytest.mark.either_store

SIX = datetime(2026, 11, 16, 14, 0, 30, tzinfo=UTC).astimezone()
MONDAY = date(2026, 11, 16)
ALARM = Alarm("gate", "gates", "事件数据迟到。", "Wait.", MONDAY, "a1", SIX, SIX, {"mail": SIX})
RUN = CommandRun("weekly", MONDAY, "li, process 1 on h", SIX, steps=({"step": "ingest", "seconds": 1.5},))


def test_an_alarm_comes_back_until_it_is_closed(store):
    with store.write() as connection:
        stored.keep(connection, [ALARM, replace(ALARM, alarm_id="a2", snapshot_date=None)])
        assert stored.open_alarms(connection)[0] == ALARM
        stored.keep(connection, [replace(ALARM, closed_at=SIX), replace(ALARM, alarm_id="a3", step="lists")])
        assert [alarm.alarm_id for alarm in stored.open_alarms(connection)] == ["a2", "a3"]
        stored.keep(connection, [])


def test_of_the_closed_ones_the_newest_stay(store, monkeypatch):
    monkeypatch.setattr(stored, "CLOSED_KEPT", 2)
    with store.write() as connection:
        for day in range(5):
            at = SIX + timedelta(days=day)
            stored.keep(connection, [replace(ALARM, alarm_id=f"a{day}", closed_at=at)])
        kept = connection.scalars(stored.select(stored.alarms.c.alarm_id).order_by(stored.alarms.c.alarm_id))
        assert kept.all() == ["a3", "a4"]


def test_a_command_comes_back_and_one_that_never_ended_counts_as_killed(store):
    with store.write() as connection:
        first = command_runs.write(connection, RUN)
        ended = replace(RUN, number=first, exit_code=0, seconds=2.5, newest_days={"rates": "2026-11-15"})
        assert command_runs.write(connection, ended) == first
        assert command_runs.newest(connection, 9) == [replace(ended, steps=[*RUN.steps])]
        second = command_runs.write(connection, RUN)
        (killed,) = command_runs.close_unended(connection)
        assert (killed.number, killed.exit_code) == (second, command_runs.KILLED)
        assert command_runs.last_of(connection, "weekly").number == second
        assert command_runs.last_of(connection, "weekly", 0).number == first
        assert command_runs.last_of(connection, "train") is None
