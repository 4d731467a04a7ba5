"""Limits of a connection: seconds and bytes of a request's headers and body, seconds to take the answer."""

import asyncio
from typing import Any

from fastapi import HTTPException
from pydantic_core import to_json
from starlette.types import Message, Receive
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serve.http.problem_kinds import KINDS
from serve.http.problems import problem

HEADER_SECONDS = 10.0  # from connecting, or from the first byte of a request, to its last header
LARGEST_HEADERS = 32_768  # bytes of an address and all headers; a token takes at most 8,192
MOST_HEADERS = 100
MOST_WAITING = 16  # requests that are sent before the answer to the first one (pipelining)
READER_SECONDS = 30.0  # in which a caller takes
LEAST_TAKEN = 65_536  # bytes of what waits, or all of it
TOO_LARGE = "The body is too large."
CLOSE = {"Connection": "close"}


def _refusal(phrase: str, kind: str, detail: str) -> bytes:
    """An answer as the protocol sends it, before there is a request that the app could answer."""
    body = to_json(problem(KINDS[kind], detail), exclude_none=True)
    lines = (
        f"HTTP/1.1 {KINDS[kind].status} {phrase}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        "x-content-type-options: nosniff",
        "connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


HEADERS_REFUSED = _refusal(
    "Request Header Fields Too Large",
    "headers-too-large",
    f"The address and the headers are more than {LARGEST_HEADERS} bytes, or {MOST_HEADERS} headers.",
)
UNREADABLE = _refusal("Bad Request", "malformed-request", "This is no request of HTTP/1.1.")


class TooLargeError(Exception):
    """A request whose address and headers are too large or too many."""


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection that is slow or large where uvicorn waits for ever and keeps everything.

    Headers have to come in time (slow loris) and within a size; an answer has to be taken within some time.
    """

    _due: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None
    _unread = 0  # bytes that the caller had not taken when its reading was last looked at
    _unparsed = 0  # bytes that came since the parser last handed over something whole
    _header_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > LARGEST_HEADERS and not self.transport.is_closing():
            self.send_400_response("")
        elif self.cycle is None or self.cycle.response_complete:
            self._wait_for_headers()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._header_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._header_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also for what follows a body in pieces (trailers)."""
        self._header_bytes += len(name) + len(value)
        if len(self.headers) >= MOST_HEADERS:
            raise TooLargeError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._header_bytes > LARGEST_HEADERS or len(self.pipeline) >= MOST_WAITING:
            raise TooLargeError
        self._unparsed = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's words)
        """Answers what the parser refuses, unless an answer is under way, which would seem to hold it."""
        under_way = self.cycle is not None and not self.cycle.response_complete
        if not under_way or not (self.cycle.response_started or self.pipeline):
            large = self._unparsed > LARGEST_HEADERS or self._header_bytes > LARGEST_HEADERS
            many = self.headers is not None and len(self.headers) >= MOST_HEADERS
            self.transport.write(HEADERS_REFUSED if large or many else UNREADABLE)
        self._close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_watching()

    def _watch_reader(self) -> None:
        if self._reader is None:
            self._unread = self.transport.get_write_buffer_size()
            self._reader = self.loop.call_later(READER_SECONDS, self._look_at_reader)

    def _look_at_reader(self) -> None:
        """Leaves who has taken too little of an answer, and frees what was kept of it."""
        self._reader = None
        if self._unread - self.transport.get_write_buffer_size() < LEAST_TAKEN:
            self.transport.abort()
        else:
            self._watch_reader()

    def _stop_watching(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _close(self) -> None:
        self.transport.close()
        self._watch_reader()

    def _wait_for_headers(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEADER_SECONDS, self._close)

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
