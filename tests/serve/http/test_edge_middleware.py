"""Every answer, whatever it is, has its headers and its number; names, sizes and times have limits."""

import asyncio
import re
import time

import pytest
from fastapi.testclient import TestClient

from serve.app import create_app
from serve.http import edge_middleware
from serve.http.problems import Problem
from serve.http.request_limits import bounded
from tests.servers import PATIENCE

WANTED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
def app(service, published):  # noqa: ARG001 (published for its rows)
    return create_app(service)


@pytest.fixture
def client(app):
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_every_answer_has_the_headers_of_security(client, app, bearer, monkeypatch):
    head = bearer("crm")
    answers = [
        client.get("/v1/runs/latest", headers=head),
        client.get("/v1/customers/c1/risk", headers=head),
        client.get("/v1/customers/none/risk", headers=head),
        client.get("/v1/runs/latest"),
        client.get("/nowhere"),
        client.post("/healthz"),
        client.get("/healthz"),
        client.get("/v1/runs/latest", headers=head | {"Host": "evil.example"}),
    ]
    monkeypatch.setattr(app.state.store, "at_run", lambda *_: 1 / 0)
    answers.append(client.get("/v1/runs/latest", headers=head))
    assert [one.status_code for one in answers] == [200, 200, 404, 401, 404, 405, 200, 421, 500]
    for one in answers:
        assert {name: one.headers[name] for name in WANTED} == WANTED
        policy = one.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "strict-transport-security" not in one.headers
    assert len({one.headers["x-request-id"] for one in answers}) == len(answers)


def test_only_over_tls_the_browser_is_told_to_stay_there(app):
    with TestClient(app, base_url="https://testserver") as client:
        assert client.get("/healthz").headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "evil.example#testserver", "", "testserver:80:80x"]
)
def test_a_name_that_is_not_ours_is_refused_but_for_the_probes(client, bearer, host):
    answer = client.get("/v1/runs/latest", headers=bearer("crm") | {"Host": host})
    assert Problem.model_validate(answer.json()).status == 421
    assert "evil" not in answer.text
    assert client.get("/readyz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["testserver", "TESTSERVER", "testserver:8000"])
def test_our_name_is_taken_with_any_port(client, bearer, host):
    assert client.get("/v1/runs/latest", headers=bearer("crm") | {"Host": host}).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded"])
def test_headers_that_proxies_set_change_nothing(client, bearer, header):
    """A manager of M1 stays one, whatever path or name a header claims."""
    head = bearer("manager", manager_id="M2") | {header: "/v1/customers/c1/risk"}
    assert client.get("/v1/customers/c1/risk", headers=head).status_code == 404
    assert client.get("/healthz", headers=head).json() == {"status": "ok"}


def test_a_uuid_of_the_callers_is_kept_and_anything_else_replaced(client):
    own = "0b6a4c1e-1111-4222-8333-123456789abc"
    assert client.get("/healthz", headers={"X-Request-ID": own}).headers["x-request-id"] == own
    for other in ("6228000659757221527", own + "1", "a\tb", own.upper()):
        given = client.get("/healthz", headers={"X-Request-ID": other}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", given)


def test_the_request_id_stands_in_the_access_log(client, app, bearer, monkeypatch):
    kept = []
    real = app.state.access_log.write

    async def write(entries):
        kept.extend(entries)
        await real(entries)

    monkeypatch.setattr(app.state.access_log, "write", write)
    for path in ("/v1/managers/M1/list", "/v1/customers/c1/risk"):
        answer = client.get(path, headers=bearer("crm"))
        assert kept[-1].details["request_id"] == answer.headers["x-request-id"]


def test_a_body_that_says_it_is_too_large_is_not_read(client, service):
    answer = client.post("/v1/runs/latest", content=b"x" * (service.largest_body + 1))
    assert Problem.model_validate(answer.json()).status == 413
    assert answer.headers["connection"] == "close"
    assert client.post("/v1/runs/latest", content=b"x" * service.largest_body).status_code == 405


def test_an_answer_that_begins_too_late_is_given_up(service, published, bearer, monkeypatch):  # noqa: ARG001
    app = create_app(service.model_copy(update={"answer_seconds": 0.1}))

    async def wait_for_ever(_entries):
        await asyncio.Event().wait()

    monkeypatch.setattr(app.state.access_log, "write", wait_for_ever)
    with TestClient(app) as client:
        answer = client.get("/v1/customers/c1/risk", headers=bearer("crm"))
        assert (answer.status_code, answer.json()["detail"]) == (503, "The answer took too long.")
        assert "c1" not in answer.text


def test_an_answer_that_has_begun_may_take_its_time(service):
    passed = []

    async def slow(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"all"})

    async def send(message):
        passed.append(message)

    scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": [], "scheme": "http"}
    middleware = edge_middleware.EdgeMiddleware(slow, service.model_copy(update={"answer_seconds": 0.1}))
    asyncio.run(middleware(scope, None, send))
    assert [one.get("body") for one in passed] == [None, b"all"]


def test_each_of_many_answers_has_its_own_deadline_and_one_timer_serves_all(service, monkeypatch):
    """Two requests, 0.1 s apart, of which each may take 0.2 s; a third ends in time, a fourth is left."""
    ended, timers, host = {}, [], [(b"host", service.hosts[0].encode())]

    async def answer(scope, _receive, send):
        if scope["path"] == "/quick":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            return
        await asyncio.Event().wait()

    middleware = edge_middleware.EdgeMiddleware(answer, service.model_copy(update={"answer_seconds": 0.2}))

    async def ask(path):
        began, seen = time.monotonic(), []
        scope = {"type": "http", "method": "GET", "path": path, "headers": host}

        async def send(message):
            seen.append(message.get("status"))

        await middleware(scope, None, send)
        ended[path] = (seen[0], time.monotonic() - began)

    async def ask_all():
        loop = asyncio.get_running_loop()
        call_at = loop.call_at
        monkeypatch.setattr(
            loop, "call_at", lambda *given, **more: timers.append(given) or call_at(*given, **more)
        )
        tasks = [asyncio.create_task(ask("/first"))]
        await asyncio.sleep(0.1)
        tasks += [asyncio.create_task(ask(path)) for path in ("/second", "/quick", "/left")]
        await asyncio.sleep(0)
        tasks[-1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert tasks[-1].cancelled()

    asyncio.run(ask_all())
    assert [status for status, _ in ended.values()] == [200, 503, 503]
    assert all(0.19 < ended[path][1] < 1 for path in ("/first", "/second"))
    looks = [given for given in timers if given[1].__name__ == "_look"]
    assert len(looks) == 2
    asyncio.run(ask("/first"))  # on another event loop, which gets a timer of its own
    assert ended["/first"][0] == 503


def parts(*bodies):
    """A caller who sends these, one after the other; after ``None`` nothing comes."""
    left = [{"type": "http.request", "body": one, "more_body": True} for one in bodies]
    left[-1]["more_body"] = False

    async def receive():
        message = left.pop(0)
        if message["body"] is None:
            await asyncio.Event().wait()
        return message

    return receive


async def read(receive):
    while (await receive())["more_body"]:
        pass


@pytest.mark.parametrize(
    ("sent", "seconds", "status"),
    [
        ((b"x" * 5, b"x" * 5), PATIENCE, None),
        ((b"x" * 5, b"x" * 6), PATIENCE, 413),
        ((b"x", b"x", None), 0.2, 408),
    ],
)
def test_a_body_is_counted_and_timed_as_it_comes(sent, seconds, status):
    async def ask():
        try:
            await read(bounded(parts(*sent), 10, seconds))
        except edge_middleware.problems.HTTPException as error:
            return error.status_code
        return None

    assert asyncio.run(ask()) == status


def test_head_is_answered_as_get_without_a_body(client, bearer):
    paths = [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/sign-in",
        "/style.css",
        "/v1/runs",
        "/v1/customers/c1/risk",
    ]
    for path in [*paths, "/v1/exports/scores", "/v1/managers/M1/list", "/v1/customers/c9/risk", "/none"]:
        whole, head = client.get(path, headers=bearer("crm")), client.head(path, headers=bearer("crm"))
        assert (head.status_code, head.content) == (whole.status_code, b""), path
        assert head.headers.get("etag") == whole.headers.get("etag")
    assert client.head("/v1/customers/c1/risk").status_code == 401
    assert client.head("/sign-out").status_code == 405


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br, gzip;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("br, GZIP; q=0.000, identity", None),
        ("identity", None),
    ],
)
def test_gzip_that_is_refused_is_not_sent(client, bearer, accepted, encoding):
    answer = client.get("/v1/exports/scores", headers=bearer("crm") | {"Accept-Encoding": accepted})
    assert (answer.status_code, answer.headers.get("content-encoding")) == (200, encoding)


def test_links_and_redirects_keep_the_prefix_of_a_proxy(service, bearer, published):  # noqa: ARG001
    below = service.model_copy(update={"prefix": "/attrition"})
    with TestClient(create_app(below), follow_redirects=False) as client:
        head = bearer("manager", manager_id="M1")
        assert client.get("/", headers=head).headers["location"] == "/attrition/lists/M1"
        assert client.get("/lists/M1").headers["location"].startswith("/attrition/sign-in?to=%2Flists%2FM1")
        for path in ("/lists/M1", "/customers/c1", "/model", "/effect", "/sign-in"):
            page = client.get(path, headers=head).text
            addresses = re.findall(r'(?:href|action)="(/[^"]*)"', page)
            assert addresses, path
            assert [address for address in addresses if not address.startswith("/attrition/")] == [], path
        assert client.get("/v1/runs/", headers=head).status_code == 404  # and no redirect past the prefix
