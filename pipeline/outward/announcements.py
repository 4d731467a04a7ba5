"""Announcements of publications and roll-backs go to the bank's webhook, the oldest first.

Each arrives at least once: whoever is killed between the receiver's answer and the note of it sends it again,
under the same id. What a receiver does not take within ``LONGEST`` it finds in ``GET /v1/publications``.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from configs.alarms import Alarm
from configs.errors import ConfigError, DataError
from pipeline.alarms.alarms import raise_alarm, split_message
from pipeline.context import Context
from pipeline.outward.attempts import LaterError, in_rounds
from pipeline.outward.webhook import Message, keys_of, post
from pipeline.progress import log, step
from serve.api.announcements import announced_run
from serve.store import announcements, outbox
from serve.store.announcements import Announcement
from serve.store.store import Store

KEYS = "ATTRITION_ANNOUNCEMENT_KEY"
LONGEST = timedelta(days=14)
LEASE = timedelta(seconds=60)  # after which another command may send what one had begun to send


@dataclass
class Sent:
    """Counts of one command; ``left`` are those that the receiver has not taken, or another command sends."""

    sent: int
    left: int


def send(context: Context, sleep: Callable[[float], None] = time.sleep) -> Sent:
    """The counts, once all announcements are sent.

    Raises ConfigError where nothing can be sent, and DataError where some could not be sent in all attempts.
    """
    sending = _Sending(context, keys_of(KEYS))
    due = sending.due()
    with Store(context.home.store) as store, store.write() as connection:
        outbox.forget(connection)
    left = in_rounds(sending.round, due, sleep)
    if left and sending.hindrance:
        raise DataError(
            f"{len(left)} of {len(due)} announcements could not be sent: {sending.hindrance}. "
            "Run make announce again later."
        )
    return Sent(len(due) - len(left), len(left))


def send_after_run(context: Context, sleep: Callable[[float], None] = time.sleep) -> None:
    """The last step of what publishes or rolls back, where a webhook is named; no failure undoes that."""
    if not context.settings.announcements.webhook:
        return
    try:
        with step("announce") as counts:
            counts["sent"] = send(context, sleep).sent
    except (DataError, ConfigError) as error:
        log.warning("announce  %s", error)
        raise_alarm(context, Alarm("announcement", "announce", *split_message(str(error))))


def send_left(context: Context) -> None:
    """Once, without waiting, what earlier commands have left; a failure is theirs to tell."""
    if context.settings.announcements.webhook:
        with suppress(DataError, ConfigError):
            sending = _Sending(context, keys_of(KEYS))
            sending.round(sending.due())


@dataclass
class _Sending:
    context: Context
    keys: tuple[bytes, ...]
    hindrance: str = ""

    def due(self) -> Sequence[Announcement]:
        """Those of the last days that nobody has sent. Raises DataError for a store that is not there."""
        with Store(self.context.home.store) as store, store.read() as connection:
            sent = outbox.sent_to(connection, "webhook")
            return announcements.since(connection, self.context.clock() - LONGEST, sent)

    def round(self, due: Sequence[Announcement]) -> Sequence[Announcement]:
        """Sends one after the other; returns those from the first that has to wait, so that order is kept."""
        with Store(self.context.home.store) as store:
            for place, announcement in enumerate(due):
                if not self._sent(store, announcement):
                    return due[place:]
        return ()

    def _sent(self, store: Store, announcement: Announcement) -> bool:
        context, run_id = self.context, announcement.run_id
        to = outbox.Recipient("webhook", announcement.announcement_id)
        with store.write() as connection:
            if not outbox.begin(connection, run_id, to, context.clock(), LEASE):
                return outbox.states(connection, run_id)[to] == "sent"
        try:
            post(context.settings.announcements.webhook, _message(announcement), self.keys, context.clock())
        except LaterError as error:
            self.hindrance = str(error)
            with store.write() as connection:
                outbox.release(connection, run_id, to)
            return False
        self._finish(store, run_id, to)
        return True

    def _finish(self, store: Store, run_id: str, to: outbox.Recipient) -> None:
        with store.write() as connection:
            outbox.finish(connection, run_id, to, "sent", self.context.clock())


def _message(announcement: Announcement) -> Message:
    data = announced_run(announcement).model_dump(mode="json")
    return Message(announcement.announcement_id, announcement.kind, announcement.at, data)
