"""The page that shows the API: our own files alone, and every operation on it, in a real Chromium."""

import os
import shutil

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import sync_playwright

from serve.app import create_app
from tests.servers import PATIENCE, served

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FILES = ("docs.js", "swagger-ui-bundle.js", "swagger-ui.css")


@pytest.mark.usefixtures("published")
def test_the_page_and_its_files_need_no_token_and_lead_nowhere_else(service, bearer):
    with TestClient(create_app(service)) as client:
        page = client.get("/docs")
        assert "//" not in page.text
        assert "<script>" not in page.text
        policy = page.headers["content-security-policy"]
        assert "img-src 'self' data:;" in policy
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        for name in FILES:
            codings = ({"Accept-Encoding": coding} for coding in ("gzip", "identity"))
            packed, plain = (client.get(f"/docs/{name}", headers=head) for head in codings)
            assert packed.content == plain.content
            assert packed.headers["content-encoding"] == "gzip"
            assert "data:" not in packed.headers["content-security-policy"]
            assert client.head(f"/docs/{name}").headers["content-type"] == plain.headers["content-type"]
        for name in ("favicon.png", "..%2fcore.py", "docs.html", "x"):
            assert client.get(f"/docs/{name}").status_code == 404
        for role, shown in (("admin", True), ("branch_head", False)):
            board = client.get("/branches" if shown else "/effect", headers=bearer(role, branch_id="B1"))
            assert ('href="/docs"' in board.text) == shown


@pytest.mark.long
@pytest.mark.usefixtures("published")
def test_the_page_shows_every_operation_and_answers_one(service, token_of):
    app = create_app(service)
    paths = app.openapi()["paths"]
    with served(app, lifespan="on") as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        requests, complaints = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"http://127.0.0.1:{port}/docs")
        page.wait_for_selector(".opblock", timeout=1000 * PATIENCE)
        assert page.locator(".opblock").count() == sum(map(len, paths.values()))
        page.click("button.authorize")
        page.fill(".auth-container input", token_of("crm"))
        page.click(".auth-container button[type=submit]")
        page.click(".auth-container button.btn-done")
        block = page.locator("#operations-runs-latest_run")
        for button in (".opblock-summary-control", ".try-out__btn", ".execute"):
            block.locator(button).click()
        answer = block.locator(".live-responses-table tbody .response-col_status")
        assert answer.inner_text().startswith("200")
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/docs.png")
        browser.close()
    assert complaints == []
    assert all(address.startswith((f"http://127.0.0.1:{port}/", "data:image/")) for address in requests)
