"""A bank without data whose alarms go to a mail server and a webhook on loopback."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.bank_folder import load_settings
from pipeline.context import Context
from tests.webhook_receiver import Receiver

KEY = "8f1c2d3e4a5b69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0"
MONDAY = date(2026, 11, 16)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 16, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def later(self, **passed: float) -> None:
        self.now += timedelta(**passed)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bank(tmp_path: Path, clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Context:
    """The demo's settings with alarms to one address, the webhook and a textfile; no store yet."""
    monkeypatch.setenv("ATTRITION_WEBHOOK_KEY", KEY)
    alarms = {
        "recipients": ["ops@bank.example"],
        "webhook": receiver.address,
        "textfile": str(tmp_path / "node" / "attrition.prom"),
    }
    (tmp_path / "node").mkdir()
    settings = load_settings("demo", {"alarms": alarms, "mail": {"sender": "attrition@bank.example"}})
    return Context(settings, tmp_path / "data", clock)


@pytest.fixture
def by_mail(monkeypatch: pytest.MonkeyPatch, mail_server: Any) -> None:
    """The environment names the mail server of the test."""
    monkeypatch.setenv("ATTRITION_SMTP_HOST", mail_server.host)
    monkeypatch.setenv("ATTRITION_SMTP_PORT", str(mail_server.port))
    monkeypatch.setenv("ATTRITION_SMTP_CA", mail_server.ca)
