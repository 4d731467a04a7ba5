"""Limits of a request: seconds until its headers have come, seconds and bytes of its body."""

import asyncio
from typing import Any

from fastapi import HTTPException
from starlette.types import Message, Receive
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0  # from connecting, or from the first byte of a request, to its last header
TOO_LARGE = "The body is too large."
CLOSE = {"Connection": "close"}


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose headers do not come in time (slow loris); uvicorn only ends idle ones."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_headers()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_headers(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


def bounded(receive: Receive, most: int, seconds: float) -> Receive:
    """``receive`` for at most so many bytes, all within so many seconds. Raises HTTPException 413 and 408."""
    loop = asyncio.get_running_loop()
    until, size, whole = loop.time() + seconds, 0, False

    async def receive_part() -> Message:
        nonlocal size, whole
        if whole:  # what comes now is only that the caller has gone
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "The body came too slowly.", CLOSE) from None
        size += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if size > most:
            raise HTTPException(413, TOO_LARGE, CLOSE)
        return message

    return receive_part
