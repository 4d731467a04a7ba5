"""How the service stops: it says so first, then answers what is under way, then goes."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from fastapi import FastAPI


@contextmanager
def stopping(app: FastAPI) -> Iterator[None]:
    """Within it SIGTERM turns /readyz to 503 at once, and reaches the server ``drain_seconds`` later.

    So a load balancer sends no more requests before the port closes. A second SIGTERM does not wait.
    """
    if (
        threading.current_thread() is not threading.main_thread()
    ):  # a test's client; only the main thread has signals
        yield
        return
    loop, server = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

    def on_term(number: int, frame: FrameType | None) -> None:
        wait = 0.0 if app.state.stopping else app.state.settings.drain_seconds
        app.state.stopping = True
        loop.call_soon_threadsafe(loop.call_later, wait, pass_on, number, frame)

    def pass_on(*given: Any) -> None:
        if callable(server):
            server(*given)

    signal.signal(signal.SIGTERM, on_term)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, server)
