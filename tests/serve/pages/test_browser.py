"""The pages in a real Chromium, with script and without, in both languages: a Monday's work, and
accessibility.

One browser and one running service serve all tests of this file.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from configs.service import ServiceSettings
from serve.app import create_app
from serve.auth import tokens
from serve.store import contacts
from serve.store.store import Store
from serve.texts.wording import TEXTS
from tests.serve.conftest import demo_service
from tests.serve.pages import published_bank
from tests.serve.pages.published_bank import EXCLUDED
from tests.servers import PATIENCE, needed, served

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
ROLES = {
    "manager": {"role": "manager", "manager_id": "M1"},
    "branch_head": {"role": "branch_head", "branch_id": "B1"},
    "head_office": {"role": "head_office"},
    "admin": {"role": "admin"},
}
PLAN = (
    "title=Roll+over&stages=mature&size=5&channel=phone&control_share=20"
    "&starts_on=2026-11-23&ends_on=2026-12-21"
)
PAGES = [
    ("manager", "/lists/M1"),
    ("manager", "/lists/M1?band=high&sort=aum"),
    ("manager", "/lists/M1/customers"),
    ("manager", "/customers?number=1"),
    ("manager", "/customers/6217000000000000101"),
    ("manager", "/customers/6217000000000000102/correction?contact=1"),
    ("admin", f"/customers/{EXCLUDED}"),
    ("manager", "/customers/unknown"),
    ("manager", "/branches"),
    ("manager", "/effect"),
    ("branch_head", "/branches/B1"),
    ("branch_head", "/branches/B1/list"),
    ("branch_head", "/branches/B1/handovers"),
    ("branch_head", "/branches/B1/figures/movement"),
    ("branch_head", "/branches/B1/figures/products"),
    ("branch_head", "/branches/B1/portfolio?tier=wealth"),
    ("head_office", "/campaigns"),
    ("head_office", "/campaigns/new?title=&size=x"),
    ("branch_head", f"/campaigns/new?{PLAN}"),
    ("branch_head", "/campaigns/C1"),
    ("manager", "/campaigns/C1/members"),
    ("head_office", "/bank"),
    ("head_office", "/bank/structure"),
    ("head_office", "/branches/B1/figures/satisfaction"),
    ("admin", "/branches"),
    ("admin", "/effect"),
    ("admin", "/model"),
    ("admin", "/status"),
    ("", "/sign-in"),
]
WIDTHS = (1280, 390)
# Where each row ends, how far its cells reach, and how many buttons it has.
ROWS = """rows => rows.map(row => ({
    bottom: row.getBoundingClientRect().bottom,
    right: Math.max(...[...row.querySelectorAll("*")].map(cell => cell.getBoundingClientRect().right)),
    buttons: row.querySelectorAll(".button").length,
}))"""
WORST = ("moderate", "serious", "critical")
expect.set_options(timeout=1000 * PATIENCE)


@dataclass(frozen=True)
class Site:
    """The running service and its tokens."""

    address: str
    service: ServiceSettings

    def token(self, who: str) -> str:
        return tokens.issue(self.service, {"sub": f"the {who}", **ROLES[who]}, 3600)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    missing = "no chromium: install Debian's package chromium, or name the program in CHROMIUM"
    needed(Path(CHROMIUM).is_file(), missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(published_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    store = tmp_path_factory.mktemp("site") / "store.db"
    store.write_bytes(published_file.read_bytes())
    service = demo_service(f"sqlite:///{store}")
    with served(create_app(service), lifespan="on") as port:
        yield Site(f"http://127.0.0.1:{port}", service)


@dataclass
class Visit:
    """A page of one browser profile, and whatever the browser complained of."""

    page: Page
    site: Site
    complaints: list[str]

    def open(self, path: str) -> None:
        self.page.goto(self.site.address + path)

    def sign_in(self, who: str, language: str) -> None:
        self.open("/")
        self.page.get_by_label(word(language, "sign_in.token")).fill(self.site.token(who))
        self.page.get_by_role("button", name=word(language, "sign_in.submit")).click()


@pytest.fixture
def visit(browser: Browser, site: Site):
    """Begins a profile: ``visit("zh", script=False, width=390)``."""
    contexts = []

    def begin(language: str, *, script: bool = True, width: int = 1280) -> Visit:
        context = browser.new_context(
            locale="zh-CN" if language == "zh" else "en-GB",
            java_script_enabled=script,
            viewport={"width": width, "height": 900},
        )
        context.set_default_timeout(1000 * PATIENCE)
        contexts.append(context)
        made = Visit(context.new_page(), site, [])
        made.page.on("console", lambda message: made.complaints.append(message.text))
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        made.page.on("dialog", lambda dialog: made.complaints.append(f"dialog: {dialog.message}"))
        return made

    yield begin
    for context in contexts:
        context.close()


def word(language: str, key: str, **values: Any) -> str:
    return TEXTS[language][key].format(**values)


@pytest.mark.parametrize(
    ("language", "script", "customer"),
    [
        ("en", True, "6217000000000000101"),
        ("en", False, "6217000000000000103"),
        ("zh", True, "6217000000000000105"),
        ("zh", False, "6217000000000000106"),
    ],
)
def test_a_managers_monday(visit, language, script, customer):
    """Signs in, opens a customer from the list, records an outcome, meets it on the list, and signs out."""
    here = visit(language, script=script)
    page = here.page
    here.sign_in("manager", language)
    expect(page.get_by_role("heading", level=1)).to_have_text(word(language, "list.heading"))
    page.get_by_role("link", name=customer, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(customer)
    page.get_by_role("button", name=word(language, "record.submit")).click()
    expect(page.locator("#outcome-fault")).to_contain_text(word(language, "record.missing"))
    page.get_by_label(word(language, "outcome.will_stay"), exact=True).check()
    page.get_by_label(word(language, "record.note")).fill("<b>7 天后再联系</b>")
    page.get_by_role("button", name=word(language, "record.submit")).click()
    will_stay = word(language, "outcome.will_stay")
    saved = word(language, "saved.of", customer=customer, outcome=will_stay)
    expect(page.get_by_role("status")).to_contain_text(saved)
    expect(page.get_by_role("heading", level=1)).not_to_contain_text(customer)  # on to the next one
    page.get_by_role("link", name=word(language, "saved.correct", customer=customer)).click()
    expect(page.get_by_text("<b>7 天后再联系</b>")).to_be_visible()
    page.get_by_role("link", name=word(language, "nav.list")).click()
    row = page.get_by_role("row").filter(has_text=customer)
    expect(row).to_contain_text(word(language, "outcome.will_stay"))
    page.get_by_role("button", name=word(language, "sign_out")).click()
    expect(page.get_by_text(word(language, "sign_in.out"))).to_be_visible()
    assert [complaint for complaint in here.complaints if "422" not in complaint] == []


@pytest.mark.long
@pytest.mark.parametrize(("language", "script"), [("en", True), ("zh", False)])
def test_five_customers_by_keyboard_one_corrected_one_to_be_called_again(
    browser, published_file, tmp_path, language, script
):
    """Each save leads to the next customer of the list, and after the last one the page says so."""
    store = tmp_path / "store.db"
    store.write_bytes(published_file.read_bytes())
    service = demo_service(f"sqlite:///{store}")
    with served(create_app(service), lifespan="on") as port:
        context = browser.new_context(
            locale="zh-CN" if language == "zh" else "en-GB", java_script_enabled=script, color_scheme="dark"
        )
        context.set_default_timeout(1000 * PATIENCE)
        here = Visit(context.new_page(), Site(f"http://127.0.0.1:{port}", service), [])
        here.sign_in("manager", language)
        here.open("/customers/6217000000000000101")
        page, numbers = here.page, []
        for place in range(5):
            numbers.append(page.get_by_role("heading", level=1).inner_text())
            radio = page.locator(f"#outcome-{'will_stay' if place else 'undecided'}")
            page.locator("a[href='#outcome']").press("Enter")
            radio.press("Space")
            if not place:
                page.locator("#channel").press("ArrowDown")
                page.locator("#follow_up").fill(f"{datetime.now(UTC).date() + timedelta(days=10)}")
            page.get_by_role("button", name=word(language, "record.submit")).press("Enter")
            expect(page.get_by_role("status")).to_be_visible()
            if place < 4:
                expect(page.get_by_role("heading", level=1)).not_to_have_text(numbers[-1])
        assert len(set(numbers)) == 5
        expect(page.get_by_role("status")).to_contain_text(word(language, "saved.all_done"))
        page.locator("a[href*=correction]").first.press("Enter")
        page.locator("#outcome-will_stay").press("ArrowRight")  # on to the next radio
        page.get_by_role("button", name=word(language, "record.submit")).press("Enter")
        expect(page.get_by_text(word(language, "customer.corrected"))).to_be_visible()
        with Store(service.store) as kept, kept.read() as connection:
            entries = contacts.oldest_first(connection)
        assert [entry.channel for entry in entries if entry.follow_up_on] == ["phone"]
        assert [entry.outcome for entry in entries if entry.corrects] == ["undecided"]
        context.close()


def test_a_list_is_printed_as_a_table_without_what_is_no_use_on_paper(visit):
    """Browsers lay paper out 700 to 800 px wide before they turn it; a screen of that width gets cards."""
    here = visit("en", width=720)
    here.sign_in("manager", "en")
    row, record = here.page.locator("tbody tr").first, here.page.locator(".next a").first
    assert row.evaluate("row => getComputedStyle(row).display") == "grid"
    here.page.emulate_media(media="print")
    assert row.evaluate("row => getComputedStyle(row).display") == "table-row"
    for hidden in (record, here.page.locator("nav")):
        expect(hidden).to_be_hidden()
    assert here.page.locator("form:visible").count() == 0


@pytest.mark.parametrize(("language", "script"), [("en", False), ("zh", True)])
def test_a_branch_heads_monday(visit, language, script):
    """From the board to the customers in nobody's charge, and to the other language and back."""
    here = visit(language, script=script)
    page, other = here.page, "zh" if language == "en" else "en"
    here.sign_in("branch_head", language)
    expect(page.get_by_role("heading", level=1)).to_have_text(word(language, "branch.heading", branch="B1"))
    expect(page.get_by_role("heading", name=word(language, "branch.left"))).to_be_visible()
    page.get_by_role("link", name=word(language, "branch.nobody"), exact=True).click()
    expect(page.get_by_role("link", name="6217000000000000901", exact=True)).to_be_visible()
    page.locator("button[name=language]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(word(other, "list.heading"))
    page.go_back()
    page.get_by_role("link", name=word(other, "nav.model")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(word(other, "model.heading"))
    assert here.complaints == []


@pytest.mark.parametrize(
    ("language", "judged", "colours"),
    [
        ("en", 1280, "dark"),
        ("zh", 390, "light"),
        pytest.param("en", 390, "dark", marks=pytest.mark.long),
        pytest.param("zh", 1280, "light", marks=pytest.mark.long),
    ],
)
def test_no_page_has_an_accessibility_finding_or_runs_over_its_edge(visit, language, judged, colours):
    here = visit(language)
    here.page.emulate_media(color_scheme=colours)
    for who, path in PAGES:
        here.page.context.clear_cookies()
        if who:
            session = {"name": "attrition-session", "value": here.site.token(who), "url": here.site.address}
            here.page.context.add_cookies([session])
        here.open(path)
        for width in WIDTHS:
            here.page.set_viewport_size({"width": width, "height": 900})
            assert here.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        here.page.set_viewport_size({"width": judged, "height": 900})
        violations = Axe().run(here.page).response["violations"]
        worst = {
            rule["id"]: [node["html"] for node in rule["nodes"]]
            for rule in violations
            if rule["impact"] in WORST
        }
        assert worst == {}, path


def test_twelve_customers_on_a_screen_and_three_on_a_telephone(browser, tmp_path, settings):
    """Of a list in two parts with new customers, in both languages; each row has one button, in view."""
    service = demo_service(f"sqlite:///{tmp_path / 'store.db'}")
    with Store(service.store) as store:
        published_bank.publish_long_list(store, settings)
    shapes = []
    with served(create_app(service), lifespan="on") as port:
        site = Site(f"http://127.0.0.1:{port}", service)
        session = {"name": "attrition-session", "value": site.token("manager"), "url": site.address}
        for (width, height), locale in product(((1280, 800), (390, 844)), ("en-GB", "zh-CN")):
            context = browser.new_context(viewport={"width": width, "height": height}, locale=locale)
            context.set_default_timeout(1000 * PATIENCE)
            context.add_cookies([session])
            page = context.new_page()
            page.goto(f"{site.address}/lists/M1")
            shapes.append((width, height, page.locator(".list tbody tr:not(.part)").evaluate_all(ROWS)))
            context.close()  # before the service, which waits for its connections
    for width, height, rows in shapes:
        assert len(rows) == 16
        whole = sum(row["bottom"] <= height for row in rows)
        assert whole >= (12 if width == 1280 else 3), (width, [row["bottom"] for row in rows])
        assert all(row["right"] <= width and row["buttons"] == 1 for row in rows)


def test_everything_can_be_reached_by_keyboard_and_seen_to_be(visit):
    """The first stop is the way past the navigation; each stop shows that it has the focus."""
    here = visit("en")
    here.sign_in("manager", "en")
    page = here.page
    page.goto(f"{here.site.address}/customers/6217000000000000101")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text(word("en", "skip"))
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    stops = []
    for _ in range(45):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate(
                "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
    names = [name for name, _ in stops]
    assert {"A", "SUMMARY", "INPUT", "TEXTAREA", "BUTTON"} <= set(names)
    assert {outline for name, outline in stops if name in ("A", "SUMMARY", "TEXTAREA", "BUTTON")} == {"solid"}


def test_a_visitor_without_script_sees_no_less(visit):
    """Every page has the same words either way."""
    with_script, without = visit("en"), visit("en", script=False)
    for visit in (with_script, without):
        visit.sign_in("manager", "en")
    for path in ("/lists/M1", "/customers/6217000000000000101"):
        texts = []
        for visit in (with_script, without):
            visit.open(path)
            texts.append(visit.page.locator("main").inner_text())
        assert texts[0] == texts[1]
