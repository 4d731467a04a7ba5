"""Alarms: what went wrong, for whoever operates the weekly run, and the ways in which they are sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from configs.mail import address, is_encrypted
from configs.strict import Strict

Kind = Literal["gate", "machine", "data", "software", "lease", "promise", "drift", "mail", "announcement"]
# The kinds, which scripts may rely on; docs/operations.md says of each what to do.
KINDS: Mapping[Kind, str] = MappingProxyType(
    {
        "gate": "a gate refused the run; nothing was published",
        "machine": "disk, rights or another part of the machine failed",
        "data": "input or settings are to be corrected",
        "software": "a fault of the software, with a traceback in the log of the run",
        "lease": "a command was killed, or its machine stopped, while it held the lease",
        "promise": "more or fewer customers left than predicted, beyond noise",
        "drift": "features drifted",
        "mail": "notifications of lists could not be sent",
        "announcement": "the webhook did not take an announcement",
    }
)


@dataclass(frozen=True)
class Alarm:
    """One row per alarm. ``reason`` and ``remedy`` are a sentence each and name no customer.

    ``snapshot_date`` is the Monday it is about, None where it is about none. ``seen_at`` is the last time it
    was raised, ``sent`` the last time by way. It is open until a later run finds it gone (``closed_at``), and
    sent again and again until somebody acknowledges it. Times have a zone.
    """

    kind: Kind
    step: str
    reason: str
    remedy: str
    snapshot_date: date | None = None
    alarm_id: str = ""
    raised_at: datetime | None = None
    seen_at: datetime | None = None
    sent: Mapping[str, datetime] = field(default_factory=dict)
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_why: str = ""
    closed_at: datetime | None = None
    closed_why: str = ""

    @property
    def last_sent_at(self) -> datetime | None:
        return max(self.sent.values(), default=None)

    @property
    def shown(self) -> dict[str, str | None]:
        """Number, kind, Monday, step, reason and remedy, as scripts and receivers get them."""
        return {
            "alarm": self.alarm_id,
            "kind": self.kind,
            "monday": str(self.snapshot_date) if self.snapshot_date else None,
            "step": self.step,
            "reason": self.reason,
            "remedy": self.remedy,
        }


class Alarms(Strict):
    """Where alarms go besides the exit code and `make status`; nowhere else while all three are empty.

    ``recipients`` get a mail, ``webhook`` a signed POST, ``textfile`` is a file for Prometheus. An open alarm
    that nobody has acknowledged is sent again after ``repeat_hours``.
    """

    recipients: Annotated[tuple[Annotated[str, AfterValidator(address)], ...], Field(strict=False)]
    webhook: str
    textfile: str
    repeat_hours: Annotated[float, Field(ge=1, le=24 * 7)]

    @field_validator("webhook")
    @classmethod
    def _encrypted(cls, webhook: str) -> str:
        if webhook and not is_encrypted(webhook):
            raise ValueError(f"{webhook!r} is no https address. Write the one that takes alarms.")
        return webhook

    @field_validator("textfile")
    @classmethod
    def _read_by_prometheus(cls, textfile: str) -> str:
        """Node exporter reads files that end in .prom."""
        if textfile and not textfile.endswith(".prom"):
            raise ValueError(f"{textfile!r} does not end in .prom, so nothing would read it. Rename it.")
        return textfile
