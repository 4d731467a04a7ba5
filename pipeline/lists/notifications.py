"""The notification to each reader of a list: recipient and message, a link and nothing about customers."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from configs.mail import Mail, is_address
from configs.published import Run
from configs.settings import Settings
from serve.store.outbox import Recipient
from serve.store.read_session import ReadSession
from serve.texts.wording import TEXTS


@dataclass(frozen=True)
class Notification:
    """One row per list that holds somebody: its reader, without a name where a branch's own list is read."""

    to: Recipient
    name: str
    address: str

    @property
    def can_be_sent(self) -> bool:
        return is_address(self.address)


def notifications_of(read_session: ReadSession, mail: Mail) -> tuple[Notification, ...]:
    """A notification for each manager and branch with customers to call, by kind and number.

    Nobody is notified of the list of customers of no branch.
    """
    managers = {manager.manager_id: manager for manager in read_session.managers()}
    notifications = []
    for branch_id, manager_id in read_session.lists():
        if manager_id is not None:
            manager = managers[manager_id]
            to, name, address = Recipient("manager", manager_id), manager.name, manager.email or ""
        elif branch_id is not None:
            to, name, address = Recipient("branch", branch_id), "", mail.branches.get(branch_id, "")
        else:
            continue
        notifications.append(Notification(to, name, address))
    return tuple(sorted(notifications, key=lambda notification: notification.to))


def message_of(notification: Notification, run: Run, settings: Settings, at: datetime) -> EmailMessage:
    """The message in the bank's language.

    Its Message-ID is always the same for one run and list, so that a mail server or reader can tell a second
    copy.
    """
    texts, kind = TEXTS[settings.language], "own." if notification.to.kind == "branch" else ""
    words = {"monday": run.snapshot_date, "branch": _one_line(notification.to.number)}
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
    message["Message-ID"] = f"<{_fingerprint(run, notification.to)}@{settings.mail.sender.split('@')[1]}>"
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence assistant answers (RFC 3834)
    message.set_content("\n\n".join(filter(None, paragraphs)), cte="quoted-printable")
    return message


def _fingerprint(run: Run, to: Recipient) -> str:
    return hashlib.sha256("\0".join((run.bank, run.run_id, to.kind, to.number)).encode()).hexdigest()[:32]


def _one_line(text: str) -> str:
    """Without what could end a header, or show something else than it says."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
