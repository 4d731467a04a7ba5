"""Notifications of this week's lists by mail: one to each reader and run, also when a run of it was
killed half-way.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from smtplib import SMTP

from configs.errors import ConfigError, DataError
from configs.mail import MailServer
from configs.published import Run
from pipeline.context import Context
from pipeline.lists.notifications import Notification, message_of, notifications_of
from pipeline.lists.smtp import LaterError, RefusedError, hand_over, session
from pipeline.progress import log, step
from serve.store import outbox
from serve.store.outbox import Recipient
from serve.store.store import Store

ATTEMPTS = 5  # at a mail server that cannot accept now, before the rest is left to the next run
WAIT_SECONDS = 5.0  # before the second attempt; doubled before each further one
TIMEOUT_SECONDS = 30.0  # for the mail server to answer; a message takes five answers at most
# After which another run may send what one had begun to send: longer than a message takes.
LEASE_SECONDS = 600


@dataclass(frozen=True)
class Sent:
    """Counts of a run's notifications; ``elsewhere`` are those that another process has begun to send."""

    sent: int
    sent_before: int
    elsewhere: int
    refused: tuple[tuple[Recipient, int], ...]
    no_address: tuple[Recipient, ...]


def send(bank: Context, server: MailServer, as_of: date, sleep: Callable[[float], None] = time.sleep) -> Sent:
    """Sends the notifications of the served run, which has to be that of Monday ``as_of``, that were not
    sent yet.

    Raises ConfigError where nothing can be sent, and DataError where some could not be sent in all attempts;
    the next run of the command goes on from there.
    """
    with Store(bank.home.store) as store:
        run, notifications = _notifications(store, bank, as_of)
        with store.write() as connection:
            outbox.forget(connection)
            before = outbox.states(connection, run.run_id)
        sending = _Sending(bank, server, store, run)
        due = [
            notification
            for notification in notifications
            if notification.can_be_sent and before.get(notification.to, "sending") == "sending"
        ]
        left = _in_rounds(sending, due, sleep)
    if left:
        raise DataError(
            f"{len(left)} of {len(notifications)} notifications could not be sent: {sending.hindrance}. "
            "Run make "
            "mail again later; what was sent is not sent twice."
        )
    return Sent(
        sending.sent,
        sum(state == "sent" for state in before.values()),
        sending.elsewhere,
        tuple(sending.refused),
        tuple(notification.to for notification in notifications if not notification.can_be_sent),
    )


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


def _notifications(store: Store, bank: Context, as_of: date) -> tuple[Run, tuple[Notification, ...]]:
    mail = bank.settings.mail
    if not (mail.sender and mail.link):
        raise ConfigError(
            f"nothing was sent: sender and link are not both set in [mail] of "
            f"configs/banks/{bank.settings.bank}/"
            "bank.toml. Set them."
        )
    with store.at_run() as read_session:
        run = read_session.run
        if run.snapshot_date != as_of:
            raise DataError(
                f"nothing was sent: the store serves {run.run_id} of Monday {run.snapshot_date}, not of "
                f"{as_of}. "
                "A notification leads to the lists that are served."
            )
        return run, notifications_of(read_session, mail)


def _in_rounds(
    sending: "_Sending", due: Sequence[Notification], sleep: Callable[[float], None]
) -> Sequence[Notification]:
    """The rest after so many rounds in a row that got nothing done; the wait between them doubles."""
    left, tries = sending.round(due), 1
    while left and tries < ATTEMPTS:
        sleep(WAIT_SECONDS * 2 ** (tries - 1))
        before, left = len(left), sending.round(left)
        tries = 1 if len(left) < before else tries + 1
    return left


class _Sending:
    """One run of the command, with the counts of its notifications so far."""

    def __init__(self, bank: Context, server: MailServer, store: Store, run: Run) -> None:
        self.bank, self._server, self._store, self._run = bank, server, store, run
        self.sent = self.elsewhere = 0
        self.refused: list[tuple[Recipient, int]] = []
        self.hindrance = ""

    def round(self, due: Sequence[Notification]) -> Sequence[Notification]:
        """Tries each notification once in one session; returns those that have to wait."""
        left: list[Notification] = []
        if not due:
            return left
        try:
            with session(self._server, TIMEOUT_SECONDS) as smtp:
                for place, notification in enumerate(due):
                    if smtp.sock is None:  # the session has ended under way
                        return left + list(due[place:])
                    if not self._done(smtp, notification):
                        left.append(notification)
        except LaterError as error:
            self.hindrance = str(error)
            return due
        return left

    def _done(self, smtp: SMTP, notification: Notification) -> bool:
        """False where the notification has to wait."""
        bank, to = self.bank, notification.to
        with self._store.write() as connection:
            if not outbox.begin(
                connection, self._run.run_id, to, bank.clock(), timedelta(seconds=LEASE_SECONDS)
            ):
                self.elsewhere += 1
                return True
        try:
            hand_over(smtp, self._server, message_of(notification, self._run, bank.settings, bank.clock()))
        except RefusedError as error:
            self._finish(to, "refused", error.code)
            self.refused.append((to, error.code))
        except (LaterError, ConfigError) as error:
            with self._store.write() as connection:
                outbox.release(connection, self._run.run_id, to)
            if isinstance(error, ConfigError):
                raise
            self.hindrance = str(error)
            return False
        else:
            self._finish(to, "sent")
            self.sent += 1
        return True

    def _finish(self, to: Recipient, state: outbox.State, code: int | None = None) -> None:
        with self._store.write() as connection:
            outbox.finish(connection, self._run.run_id, to, state, self.bank.clock(), code)
