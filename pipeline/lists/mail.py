"""Notifications of this week's lists by mail, a link and nothing about customers.

There is one to each reader and run, also when a run of the command was killed half-way. A session with the
bank's mail server is encrypted or not at all; every failure is one of three kinds. ConfigError: nothing can
be sent until somebody mends something. LaterError: it may work in a while. RefusedError: this message will
never be accepted, others may.
"""

import hashlib
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from configs.alarms import Alarm
from configs.errors import ConfigError, DataError
from configs.mail import Mail, is_address
from configs.published import Run
from configs.service import MailServer
from configs.settings import Settings
from pipeline.alarms.alarms import raise_alarm, split_message
from pipeline.context import Context
from pipeline.outward.attempts import LaterError, in_rounds
from pipeline.progress import log, step
from serve.store import outbox
from serve.store.read_session import ReadSession
from serve.store.store import Store
from serve.texts.wording import TEXTS, Wording

TIMEOUT_SECONDS = 30.0  # for the mail server to answer; a message takes five answers at most
# After which another run may send what one had begun to send: longer than a message takes.
LEASE_SECONDS = 600


class RefusedError(Exception):
    """The mail server answered 5xx to one message."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


@dataclass(frozen=True)
class Notification:
    """One row per list that holds somebody: its reader, without a name where a branch's own list is read."""

    to: outbox.Recipient
    name: str
    address: str


@dataclass
class Sent:
    """Counts of a run's notifications; ``elsewhere`` are those that another process has begun to send."""

    sent_before: int
    no_address: list[outbox.Recipient]
    sent: int = 0
    elsewhere: int = 0
    refused: list[tuple[outbox.Recipient, int]] = field(default_factory=list)


def send(bank: Context, server: MailServer, as_of: date, sleep: Callable[[float], None] = time.sleep) -> Sent:
    """The counts of the notifications of the run served, that of Monday ``as_of``, once all are sent.

    Raises ConfigError where nothing can be sent, and DataError where some could not be sent in all attempts;
    the next run of the command goes on from there.
    """
    with Store(bank.home.store) as store:
        run, notifications = _notifications(store, bank, as_of)
        with store.write() as connection:
            outbox.forget(connection)
            before = outbox.states(connection, run.run_id)
        sent = Sent(
            sum(state == "sent" for state in before.values()),
            [notification.to for notification in notifications if not is_address(notification.address)],
        )
        sending = _Sending(bank, server, store, run, sent)
        due = [
            notification
            for notification in notifications
            if is_address(notification.address) and before.get(notification.to, "sending") == "sending"
        ]
        left = in_rounds(sending.round, due, sleep)
    if left:
        raise DataError(
            f"{len(left)} of {len(notifications)} notifications could not be sent: {sending.hindrance}. "
            "Run make mail again later; what was sent is not sent twice."
        )
    return sent


def send_after_run(bank: Context, server: Callable[[], MailServer | None], as_of: date) -> None:
    """The last step of a weekly run, where a mail server is named.

    Whatever fails, the scores are published.
    """
    try:
        named = server()
        if named is not None:
            with step("mail") as counts:
                sent = send(bank, named, as_of)
                counts |= {
                    "sent": sent.sent,
                    "refused": len(sent.refused),
                    "no_address": len(sent.no_address),
                }
    except (DataError, ConfigError) as error:
        log.warning("mail      %s", error)
        raise_alarm(bank, Alarm("mail", "mail", *split_message(str(error)), as_of))


def _notifications(store: Store, bank: Context, as_of: date) -> tuple[Run, tuple[Notification, ...]]:
    mail = bank.settings.mail
    if not (mail.sender and mail.link):
        raise ConfigError(
            "nothing was sent: sender and link are not both set in [mail] of "
            f"configs/banks/{bank.settings.bank}/bank.toml. Set them."
        )
    with store.at_run() as read_session:
        run = read_session.run
        if run.snapshot_date != as_of:
            raise DataError(
                f"nothing was sent: the store serves {run.run_id} of Monday {run.snapshot_date}, "
                f"not of {as_of}. A notification leads to the lists that are served."
            )
        return run, notifications_of(read_session, mail)


@dataclass
class _Sending:
    """One run of the command, with the counts of its notifications so far."""

    bank: Context
    server: MailServer
    store: Store
    run: Run
    sent: Sent
    hindrance: str = ""

    def round(self, due: Sequence[Notification]) -> Sequence[Notification]:
        """Tries each notification once in one session; returns those that have to wait."""
        left = []
        try:
            with session(self.server, TIMEOUT_SECONDS) as smtp:
                for notification in due:
                    ended = smtp.sock is None  # the session, under way
                    if ended or not self._done(smtp, notification):
                        left.append(notification)
        except LaterError as error:
            self.hindrance = str(error)
            return due
        return left

    def _done(self, smtp: smtplib.SMTP, notification: Notification) -> bool:
        """False where the notification has to wait."""
        bank, to = self.bank, notification.to
        with self.store.write() as connection:
            if not outbox.begin(
                connection, self.run.run_id, to, bank.clock(), timedelta(seconds=LEASE_SECONDS)
            ):
                self.sent.elsewhere += 1
                return True
        try:
            hand_over(smtp, self.server, message_of(notification, self.run, bank.settings, bank.clock()))
        except RefusedError as error:
            self._finish(to, "refused", error.code)
            self.sent.refused.append((to, error.code))
        except (LaterError, ConfigError) as error:
            with self.store.write() as connection:
                outbox.release(connection, self.run.run_id, to)
            if isinstance(error, ConfigError):
                raise
            self.hindrance = str(error)
            return False
        else:
            self._finish(to, "sent")
            self.sent.sent += 1
        return True

    def _finish(self, to: outbox.Recipient, state: outbox.State, code: int | None = None) -> None:
        with self.store.write() as connection:
            outbox.finish(connection, self.run.run_id, to, state, self.bank.clock(), code)


def notifications_of(read_session: ReadSession, mail: Mail) -> tuple[Notification, ...]:
    """A notification for each list with customers to call, by kind and number of its reader."""
    managers = {manager.manager_id: manager for manager in read_session.managers()}
    notifications = []
    for branch_id, manager_id in read_session.lists():
        if manager_id is not None:
            manager = managers[manager_id]
            to, name, address = outbox.Recipient("manager", manager_id), manager.name, manager.email or ""
        elif branch_id is not None:
            to, name, address = outbox.Recipient("branch", branch_id), "", mail.branches.get(branch_id, "")
        else:
            to, name, address = outbox.Recipient("common", ""), "", mail.common_list
        notifications.append(Notification(to, name, address))
    return tuple(sorted(notifications, key=lambda notification: notification.to))


def message_of(notification: Notification, run: Run, settings: Settings, at: datetime) -> EmailMessage:
    """The message in the bank's language.

    Its Message-ID is the same for one run and list, so that a mail server or reader can tell a second copy.
    """
    kind = {"manager": "", "branch": "own.", "common": "common."}[notification.to.kind]
    texts, monday = TEXTS[settings.language], Wording(settings.language).day(run.snapshot_date)
    words = {"monday": monday, "branch": _one_line(notification.to.number)}
    name = _one_line(notification.name)
    paragraphs = (
        texts["mail.greeting"].format(name=name) if name else "",
        texts[f"mail.{kind}body"].format(**words),
        settings.mail.link,
        texts["mail.rest"],
        settings.title,
    )
    message = EmailMessage(policy.SMTP)
    message["From"] = Address(_one_line(settings.title), addr_spec=settings.mail.sender)
    message["To"] = Address(name, addr_spec=notification.address)
    message["Subject"] = texts[f"mail.{kind}subject"].format(**words)
    message["Date"] = at
    names = (run.bank, run.run_id, notification.to.kind, notification.to.number)
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{digest}@{settings.mail.sender.split('@')[1]}>"
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence assistant answers (RFC 3834)
    message.set_content("\n\n".join(filter(None, paragraphs)), cte="quoted-printable")
    return message


def _one_line(text: str) -> str:
    """Without what could end a header, or show something else than it says."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


@contextmanager
def session(server: MailServer, timeout: float) -> Iterator[smtplib.SMTP]:
    """An encrypted session, logged in where there is a user. Raises LaterError and ConfigError."""
    try:
        trusted = ssl.create_default_context(cafile=server.ca or None)
    except OSError as error:
        raise ConfigError(
            f"the certificates in {server.ca!r} cannot be read: {error}. Correct ATTRITION_SMTP_CA."
        ) from None
    with _explained(server):
        smtp = smtplib.SMTP(server.host, server.port, timeout=timeout)
    try:
        with _explained(server):
            _secure(smtp, server, trusted)
        yield smtp
    finally:
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
        smtp.close()


def hand_over(smtp: smtplib.SMTP, server: MailServer, message: EmailMessage) -> None:
    """Returns when the mail server has accepted the message.

    Raises RefusedError, LaterError and ConfigError.
    """
    with _explained(server):
        smtp.send_message(message)


def _secure(smtp: smtplib.SMTP, server: MailServer, trusted: ssl.SSLContext) -> None:
    smtp.ehlo_or_helo_if_needed()
    if not smtp.has_extn("starttls"):
        raise ConfigError(
            f"the mail server {server.host}:{server.port} offers no STARTTLS, so nothing was sent. Name "
            "one that does in ATTRITION_SMTP_HOST and ATTRITION_SMTP_PORT."
        )
    smtp.starttls(context=trusted)
    if server.user:
        smtp.login(server.user, server.password.get_secret_value())


@contextmanager
def _explained(server: MailServer) -> Iterator[None]:
    try:
        yield
    except (smtplib.SMTPException, OSError) as error:
        raise _fault(f"the mail server {server.host}:{server.port}", error) from None


def _fault(where: str, error: smtplib.SMTPException | OSError) -> Exception:
    """The error for a failure.

    It names only the code of an answer, whose words may repeat an address or a login.
    """
    match error:
        case ssl.SSLCertVerificationError():
            return ConfigError(
                f"{where} has a certificate that is not trusted: {error.verify_message}. Name the file of "
                "the authority that issued it in ATTRITION_SMTP_CA."
            )
        case smtplib.SMTPRecipientsRefused():
            ((code, _),) = error.recipients.values()
            return RefusedError(code) if code >= 500 else LaterError(f"{where} answered {code}")
        case smtplib.SMTPServerDisconnected():
            return LaterError(f"{where} ended the connection, or did not answer")
        case smtplib.SMTPResponseException(smtp_code=code) if code < 500:
            return LaterError(f"{where} answered {code}")
        case smtplib.SMTPDataError(smtp_code=code):
            return RefusedError(code)
        case smtplib.SMTPSenderRefused(smtp_code=code):
            return ConfigError(f"{where} refuses the sender with {code}. Correct sender in [mail].")
        case smtplib.SMTPResponseException(smtp_code=code):
            return ConfigError(f"{where} answered {code} to connection or login. Correct ATTRITION_SMTP_….")
        case smtplib.SMTPException():
            return ConfigError(
                f"{where} takes no login known here. Unset ATTRITION_SMTP_USER and "
                "ATTRITION_SMTP_PASSWORD, or name another port in ATTRITION_SMTP_PORT."
            )
    return LaterError(f"{where} cannot be reached: {error}")
