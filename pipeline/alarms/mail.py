"""An alarm as a mail to the bank's operators, by the mail server that notifications use."""

import hashlib
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from configs.alarms import Alarm
from configs.errors import ConfigError
from configs.service import load_mail_server
from pipeline.context import Context
from pipeline.lists.mail import RefusedError, hand_over, session
from pipeline.outward.attempts import LaterError

TIMEOUT_SECONDS = 10.0  # an alarm that has to wait is sent by the next command


def mail_alarm(context: Context, alarm: Alarm) -> str:
    """Empty where the mail server took it for every recipient, else why not."""
    try:
        server = load_mail_server()
        if server is None or not context.settings.mail.sender:
            return "ATTRITION_SMTP_HOST or sender in [mail] is not set"
        with session(server, TIMEOUT_SECONDS) as smtp:
            for recipient in context.settings.alarms.recipients:
                hand_over(smtp, server, message_of(context, alarm, recipient))
    except (ConfigError, LaterError, RefusedError) as error:
        return str(error)
    return ""


def message_of(context: Context, alarm: Alarm, recipient: str) -> EmailMessage:
    """The message to one recipient. Sent again, it has another Message-ID and the same References."""
    settings, at = context.settings, context.clock()
    about = f" of Monday {alarm.snapshot_date}" if alarm.snapshot_date else ""
    message = EmailMessage(policy.SMTP)
    message["From"] = Address(settings.bank, addr_spec=settings.mail.sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = f"Alarm {alarm.kind}: bank {settings.bank}, step {alarm.step}{about}"
    message["Date"] = at
    domain = settings.mail.sender.split("@")[1]
    digest = hashlib.sha256(f"{alarm.alarm_id} {at} {recipient}".encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{digest}@{domain}>"
    message["References"] = f"<alarm-{alarm.alarm_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence assistant answers (RFC 3834)
    message.set_content(
        f"{alarm.reason}\n\nWhat to do: {alarm.remedy}\n\n"
        f"Raised at {alarm.raised_at:%Y-%m-%d %H:%M} UTC. This mail comes again every "
        f"{settings.alarms.repeat_hours:g} hours until somebody takes it up:\n\n"
        f"make acknowledge BANK={settings.bank} ALARM={alarm.alarm_id} BY='<name>' "
        "WHY='<what is being done>'\n",
        cte="quoted-printable",
    )
    return message
