"""What a run found stands from Monday to Monday as one alarm, until a later run no longer finds it."""

from datetime import timedelta

import pytest

from pipeline.alarms.acknowledgement import acknowledge
from pipeline.alarms.alarms import open_alarms
from pipeline.alarms.run_alarms import raise_run_alarms
from pipeline.alarms.watch import watched
from tests.pipeline.alarms.conftest import MONDAY

WEEK = timedelta(weeks=1)


def drifted(count):
    return {"since": "2026-08-31", "features": 463, "drifted": count, "most": []}


def calibrated(**since):
    groups = [
        {"kind": "branch", "name": name, "verdict": "more", "since": day} for name, day in since.items()
    ]
    return {"groups": [{"kind": "everybody", "name": "", "verdict": "within_noise", "since": None}, *groups]}


@pytest.fixture
def weekly(bank, clock):
    def run(monday, drift=None, calibration=None):
        clock.later(days=7)
        with watched(bank, "weekly", monday):
            raise_run_alarms(bank, monday, drift, calibration)
        return open_alarms(bank)

    return run


def test_drift_stands_until_it_is_gone_and_is_acknowledged_once(bank, weekly):
    (alarm,) = weekly(MONDAY, drifted(3))
    assert (alarm.kind, alarm.reason) == ("drift", "3 of 463 features drifted since 2026-08-31.")
    acknowledge(bank, alarm.alarm_id, "Li Na", "a new app")
    (again,) = weekly(MONDAY + WEEK, drifted(4))
    assert (again.alarm_id, again.snapshot_date) == (alarm.alarm_id, MONDAY + WEEK)
    assert again.acknowledged_by == "Li Na"
    assert weekly(MONDAY) == [again]
    assert weekly(MONDAY + 2 * WEEK, drifted(0)) == []


def test_another_group_beyond_noise_is_another_alarm(weekly):
    assert weekly(MONDAY, calibration=calibrated()) == []
    (first,) = weekly(MONDAY, calibration=calibrated(B01="2026-11-02"))
    assert (first.kind, first.reason) == ("promise", "branch B01: more left than predicted.")
    (second,) = weekly(MONDAY + WEEK, calibration=calibrated(B01="2026-11-02", South="2026-11-23"))
    assert second.alarm_id != first.alarm_id
