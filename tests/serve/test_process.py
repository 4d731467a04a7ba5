"""The service as it runs: real sockets, signals, several processes; patience with nobody who is slow."""

import gc
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from serve.__main__ import app
from serve.app import create_app
from serve.http import protocol

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds for what takes two on an idle machine


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until(done, seconds=PATIENCE):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        value = done()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


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


def resident_mb(pid):
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def two_workers(service, published, tmp_path):  # noqa: ARG001 (published for its rows)
    """The service in processes of its own: the first of them, its port, that of its figures."""
    port, metrics = free_port(), free_port()
    env = {
        "ATTRITION_STORE": service.store,
        "ATTRITION_DEMO": "true",
        "ATTRITION_TOKEN_KEY": service.token_key.get_secret_value(),
        "ATTRITION_AUDIT_KEY": service.audit_key.get_secret_value(),
        "ATTRITION_PORT": str(port),
        "ATTRITION_METRICS_PORT": str(metrics),
        "ATTRITION_WORKERS": "2",
        "ATTRITION_DRAIN_SECONDS": "1",
    }
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "serve"], cwd=ROOT, env=os.environ | env, stderr=log
        )
    try:
        until(lambda: asked(port, "/readyz") and process.poll() is None)
        yield process, port, metrics
    finally:
        process.kill()
        process.wait()


def test_two_workers_are_light_counted_together_and_stop_without_losing_an_answer(
    two_workers, service, bearer, tmp_path
):
    process, port, metrics = two_workers
    workers = until(lambda: [one for one in children(process.pid) if resident_mb(one) > 50][:2])
    for one in workers:
        assert cpu_seconds(one) <= 3  # to start; the clock depends on who else works here
        assert resident_mb(one) <= 150
    head = bearer("crm")
    for _ in range(20):
        assert asked(port, "/v1/customers/c1/risk", head)[0] == 200
    assert until(
        lambda: '{route="customer_risk",status="200"} 20.0' in asked(metrics, "/metrics")[1].decode()
    )
    assert "attrition_cohort_customers 5.0" in asked(metrics, "/metrics")[1].decode()

    # An answer waits for the access log, which somebody holds; meanwhile the service is told to stop.
    beside = service.store.removeprefix("sqlite:///").replace("store.db", "store-access.db")
    holder = sqlite3.connect(beside, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    under_way = []
    asking = threading.Thread(target=lambda: under_way.append(asked(port, "/v1/customers/c1/risk", head)))
    asking.start()
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert until(lambda: (asked(port, "/readyz") or (0,))[0] == 503, 5)
    time.sleep(1.2)  # the port is closed by now
    holder.execute("ROLLBACK")
    holder.close()
    asking.join(PATIENCE)
    assert under_way[0][0] == 200
    assert json.loads(under_way[0][1])["customer_id"] == "c1"
    assert process.wait(PATIENCE) == 0
    log = (tmp_path / "log").read_text()
    told = [json.loads(line) for line in log.splitlines()]
    # The answer that waited is told of as slow, by its route alone.
    slow = [one["event"] for one in told if one["level"] != "info"]
    assert any("of route customer_risk: status 200 after" in one for one in slow)
    assert all(one.startswith("request ") for one in slow)
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
def port(service, published, monkeypatch):  # noqa: ARG001 (published for its rows)
    """uvicorn in a thread, with little patience."""
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.3)
    app = create_app(service.model_copy(update={"body_seconds": 0.3, "hosts": ("127.0.0.1",)}))

    @app.post("/read")  # no route of version 1 that takes a body is here to stay
    async def read(body: dict[str, str]) -> int:
        return len(body)

    config = uvicorn.Config(app, port=free_port(), http=protocol.PatientProtocol, log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    yield config.port
    server.should_exit = True
    thread.join(PATIENCE)


def sent(port, *parts, pause=0.0):
    """All that comes back for bytes that are sent one after the other, and after how many seconds it ended."""
    began = time.monotonic()
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
    return answer, time.monotonic() - began


HEADERS = b"POST /read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "parts", [(), (b"GET /healthz HT",), (HEADERS,), (b"G", b"E", b"T", b" ", b"/", b"x")]
)
def test_who_is_slow_with_headers_is_left(port, parts):
    answer, seconds = sent(port, *parts, pause=0.1)
    assert answer == b""
    assert 0.2 <= seconds < 20


def test_who_is_quick_is_not(port):
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    answer, _ = sent(port, request + b"\r\n", request + b"Connection: close\r\n\r\n", pause=0.1)
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_slow_body_is_a_408_and_the_connection_ends(port):
    answer, seconds = sent(port, HEADERS + b"Content-Length: 100\r\n\r\n{", pause=0.05)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()
    assert 0.2 <= seconds < 20


def test_a_body_in_pieces_is_stopped_when_it_has_become_too_large(port):
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    answer, _ = sent(port, HEADERS + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 20)
    assert answer.startswith(b"HTTP/1.1 413") or not answer  # the rest of what was sent may cut it off
    whole, _ = sent(port, HEADERS + b'Connection: close\r\nContent-Length: 9\r\n\r\n{"a":"b"}')
    assert whole.startswith(b"HTTP/1.1 200")


def test_memory_stays_when_much_is_refused(port):
    """Five hundred bodies of 2 MB are announced; none is held."""
    before = resident_mb(os.getpid())
    for _ in range(500):
        answer, _ = sent(port, HEADERS + b"Content-Length: 2000000\r\n\r\n" + b"x" * 1000)
        assert answer.startswith(b"HTTP/1.1 413")
    assert resident_mb(os.getpid()) - before <= 50
