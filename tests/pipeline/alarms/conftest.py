"""A bank without data whose alarms go to a mail server and a webhook on loopback."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from configs.bank_folder import load_settings
from pipeline.context import Context

KEY = "8f1c2d3e4a5b69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0"
MONDAY = date(2026, 11, 16)


@dataclass
class Receiver:
    """A webhook that keeps what it is sent and answers with ``status``."""

    address: str = ""
    status: int = 204
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def alarms(self) -> list[dict[str, Any]]:
        return [json.loads(body)["data"] for _, body in self.requests]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    kept.address = f"http://127.0.0.1:{server.server_port}/alarms"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


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
