"""The bank and its branches: what stands on the pages, and the way from a figure to its customers."""

import json
import re
from dataclasses import replace

import pytest

from configs.branch_figures.contents import CONTENT_NAMES, as_object
from configs.branch_figures.structure import Households, HouseholdTier
from serve.auth.policy import Role
from serve.store.read_session import ReadSession
from serve.store.rounding import Rounding
from tests.serve.pages import test_load, test_movement, test_products, test_satisfaction


@pytest.fixture
def head_office(signed_in):
    return signed_in(Role.HEAD_OFFICE)


def cells(text, row):
    """The cells of the row of a table that begins with a heading."""
    [found] = re.findall(rf'<th scope="row">(?:<a [^>]*>)?{row}(?:</a>)?</th>(.*?)</tr>', text, re.DOTALL)
    return [
        re.sub(r'<span class="name">.*?</span>|<[^>]+>', "", cell).strip() for cell in found.split("</td>")
    ]


def test_the_bank_shows_each_branch_with_its_change_and_the_year_behind(signed_in):
    rounded = signed_in(Role.HEAD_OFFICE).get("/bank").text
    assert cells(rounded, "B1")[:2] == ["10", "50,000,000"]
    assert "Fewer than 10 are shown as 0" in rounded
    assert not re.search("/portfolio|/lists/|/customers", rounded)
    text = signed_in(Role.ANALYST).get("/bank").text
    customers, aum, change, money, _, high, coverage, *_ = cells(text, "B1")
    assert (customers, aum, change) == ("12", "50,000,000", "+134,848")
    assert (money, high, coverage) == ("11,800,000", "8", "45%")
    assert text.count('class="chart"') == 2
    assert "AUM (CNY): 94.8 m on 17 Nov 2025, 100 m on 16 Nov 2026" in text
    assert 'href="/branches/B1/figures/structure?run=' in text
    assert not re.search("/portfolio|/lists/|/customers", text)


def test_a_figure_leads_to_its_customers_where_the_reader_may_see_them(signed_in):
    client = signed_in(Role.BRANCH_HEAD, branch_id="B1")
    text = client.get("/branches/B1/portfolio?tier=wealth&stage=declining").text
    shown = set(re.findall(r"/customers/(\d+)\?", text))
    whole = set(re.findall(r"/customers/(\d+)\?", client.get("/branches/B1/portfolio").text))
    assert set() < shown < whole
    assert ('name="tier"' in text, 'name="segment"' in text) == (True, False)
    none = client.get("/branches/B1/portfolio?segment=unknown").text
    assert not re.findall(r"/customers/(\d+)\?", none)


@pytest.mark.parametrize("content", CONTENT_NAMES)
def test_what_is_not_published_is_said(signed_in, content):
    client = signed_in(Role.ANALYST)
    earlier = client.get(f"/bank/{content}?run=2026-11-09-run6").text
    assert "not published in this run" in earlier
    assert earlier.count('aria-current="page"') == 2  # the tab, and the place in the navigation
    assert client.get("/branches/B9/figures/load").status_code == 404
    assert client.get("/bank/else").status_code == 422


HOMES = Households(9, 20, 2, (HouseholdTier("affluent", 9, 20, 90_000_00),))
CONTENTS = {
    "structure": replace(test_movement.STRUCTURE, households=HOMES),
    "movement": test_movement.MOVEMENT,
    "products": test_products.PRODUCTS,
    "satisfaction": test_satisfaction.CONTENT,
    "load": test_load.BRANCH,
}


@pytest.mark.parametrize("least", [10, 100, 10_000])
@pytest.mark.parametrize("content", CONTENT_NAMES)
def test_counts_that_are_rounded_to_none_still_make_a_page(signed_in, monkeypatch, content, least):
    """A branch, a manager or a class with fewer customers than are shown."""

    def rounded(*_):
        return json.loads(json.dumps(Rounding(least).figures(as_object(CONTENTS[content]))))

    monkeypatch.setattr(ReadSession, "branch_figures", rounded)
    answer = signed_in(Role.HEAD_OFFICE).get(f"/branches/B1/figures/{content}")
    assert answer.status_code == 200
    assert not re.search(r"\b(None|nan|inf)\b", re.sub("<[^>]+>", " ", answer.text))
