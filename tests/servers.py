"""Servers and processes that tests start: each ends with its block, whether the test passed or failed."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp

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
