"""Every page: its headers, its way to say what went wrong, no forbidden navigation, markup alone."""

import re

import pytest

from configs.errors import DataError
from serve.auth.policy import Role
from serve.pages.page import FOLDER, STYLE
from tests.serve.pages import published_bank

TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
CLAIMS = {Role.MANAGER: {"manager_id": "M1"}, Role.BRANCH_HEAD: {"branch_id": "B1"}}
PAGES = (
    "/sign-in", "/lists/M1", "/lists/M1/customers", "/customers?number=1", "/customers/6217000000000000101",
    "/customers/excluded-1", "/branches", "/branches/B1",
    "/branches/B1/list",
    "/branches/B1/handovers", "/bank",
    "/bank/structure", "/branches/B1/figures/load", "/branches/B1/portfolio",
    "/campaigns", "/campaigns/new", "/campaigns/C1", "/campaigns/C1/members",
    "/effect", "/model", "/status", "/lists/none", "/customers/a%20b",
)  # fmt: skip
STARTS = {
    Role.MANAGER: "/lists/M1",
    Role.BRANCH_HEAD: "/branches/B1",
    Role.HEAD_OFFICE: "/bank",
    Role.ANALYST: "/model",
    Role.CRM: "/branches",
    Role.ADMIN: "/branches",
}


@pytest.mark.parametrize("path", PAGES)
def test_no_page_may_run_a_script_be_framed_or_be_kept(signed_in, path):
    answer = signed_in("admin").get(path)
    policy = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "form-action")} == {"'self'"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|\sstyle=|<style|\son\w+=", answer.text)


@pytest.mark.parametrize("role", Role)
def test_everybody_starts_somewhere_and_the_navigation_leads_nowhere_forbidden(signed_in, role):
    client = signed_in(role, **CLAIMS.get(role, {}))
    start = client.get("/").headers["location"]
    assert start == STARTS[role]
    page = client.get(start)
    assert page.status_code == 200
    places = re.findall(r'<li><a href="([^"]+)"', page.text.split("</nav>")[0])
    assert start in places
    assert [client.get(path).status_code for path in places] == [200] * len(places)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/lists/M3", 404, "Page not found"),
        ("/customers/6217000000000000301", 404, "Page not found"),
        ("/customers/unknown", 404, "Page not found"),
        ("/customers/a%20", 422, "This request could not be read"),
        ("/branches", 403, "You don&#39;t have access to this page"),
        ("/lists/M1?run=never", 404, "Page not found"),
    ],
)
def test_what_goes_wrong_is_a_page(manager, path, status, text):
    answer = manager.get(path)
    assert answer.status_code == status
    assert f"<h1>{text}</h1>" in answer.text
    assert "M3" not in answer.text.split("<main")[1]
    assert "62170" not in answer.text.split("<main")[1]


@pytest.mark.parametrize("path", ["/no/such/page", "/list/M1"])
def test_an_address_that_no_route_knows_is_a_page_for_a_browser_and_a_problem_for_a_program(
    client, bearer, path
):
    shown = client.get(path, headers={"Accept": "text/html,*/*;q=0.8", "Accept-Language": "zh-CN"})
    assert (shown.status_code, "未找到" in shown.text, path in shown.text) == (404, True, False)
    problem = client.get(path, headers={"Accept": "application/json"})
    assert (problem.status_code, problem.json()["title"]) == (404, "Unknown address")
    known = client.get("/v1/customers/nobody/risk", headers=bearer("crm") | {"Accept": "text/html,*/*"})
    assert (known.status_code, known.json()["status"]) == (404, 404)


def test_a_store_that_cannot_be_read_is_a_page_too(manager, client, monkeypatch):
    def broken(*_):
        raise DataError("secret/path.db is damaged")

    monkeypatch.setattr(client.app.state.store, "at_run", broken)
    answer = manager.get("/lists/M1")
    assert answer.status_code == 503
    assert "This page is not available right now" in answer.text
    assert "secret" not in answer.text
    assert 'href="">Try again' in answer.text


def test_the_style_sheet_may_be_kept_and_pages_name_its_version(client):
    page = client.get("/sign-in").text
    (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    answer = client.get(sheet)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    (icon,) = re.findall(r'<link rel="icon" href="([^"]+)"', page)
    assert client.get(icon).headers["content-type"] == "image/svg+xml"


def test_an_older_run_is_named_as_such(manager):
    assert "A newer run is available" not in manager.get("/lists/M1").text
    old = manager.get(f"/lists/M1?run={published_bank.run(3).run_id}")
    assert "You are viewing the run of 19 Oct 2026" in old.text
    assert published_bank.run(3).run_id in old.text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_words_of_its_own_a_script_or_a_style(path):
    """A text in a template would stay English; scripts and styles would be stopped by the browser."""
    source = path.read_text("utf-8")
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", source, flags=re.DOTALL)
    assert re.findall(r"[A-Za-z]{2,}", bare) in ([], ["English"])
    assert not re.search(r"<script|\sstyle=|<style|\son\w+=|javascript:|https?://", source)


@pytest.mark.parametrize(("path", "status"), [("/branches", 403), ("/lists/none", 404), ("/no/such", 404)])
def test_a_page_that_refuses_keeps_the_navigation_and_leads_onwards(manager, path, status):
    """An address that no route knows is answered before anybody looks at the session."""
    manager.get("/lists/M1")
    answer = manager.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status
    places = ["/lists/M1", "/lists/M1/customers", "/campaigns", "/effect"]
    assert re.findall(r'<li><a href="([^"]+)"', answer.text) == places
    assert ">Go to My list<" in answer.text


def test_a_stranger_sees_no_navigation_on_a_page_that_refuses(client):
    answer = client.get("/no/such", headers={"Accept": "text/html"})
    assert "<nav" not in answer.text
    assert "Go to the start page" in answer.text


def test_colours_have_names_and_each_has_one_for_dark_too():
    """A colour written elsewhere would stay light in the dark."""
    sheet = STYLE.decode()
    light, dark, rest = re.fullmatch(
        r"(.*?:root \{.*?\n\})(.*?:root \{.*?\n  \})(.*)", sheet, re.DOTALL
    ).groups()
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*[;}])", rest) == []
    names = [set(re.findall(r"(--[\w-]+):", part)) for part in (light, dark)]
    assert names[1] <= names[0]
    assert names[0] - names[1] == {"--on-button", "--focus-on-top"}  # alike in both
    assert set(re.findall(r"var\((--[\w-]+)\)", rest)) <= names[0]


def test_style_sheet_loads_nothing():
    assert not re.search(r"url\(|@import|https?:", STYLE.decode())
