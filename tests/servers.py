"""Servers and processes that tests start: each ends with its block, whether the test passed or failed."""

import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp

from configs.service import ServiceSettings

ROOT = Path(__file__).parents[1]
PATIENCE = 600  # seconds for what takes two on an idle machine; a test only waits so long when it fails


def needed(found: object, missing: str) -> None:
    """Without what tests need they are skipped; but not where everything must be there."""
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)


def until(done: Callable[[], Any]) -> Any:
    """The first true value that ``done`` returns."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := done():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def free_port() -> int:
    """A port of loopback that nobody listens on, below those that the system gives to any connection."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def served(app: ASGIApp, **options: Any) -> Iterator[int]:
    """The port of loopback on which uvicorn answers, in a thread, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", **options))
        thread = Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive())
            assert server.started
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def process_group(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process; at the end of the block it is killed with all that it has started."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_to_end(command: Sequence[str], **options: Any) -> None:
    """Raises AssertionError where the process fails; nothing that it started outlives it."""
    with process_group(command, **options) as process:
        assert process.wait() == 0


def asked(port, path, headers=None, timeout=PATIENCE):
    """Status and body over a connection of its own; None where nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (ConnectionError, TimeoutError):
        return None
    finally:
        connection.close()


@contextmanager
def two_workers(settings: ServiceSettings, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """The service in processes of its own: the first of them, its port, that of its figures."""
    port, metrics = free_port(), free_port()
    env = {
        "ATTRITION_STORE": settings.store,
        "ATTRITION_DEMO": "true",
        "ATTRITION_TOKEN_KEY": settings.token_key.get_secret_value(),
        "ATTRITION_AUDIT_KEY": settings.audit_key.get_secret_value(),
        "ATTRITION_PORT": str(port),
        "ATTRITION_METRICS_PORT": str(metrics),
        "ATTRITION_WORKERS": "2",
        "ATTRITION_DRAIN_SECONDS": "3",
        "ATTRITION_ANSWER_SECONDS": str(PATIENCE),
        "ATTRITION_STOP_SECONDS": str(PATIENCE),
    }
    command = [sys.executable, "-m", "serve"]
    with (
        log.open("w") as file,
        process_group(command, cwd=ROOT, env=os.environ | env, stderr=file) as process,
    ):
        until(lambda: process.poll() is not None or asked(port, "/readyz"))
        yield process, port, metrics
