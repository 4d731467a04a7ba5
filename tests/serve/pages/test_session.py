"""Signing in and out: what the cookie is, what ends it, and what another site cannot do."""

import re
import time
from datetime import datetime

import pytest
from fastapi.testclient import TestClient

from serve.app import create_app
from serve.auth import tokens
from serve.pages import sign_in as sign_in_pages
from serve.pages.session import LONGEST_TOKEN, SEALED, local_path

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def token(service, seconds=3600, **claims):
    payload = {"sub": "zhang.wei", "role": "manager", "manager_id": "M1"} | claims
    return tokens.issue(service, payload, seconds)


def seal_of(page):
    return re.search(r'name="seal" value="(\w+)"', page.text)[1]


def sign_in(client, token, to="/", **fields):
    seal = seal_of(client.get("/sign-in"))
    return client.post("/sign-in", data={"token": token, "to": to, "seal": seal} | fields)


def test_signing_in_keeps_the_token_out_of_reach_of_scripts_and_of_other_sites(client, service):
    answer = sign_in(client, token(service), to="/lists/M1?after=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/lists/M1?after=2")
    session = next(
        cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith("attrition-session")
    )
    assert "HttpOnly" in session
    assert "SameSite=strict" in session
    assert "Path=/" in session
    assert "Secure" not in session  # the demo, on this machine
    assert client.get("/lists/M1").status_code == 200


def test_elsewhere_the_cookie_is_for_tls_and_this_host_alone(service, bank_service):
    """The demo under another name sets Secure; a bank's service takes no cookie that lacks the prefix."""
    with TestClient(create_app(service), base_url="http://bank.example", follow_redirects=False) as client:
        assert "Secure" in client.get("/sign-in").headers["set-cookie"]
    app = create_app(bank_service)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        cookie = client.get("/sign-in").headers["set-cookie"]
        assert cookie.startswith("__Host-attrition-visit=")
        assert "Secure" in cookie
        client.cookies.set("attrition-session", token(service), domain="127.0.0.1")
        assert client.get("/lists/M1").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ("", "Enter your access token."),
        ("   ", "Enter your access token."),
        ("not.a.token", "This token was not accepted"),
        ("x" * (LONGEST_TOKEN + 1), "too long to be a token"),
    ],
)
def test_a_token_that_is_not_accepted_is_shown_at_the_field(client, bad, text):
    answer = sign_in(client, bad)
    assert answer.status_code == 422
    fault = re.search(r'<p class="fault" id="token-fault">(.*?)</p>', answer.text)[1]
    assert text in fault
    assert 'aria-invalid="true"' in answer.text
    assert not any(cookie.startswith("attrition-session") for cookie in answer.headers.get_list("set-cookie"))
    assert bad.strip() == "" or bad not in answer.text


def test_a_token_may_be_pasted_with_line_ends(client, service):
    good = token(service)
    assert sign_in(client, f" {good[:40]}\n{good[40:]} ").status_code == 303


def test_an_expired_token_is_not_accepted_and_an_expired_session_is_told(client, service, monkeypatch):
    assert "This token was not accepted" in sign_in(client, token(service, seconds=-60)).text
    assert sign_in(client, token(service, seconds=60)).status_code == 303
    assert client.get("/lists/M1").status_code == 200
    later = time.time() + 120
    monkeypatch.setattr("serve.auth.tokens.time.time", lambda: later)
    monkeypatch.setattr(
        client.app.state.tokens, "verified", lambda _: (_ for _ in ()).throw(tokens.RefusedError())
    )
    answer = client.get("/lists/M1?after=1")
    assert answer.headers["location"] == "/sign-in?to=%2Flists%2FM1%3Fafter%3D1&why=ended"
    assert 'attrition-session=""' in answer.headers["set-cookie"]
    form = client.get(answer.headers["location"])
    assert "Your session has ended" in form.text
    assert 'name="to" value="/lists/M1?after=1"' in form.text


def test_signing_out_ends_the_session(client, service):
    sign_in(client, token(service))
    page = client.get("/lists/M1")
    answer = client.post("/sign-out", data={"seal": seal_of(page)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?why=out")
    assert client.get("/lists/M1").headers["location"] == "/sign-in?to=%2Flists%2FM1"
    assert "You have signed out." in client.get("/sign-in?why=out").text


def two_workers(service):
    return (
        TestClient(create_app(service), base_url="http://127.0.0.1", follow_redirects=False) for _ in range(2)
    )


@pytest.mark.either_store
@pytest.mark.usefixtures("published")
def test_who_has_signed_out_is_so_everywhere_also_after_a_restart(service, access_entries):
    """The cookie that somebody copied is of no use: to this worker, another one, or the next ones."""
    kept = token(service)
    cookie, bearer = {"Cookie": f"attrition-session={kept}"}, {"Authorization": f"Bearer {kept}"}
    here, there = two_workers(service)
    with here, there:
        sign_in(here, kept)
        for client in (here, there):
            assert client.get("/lists/M1", headers=cookie).status_code == 200
        before = len([entry for entry in access_entries() if entry.action == "sign out"])
        answer = here.post("/sign-out", data={"seal": seal_of(here.get("/lists/M1"))})
        assert (before, answer.status_code) == (0, 303)
        (entry,) = (entry for entry in access_entries() if entry.action == "sign out")
        assert (entry.actor, kept in str(entry.details)) == ("zhang.wei", False)
        for client in (here, there):
            assert client.get("/lists/M1", headers=cookie).headers["location"].startswith("/sign-in")
        assert here.get("/v1/runs/latest", headers=bearer).status_code == 401
        assert sign_in(here, kept).status_code == 422
        other = token(service, sub="li")
        sign_in(here, other)
        assert here.get("/lists/M1").status_code == 200  # somebody else's session goes on
    here, there = two_workers(service)
    with here, there:
        for client in (here, there):
            assert client.get("/lists/M1", headers=cookie).headers["location"].startswith("/sign-in")


def test_ended_sessions_are_kept_until_their_tokens_expire(client, service, monkeypatch):
    sign_in(client, token(service))
    client.post("/sign-out", data={"seal": seal_of(client.get("/lists/M1"))})
    log = client.app.state.access_log
    (first,) = log.ended()
    sign_in(client, token(service, seconds=7200))
    later = time.time() + 3600 + 60
    monkeypatch.setattr(sign_in_pages, "datetime", At(later))
    client.post("/sign-out", data={"seal": seal_of(client.get("/lists/M1"))})
    (second,) = log.ended()
    assert first != second


class At:
    """A clock that stands still."""

    def __init__(self, seconds):
        self._seconds = seconds

    def now(self, zone):
        return datetime.fromtimestamp(self._seconds, zone)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/customers/6217000000000000101/outcome"])
@pytest.mark.parametrize("seal", [None, "", "0" * 64, "other"])
def test_a_form_that_this_session_was_not_given_is_refused(client, service, path, seal):
    """Also one drawn for somebody else, so that nobody is signed in under another's name (login CSRF)."""
    if path != "/sign-in":
        sign_in(client, token(service))
    else:
        client.get("/sign-in")
    fields = {"token": token(service), "outcome": "will_stay", "key": "k" * 20}
    if seal is not None:
        foreign = client.app.state.forms.seal(SEALED, "another visitor's cookie")
        fields["seal"] = foreign if seal == "other" else seal
    answer = client.post(path, data=fields)
    assert answer.status_code == 403
    assert "This form has expired" in answer.text
    assert "set-cookie" not in answer.headers


def test_without_any_cookie_no_form_is_accepted(client, service):
    seal = client.app.state.forms.seal(SEALED, "")
    assert client.post("/sign-in", data={"token": token(service), "seal": seal}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_of_which_the_browser_says_that_another_site_sent_it_is_refused(client, service, site):
    seal = seal_of(client.get("/sign-in"))
    answer = client.post(
        "/sign-in", data={"token": token(service), "seal": seal}, headers={"Sec-Fetch-Site": site}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"seal=" + b"x" * 20_000, FORM, 413),
        (b"seal=x", {"Content-Type": "multipart/form-data; boundary=b"}, 422),
        (b"seal=%ff%fe", FORM, 422),
        ("seal=é".encode(), FORM, 422),
        (b"&".join(b"a%d=1" % k for k in range(30)), FORM, 422),
    ],
)
def test_odd_forms_are_refused(client, body, headers, status):
    client.get("/sign-in")
    answer = client.post("/sign-in", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "",
    ],
)
def test_nobody_is_sent_to_another_site(client, service, wanted):
    assert local_path(wanted) == "/"
    assert sign_in(client, token(service), to=wanted).headers["location"] == "/"
    assert client.post("/language", data={"language": "zh", "back": wanted}).headers["location"] == "/"


@pytest.mark.parametrize(
    "header", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-URL", "Forwarded"]
)
def test_headers_that_name_another_place_change_nothing(client, service, header):
    sign_in(client, token(service))
    plain, odd = client.get("/lists/M1"), client.get("/lists/M1", headers={header: "evil.example/admin"})
    assert odd.status_code == (421 if header == "Host" else 200)
    assert "evil.example" not in odd.text
    assert header == "Host" or odd.text == plain.text


def test_the_language_is_remembered_and_the_page_comes_back(client, service):
    sign_in(client, token(service))
    answer = client.post("/language", data={"language": "zh", "back": "/lists/M1?after=2"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/lists/M1?after=2")
    assert "本周联系名单" in client.get("/lists/M1").text
    client.post("/language", data={"language": "fr"})
    assert "Customers to call this week" in client.get("/lists/M1").text
