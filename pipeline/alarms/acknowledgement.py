"""Somebody takes an alarm up, and says why it need not be sent any more."""

from dataclasses import replace

from configs.alarms import Alarm
from configs.errors import ConfigError, DataError
from pipeline.alarms.alarms import change, waiting_alarms
from pipeline.context import Context
from pipeline.training.promotion import audit_log
from serve.store import alarms as stored

ACKNOWLEDGED = "alarm acknowledged"  # the action in the audit log


def acknowledge(context: Context, alarm_id: str, by: str, why: str) -> Alarm:
    """The alarm, which is sent no more because somebody has taken it up; with an entry of the audit log.

    Raises ConfigError without a name or a reason, and DataError for an alarm that is not open.
    """
    by, why = " ".join(by.split()), " ".join(why.split())
    if not by or not why:
        raise ConfigError("an acknowledgement needs who and why: BY=<name> WHY='<what is being done>'.")
    if waiting_alarms(context):
        change(context, lambda _: [])  # the store takes over what the file keeps
    with audit_log(context) as record:
        alarms = {alarm.alarm_id: alarm for alarm in stored.open_alarms(record.connection)}
        if alarm_id not in alarms:
            ids = ", ".join(alarms) or "there is none"
            raise DataError(f"there is no open alarm {alarm_id!r}. Name an open one: {ids}.")
        alarm = replace(
            alarms[alarm_id], acknowledged_at=context.clock(), acknowledged_by=by, acknowledged_why=why
        )
        record.note(by, ACKNOWLEDGED, alarm_id, {"why": why, "entered_by": context.user})
        stored.keep(record.connection, [alarm])
    return alarm
