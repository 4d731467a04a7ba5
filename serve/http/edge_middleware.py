"""The outermost layer of the service: its names, sizes and times of requests, headers of answers, figures."""

import asyncio
import logging
import math
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configs.service import ServiceSettings
from serve.http import metrics, problems
from serve.http.paths import routable
from serve.http.request_limits import CLOSE, TOO_LARGE, bounded

log = logging.getLogger("serve")

Headers = Mapping[bytes, bytes]  # of a request; the last of a name

LONGEST_SECONDS = 3_600  # of an answer that has begun: an export keeps old rows of the store alive
SLOW_SECONDS = 1.0  # answers that took longer are logged
_UUID = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_PORT = re.compile(rb":\d+$")
PROBES = {"/healthz", "/readyz"}  # asked by the address of the machine

# Only what the service itself sends is loaded, run or shown; it is framed by nobody (OWASP secure headers).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def with_policy(images: str) -> list[tuple[bytes, bytes]]:
    """HEADERS for a page with another rule for images; it puts them into ``request.state.headers``."""
    return [(HEADERS[0][0], _POLICY.replace("img-src 'self'", images).encode()), *HEADERS[1:]]


class EdgeMiddleware:
    """Around the whole app, so that an answer to a fault has its headers and is counted too."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._settings = settings
        self._hosts = {host.lower().encode() for host in settings.hosts}
        self._time_limits = TimeLimits(settings.answer_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        if scope["method"] == "HEAD":  # as GET; the server sends no body
            scope, send = {**scope, "method": "GET"}, _without_body(send)
            scope["state"]["head"] = True
        headers = dict(scope["headers"])
        if b"accept-encoding" in headers and not _accepts_gzip(scope):
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}
        scope = routable(scope)
        context = RequestContext(scope, send, headers, self._settings.prefix)
        self._time_limits.begin(context)
        try:
            await self._pass(scope, receive, context.send, headers)
        except asyncio.CancelledError:
            if not context.late or context.task.uncancel():
                raise
            if context.status:  # it has begun, so the caller can only see that it breaks off
                raise TimeoutError from None
            await problems.answer(503, "The answer took too long.")(scope, receive, context.send)
        finally:
            self._time_limits.end(context)
            context.end()

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        settings, app = self._settings, self._app
        host, length = headers.get(b"host", b""), headers.get(b"content-length", b"0")
        if _PORT.sub(b"", host).lower() not in self._hosts and scope["path"] not in PROBES:
            app = problems.answer(421, "The service is not called by this name.")
        elif not length.isdigit():
            app = problems.answer(400, "Content-Length is no number.", CLOSE)
        elif int(length) > settings.largest_body:
            app = problems.answer(413, TOO_LARGE, CLOSE)
        elif b"content-length" in headers or b"transfer-encoding" in headers:
            receive = bounded(receive, settings.largest_body, settings.body_seconds)
        await app(scope, receive, send)


class RequestContext:
    """One request on its way through: what it is called, how long it takes, how it ends."""

    def __init__(self, scope: Scope, send: Send, sent: Headers, prefix: str = "") -> None:
        self._scope, self._send, self._prefix = scope, send, prefix.encode()
        self._began = time.perf_counter()
        self._state: dict[str, Any] = scope["state"]
        self._request_id = self._state["request_id"] = _request_id(sent)
        self.status = 0
        self.due, self.late = math.inf, False  # in the time of the event loop
        self.task: asyncio.Task[Any]

    async def send(self, message: Message) -> None:
        """Once an answer without a known length has begun it may take longer: an export is long."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [
                *message.get("headers", ()),
                *self._state.get("headers", HEADERS),
                *self._state.get("rate", ()),
            ]
            headers.append((b"x-request-id", self._request_id.encode()))
            if self._prefix:
                headers = [(name, self._prefixed(name, content)) for name, content in headers]
            if self._scope.get("scheme") == "https":
                headers.append((b"strict-transport-security", b"max-age=31536000"))
            message["headers"] = headers
            if not any(name == b"content-length" for name, _ in headers):
                self.due += LONGEST_SECONDS
        await self._send(message)

    def _prefixed(self, name: bytes, content: bytes) -> bytes:
        """Of a redirect to a page of the service, the path as the caller's browser has to ask for it."""
        return self._prefix + content if name == b"location" and content.startswith(b"/") else content

    def end(self) -> None:
        """Whoever answered is told by ``ended`` that the last byte has left, or that the caller has."""
        self._state.get("ended", _nothing)()
        seconds = time.perf_counter() - self._began
        route = str(self._state.get("route") or getattr(self._scope.get("route"), "name", "none"))
        metrics.observe(route, self.status, seconds)
        if self.status >= 500 or seconds > SLOW_SECONDS:
            log.warning(
                "request %s of route %s: status %s after %.2f s",
                self._request_id,
                route,
                self.status,
                seconds,
            )


class TimeLimits:
    """Cancels the requests that take too long: one timer for all, as asyncio.timeout makes one for each."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._under_way: set[RequestContext] = set()
        self._loop: asyncio.AbstractEventLoop | None = None  # that has the timer

    def begin(self, context: RequestContext) -> None:
        """Within the task of the request, which is cancelled unless it ends in time."""
        loop = asyncio.get_running_loop()
        context.task = asyncio.current_task()  # type: ignore[assignment]
        context.due = loop.time() + self._seconds
        self._under_way.add(context)
        if self._loop is not loop:
            self._loop = loop
            self._look(loop)

    def end(self, context: RequestContext) -> None:
        self._under_way.discard(context)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        at = loop.time()
        for context in [context for context in self._under_way if context.due <= at]:
            self.end(context)
            context.late = True
            context.task.cancel()
        if self._under_way:  # nobody who comes from now on is due sooner
            due = min(at + self._seconds, *(context.due for context in self._under_way))
            loop.call_at(due, self._look, loop)
        else:
            self._loop = None


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


def _accepts_gzip(scope: Scope) -> bool:
    """False where the caller refuses it by ``gzip;q=0``; starlette looks for the word alone."""
    accepted = b",".join(content for name, content in scope["headers"] if name == b"accept-encoding")
    codings = accepted.lower().replace(b" ", b"").split(b",")
    return not any(re.fullmatch(rb"(x-)?gzip;q=0(\.0*)?", coding) for coding in codings)


def _nothing() -> None:
    """Of an answer that nobody waits for the end of."""


def _request_id(sent: Headers) -> str:
    """The caller's own if it is a UUID; anything else could be somebody's number."""
    request_id = sent.get(b"x-request-id", b"")
    return request_id.decode() if _UUID.fullmatch(request_id) else os.urandom(16).hex()
