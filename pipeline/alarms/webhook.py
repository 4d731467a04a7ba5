"""An alarm as a signed POST."""

from configs.alarms import Alarm
from configs.errors import ConfigError
from pipeline.context import Context
from pipeline.outward.attempts import LaterError
from pipeline.outward.webhook import Message, keys_of, post

KEYS = "ATTRITION_WEBHOOK_KEY"


def post_alarm(context: Context, alarm: Alarm) -> str:
    """Empty where the receiver answered 2xx, else why not."""
    try:
        post(context.settings.alarms.webhook, _message(context, alarm), keys_of(KEYS), context.clock())
    except (ConfigError, LaterError) as error:
        return str(error)
    return ""


def _message(context: Context, alarm: Alarm) -> Message:
    """A receiver tells a copy by its id, and an alarm sent again by another."""
    sent = alarm.sent.get("webhook")
    message_id = f"{alarm.alarm_id}-{int(sent.timestamp())}" if sent else alarm.alarm_id
    raised = alarm.raised_at or context.clock()
    return Message(message_id, "alarm.raised", raised, {"bank": context.settings.bank, **alarm.shown})
