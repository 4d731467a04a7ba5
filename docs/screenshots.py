"""Four of the demo's pages as the documents show them: ``make demo screenshots``. Needs Debian's chromium."""

import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, sync_playwright
from pydantic import SecretStr

from configs.service import ServiceSettings
from serve.app import create_app
from serve.auth import tokens
from serve.store.branch_summary import branches
from serve.store.store import Store

HERE = Path(__file__).parent
STORE = HERE.parent / "data" / "demo" / "store.db"
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WIDTH = 1280


@dataclass(frozen=True)
class Shot:
    """One picture: its name, the page, who looks at it, in which language and how much of it is shown."""

    name: str
    path: str
    claims: dict[str, str]
    locale: str
    height: int


def main() -> None:
    """Of a copy of the store, so that nobody has read the demo's."""
    with tempfile.TemporaryDirectory() as folder:
        service = ServiceSettings(
            store=f"sqlite:///{shutil.copy(STORE, folder)}",
            demo=True,
            token_key=SecretStr(secrets.token_hex(32)),
            audit_key=SecretStr(secrets.token_hex(32)),
            stale_days=36_500,
        )
        with serving(service) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            for shot in shots():
                take(browser, address, shot, tokens.issue(service, shot.claims, 600))
            browser.close()


def shots() -> list[Shot]:
    """The list of the manager with most money at risk, that manager's branch and its load, and the bank."""
    with Store(f"sqlite:///{STORE}") as store, store.at_run() as read_session:
        rows = [(row, summary.branch_id) for summary in branches(read_session) for row in summary.rows]
    most, branch = max(rows, key=lambda pair: pair[0].money_at_risk_minor if pair[0].manager_id else 0)
    number = most.manager_id
    manager = {"sub": number, "role": "manager", "manager_id": number}
    head = {"sub": branch, "role": "branch_head", "branch_id": branch}
    return [
        Shot("page-list.png", f"/lists/{number}", manager, "zh-CN", 620),
        Shot("page-board.png", f"/branches/{branch}", head, "en-GB", 640),
        Shot("page-load.png", f"/branches/{branch}/figures/load", head, "zh-CN", 640),
        Shot("page-bank.png", "/bank", {"sub": "head-office", "role": "head_office"}, "en-GB", 640),
    ]


@contextmanager
def serving(service: ServiceSettings) -> Iterator[str]:
    """The service's address, as long as it runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(service), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def take(browser: Browser, address: str, shot: Shot, token: str) -> None:
    context = browser.new_context(locale=shot.locale, viewport={"width": WIDTH, "height": shot.height})
    context.add_cookies([{"name": "attrition-session", "value": token, "url": address}])
    page = context.new_page()
    answer = page.goto(address + shot.path)
    if answer is None or not answer.ok:
        raise SystemExit(f"{shot.path} cannot be shown: take the pictures of a demo that nobody has served.")
    page.screenshot(path=HERE / shot.name)
    print(HERE / shot.name)


if __name__ == "__main__":
    main()
