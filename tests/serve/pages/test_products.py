"""What a branch head reads of products, and a manager of a class that a customer lacks."""

import json
from dataclasses import replace
from typing import Any

import pytest

from configs.branch_figures.contents import as_object
from configs.branch_figures.products import (
    ClassDropped,
    ClassGap,
    ClassHeld,
    DepthOutcome,
    ProductCell,
    ProductDimension,
    ProductGap,
    Products,
)
from serve.store.read_session import ReadSession

CLASSES = (ClassHeld("demand", 198, 1_000_00, None, None), ClassHeld("wealth", 90, 70_000_00, 31, 12))
ALL = ProductCell("", 200, 120, 71_000_00, 500, 400, CLASSES)
SMALL = ProductCell("M7", 4, 4, 9_00, 4, 4, (ClassHeld("demand", 4, 9_00, None, None),) * 2)
PRODUCTS = Products(
    "2026-10-26", 10,
    (ProductDimension("all", (ALL,)), ProductDimension("manager", (replace(ALL, cell="M1"), SMALL))),
    (ClassDropped(13, "wealth", 100, 25, 8_000_00), ClassDropped(13, "demand", 90, 0, 0)),
    (ClassGap("wealth", 31, 77, 13),),
    (DepthOutcome(1, 60, 12, 0.2, 0.118, 0.318), DepthOutcome(5, 40, 1, 0.025, 0.004, 0.129)),
    "2026-07-20",
)  # fmt: skip


@pytest.fixture
def page(signed_in, monkeypatch):
    def stored(*_: Any) -> dict[str, Any]:
        return json.loads(json.dumps(as_object(PRODUCTS)))

    monkeypatch.setattr(ReadSession, "branch_figures", stored)

    def show(language: str) -> str:
        head = signed_in("branch_head", branch_id="B1")
        answer = head.get("/branches/B1/figures/products", headers={"Accept-Language": language})
        assert answer.status_code == 200
        return " ".join(answer.text.split())

    return show


def test_the_products_of_a_branch(page):
    text = page("en")
    for words in ("Products per customer", ">2.5<", "45%", "70,000", ">31<", ">77<", ">12<",
                  "25 · 25%", "8,000", "5 or more", "20%", "12%–32%",
                  "does not show that one more product keeps a customer"):  # fmt: skip
        assert words in text, words
    assert "/lists/M7/customers?run=" in text
    for words in ("户均产品数", "可推荐客户", "5类及以上", "这并不说明多持有一款产品就能留住客户"):
        assert words in page("zh"), words


def test_a_manager_reads_what_customers_alike_hold(manager, monkeypatch):
    (customer,) = set(manager.get("/lists/M1").text.split('href="/customers/')[1].split("?")[:1])
    profiles_of = ReadSession.profiles
    gap = ProductGap("wealth", 18, 42, 0.29, 0.58)

    def with_gap(session: ReadSession, asked: Any) -> Any:
        return {name: replace(profile, gaps=(gap,)) for name, profile in profiles_of(session, asked).items()}

    monkeypatch.setattr(ReadSession, "profiles", with_gap)
    text = manager.get(f"/customers/{customer}", headers={"Accept-Language": "en"}).text
    assert "18 of 42 similar customers hold wealth products; this customer does not" in text
    assert "(95% interval 29%–58%)." in text
