"""Open alarms are sent by mail and webhook, again and again until somebody acknowledges them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from configs.alarms import Alarm
from pipeline.alarms.alarms import change, open_or_none
from pipeline.alarms.mail import mail_alarm
from pipeline.alarms.webhook import post_alarm
from pipeline.context import Context
from pipeline.progress import log

WAYS = {"mail": mail_alarm, "webhook": post_alarm}


def send_due(context: Context) -> None:
    """Send each open alarm that nobody acknowledged, on each way on which it was not sent for
    ``repeat_hours``.

    What a way could not take is logged, and sent by the next command that sends.
    """
    settings = context.settings.alarms
    ways = [way for way, named in (("mail", settings.recipients), ("webhook", settings.webhook)) if named]
    if not ways or not open_or_none(context):
        return
    at = context.clock()
    newest = at - timedelta(hours=settings.repeat_hours)
    due: dict[str, tuple[Alarm, list[str]]] = {}

    def claim(alarms: Sequence[Alarm]) -> list[Alarm]:
        """Noted as sent beforehand, so that no two commands send the same."""
        due.clear()
        for alarm in alarms:
            unsent = [way for way in ways if way not in alarm.sent or alarm.sent[way] <= newest]
            if unsent and alarm.acknowledged_at is None:
                due[alarm.alarm_id] = alarm, unsent
        return [
            replace(alarm, sent={**alarm.sent, **dict.fromkeys(unsent, at)}) for alarm, unsent in due.values()
        ]

    change(context, claim)
    failed = {
        name: [way for way in unsent if not _is_sent(context, alarm, way)]
        for name, (alarm, unsent) in due.items()
    }
    if any(failed.values()):
        change(
            context,
            lambda alarms: [
                _unsent(alarm, due[alarm.alarm_id][0], failed[alarm.alarm_id])
                for alarm in alarms
                if failed.get(alarm.alarm_id)
            ],
        )


def _is_sent(context: Context, alarm: Alarm, way: str) -> bool:
    problem = WAYS[way](context, alarm)
    if problem:
        log.warning("alarms    %s could not be sent by %s: %s", alarm.alarm_id, way, problem)
    return not problem


def _unsent(alarm: Alarm, before: Alarm, failed: Sequence[str]) -> Alarm:
    """The alarm with the times of before on the ways that failed."""
    sent = {way: time for way, time in alarm.sent.items() if way not in failed}
    return replace(alarm, sent=sent | {way: time for way, time in before.sent.items() if way in failed})
