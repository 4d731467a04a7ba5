"""The service as it runs: real sockets, signals, several processes; patience with nobody who is slow."""

import gc
import http.client
import json
import signal
import socket
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi import Response

from configs.errors import ConfigError
from serve.__main__ import app, run
from serve.app import create_app
from serve.http import request_limits
from tests.servers import PATIENCE, asked, served, two_workers, until

LARGE = 30_000_000  # bytes: more than the sockets of both sides hold
ROOT = Path(__file__).parents[2]


def resident_mb():
    """Of the process of the test."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@pytest.fixture(name="two_workers")
def _two_workers(service, published, tmp_path):  # noqa: ARG001 (published for its rows)
    with two_workers(service, tmp_path / "log") as processes:
        yield processes


def test_a_taken_port_is_one_sentence_with_a_remedy(service):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port}: Address already in use. Set ATTRITION_PORT"):
            run(service.model_copy(update={"port": port, "metrics_port": 0}))


def test_two_workers_are_counted_together_and_stop_without_losing_an_answer(
    two_workers, service, bearer, tmp_path
):
    process, port, metrics = two_workers
    folder = Path(service.store.removeprefix("sqlite:///")).parent
    assert {path.stat().st_mode & 0o777 for path in folder.glob("store*")} == {0o600}
    head = bearer("crm")
    for _ in range(20):
        assert asked(port, "/v1/customers/c1/risk", head)[0] == 200
    assert until(
        lambda: '{route="customer_risk",status="200"} 20.0' in asked(metrics, "/metrics")[1].decode()
    )
    assert "attrition_cohort_customers 5.0" in asked(metrics, "/metrics")[1].decode()

    # An answer waits for the access log, which another writer holds; meanwhile the service is told to stop.
    access_log = service.store.removeprefix("sqlite:///").replace("store.db", "store-access.db")
    holder = sqlite3.connect(access_log, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    under_way = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    under_way.request("GET", "/v1/customers/c1/risk", headers=head)
    process.send_signal(signal.SIGTERM)
    assert until(lambda: (asked(port, "/readyz") or (0,))[0] == 503)
    assert until(lambda: asked(port, "/readyz", timeout=1) is None)  # no worker takes a request any more
    holder.execute("ROLLBACK")
    holder.close()
    answer = under_way.getresponse()
    assert (answer.status, json.loads(answer.read())["customer_id"]) == (200, "c1")
    under_way.close()
    assert process.wait(PATIENCE) == 0
    log = (tmp_path / "log").read_text()
    events = [json.loads(line) for line in log.splitlines()]
    # The answer that waited is told of as slow, by its route alone.
    slow = [event["event"] for event in events if event["level"] != "info"]
    assert any("of route customer_risk: status 200 after" in event for event in slow)
    assert all(event.startswith("request ") for event in slow)
    for secret in (service.token_key, service.audit_key):
        assert secret.get_secret_value() not in log


def test_what_was_imported_is_not_looked_through_for_garbage(service, monkeypatch):
    monkeypatch.setattr("serve.app.load_service_settings", lambda: service)
    try:
        app()
        assert gc.get_freeze_count() > 100_000
    finally:
        gc.unfreeze()


@pytest.fixture
def start(service, published, monkeypatch):  # noqa: ARG001 (published for its rows)
    """The port of the service in a thread, with so many seconds of patience:
    ``start(header_seconds=0.3)``."""

    def started(header_seconds=PATIENCE, body_seconds=PATIENCE):
        monkeypatch.setattr(request_limits, "HEADER_SECONDS", header_seconds)
        app = create_app(service.model_copy(update={"body_seconds": body_seconds, "hosts": ("127.0.0.1",)}))

        @app.post("/read")  # no route of version 1 that takes a body is here to stay
        async def read(body: dict[str, str]) -> int:
            return len(body)

        @app.get("/large")
        async def large() -> Response:
            return Response(b"x" * LARGE)

        Patient.latest = None
        options = {"http": Patient, "timeout_keep_alive": PATIENCE, "log_config": None, "ws": "none"}
        return running.enter_context(served(app, **options))

    with ExitStack() as running:
        yield started


class Patient(request_limits.PatientProtocol):
    """Keeps the latest connection within reach."""

    def connection_made(self, transport):
        super().connection_made(transport)
        Patient.latest = self


def sent(port, *parts, pause=0.0):
    """All that comes back for bytes that are sent one after the other."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            answer = b""
            while more := connection.recv(65536):
                answer += more
        except ConnectionError:
            answer = b""
    return answer


H = b"Host: 127.0.0.1\r\n"
TO_SIGN_IN = b"POST /sign-in HTTP/1.1\r\n" + H + b"Content-Type: application/x-www-form-urlencoded\r\n"
ONE_BYTE = b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
PIECE = b"a" * 20_000


@pytest.mark.parametrize(
    "parts",
    [
        (b"GET /", *[PIECE] * 3),
        (b"GET /healthz HTTP/1.1\r\n" + H + b"X: ", *[PIECE] * 3),
        (b"GET /healthz HTTP/1.1\r\n" + H, *[b"x" + PIECE + b": y\r\n"] * 3),
        (b"GET /healthz HTTP/1.1\r\n" + H + b"x: y\r\n" * 99 + b"z: y\r\n\r\n",),
        (b"GET /healthz HTTP/1.1\r\n" + H + b"x: " + PIECE + b"\r\ny: " + PIECE + b"\r\n\r\n",),
        (TO_SIGN_IN + ONE_BYTE + b"X: ", *[PIECE] * 3),
        (TO_SIGN_IN + ONE_BYTE, *[b"x: y\r\n" * 50] * 3),
    ],
    ids=["address", "a header", "large headers", "many", "large at once", "a trailer", "many trailers"],
)
def test_headers_without_end_are_a_431_and_the_connection_ends(start, parts):
    port = start()
    answer = sent(port, *parts, pause=0.05)
    assert answer.startswith(b"HTTP/1.1 431") or not answer  # the rest of what was sent may cut it off
    assert asked(port, "/healthz")[0] == 200


def test_as_many_and_as_large_headers_as_are_allowed_are_read(start):
    request = b"GET /healthz HTTP/1.1\r\n" + H + b"Connection: close\r\nx: " + b"a" * 20_000 + b"\r\n"
    assert sent(start(), request + b"x: y\r\n" * 97 + b"\r\n").startswith(b"HTTP/1.1 200")


def test_who_sends_many_requests_before_the_first_answer_is_left(start):
    request = b"GET /readyz HTTP/1.1\r\n" + H + b"\r\n"
    port = start()
    assert sent(port, request * 500).count(b"HTTP/1.1 200") <= request_limits.MOST_WAITING
    assert sent(port, request * 9 + request[:-2] + b"Connection: close\r\n\r\n").count(b" 200 ") == 10


@pytest.mark.parametrize("kept_open", [True, False])
def test_who_does_not_take_an_answer_is_left_and_others_are_not_kept_waiting(start, monkeypatch, kept_open):
    monkeypatch.setattr(request_limits, "READER_SECONDS", 0.3)
    port = start()
    end = b"\r\n" if kept_open else b"Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\n" + H + end)
        protocol = until(lambda: getattr(Patient, "latest", None))
        assert asked(port, "/healthz")[0] == 200
        assert until(lambda: protocol.parser is None)  # the connection is lost, and what was kept for it
    slow = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
        while part := connection.recv(1 << 20):
            slow += part
            time.sleep(0.01)
    assert len(slow) > LARGE  # who takes it slowly gets all of it


HEADERS = b"POST /read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "parts", [(), (b"GET /healthz HT",), (HEADERS,), (b"G", b"E", b"T", b" ", b"/", b"x")]
)
def test_who_is_slow_with_headers_is_left(start, parts):
    assert sent(start(header_seconds=0.3), *parts, pause=0.1) == b""


def test_who_is_quick_is_not(start):
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", start()), timeout=PATIENCE) as connection:
        for _ in range(2):
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.read() != b"") == (200, True)  # head and body come one by one
            assert Patient.latest._due is None  # nothing is waited for any more
        connection.sendall(request[:9])
        assert until(lambda: Patient.latest._due)


def test_a_slow_body_is_a_408_and_the_connection_ends(start):
    answer = sent(start(body_seconds=0.3), HEADERS + b"Content-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()


def test_a_body_in_pieces_is_stopped_when_it_has_become_too_large(start):
    port, piece = start(), b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    answer = sent(port, HEADERS + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 20)
    assert answer.startswith(b"HTTP/1.1 413") or not answer  # the rest of what was sent may cut it off
    whole = sent(port, HEADERS + b'Connection: close\r\nContent-Length: 9\r\n\r\n{"a":"b"}')
    assert whole.startswith(b"HTTP/1.1 200")


def test_memory_stays_when_much_is_refused(start):
    """Five hundred bodies of 2 MB are announced; none is held."""
    port, before = start(), resident_mb()
    for _ in range(500):
        answer = sent(port, HEADERS + b"Content-Length: 2000000\r\n\r\n" + b"x" * 1000)
        assert answer.startswith(b"HTTP/1.1 413")
    assert resident_mb() - before <= 50
