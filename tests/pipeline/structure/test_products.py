"""Products of made-up Mondays by hand: what is held, given up and lacking, and who left by depth."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from configs.branch_figures.contents import as_object
from configs.branch_figures.products import Products
from configs.dates import WEEK
from configs.files import write_manifest
from features.engine.balances import CLASSES
from pipeline.artefacts import Home, write_parquet
from pipeline.structure.products import product_figures, products_on
from tests.conftest import Row

MONDAY = date(2026, 11, 16)


def person(name: str, aum: int = 1_000_00, **more: Any) -> Row:
    """A customer with money on demand, but for amounts of other classes; ``more`` are columns too."""
    amounts = {f"{kind}_minor": more.pop(kind, 0) for kind in CLASSES}
    amounts["demand_minor"] = aum - sum(amounts.values())
    return {
        "customer_id": name, "present": True, "exclusion": "", "tier": "wealth", "branch_id": "B1",
        "lifecycle_stage": "mature", "manager_id": "M1", "age_band": "30–39", "aum_minor": aum,
        "products": sum(amount > 0 for amount in amounts.values()), **amounts,
    } | more  # fmt: skip


@pytest.fixture
def products_of(tmp_path, bank_settings):
    """Contents by branch and the cohort's gaps, from rows by weeks ago, grades of customers and classes."""
    home = Home(tmp_path)
    settings = bank_settings.model_copy(
        update={"products": bank_settings.products.model_copy(update={"offerable": ("wealth", "fund")})}
    )

    def figures(
        rows: dict[int, list[Row]],
        left: dict[str, int] | None = None,
        grades: dict[str, int] | None = None,
        needed: dict[str, int] | None = None,
    ) -> tuple[dict[str, Products], dict[str, Any]]:
        mondays = [MONDAY - k * WEEK for k in sorted(rows, reverse=True)]
        for weeks, people in rows.items():
            path = home.partition("structure", MONDAY - weeks * WEEK)
            write_parquet(pa.Table.from_pylist(people), path / "bucket=00.parquet")
        if left is not None:
            folder = home.partition("labels", mondays[0])
            labels = {"customer_id": [*left], "attrited": [*left.values()]}
            write_parquet(pa.table(labels), folder / "bucket=00.parquet")
            write_manifest(folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.structure.products.grades_needed", lambda _: needed or {})
            patch.setattr("pipeline.structure.products.risk_grades", lambda *_: grades or {})
            now: Any = products_on(settings, home, SimpleNamespace(), MONDAY)
            made = list(product_figures(settings, home, SimpleNamespace(), mondays, now))
        assert all(as_object(row.content) for row in made)
        return {row.branch_id: row.content for row in made}, now.of_cohort()

    return figures


def many(count: int, start: int = 0, **more: Any) -> list[Row]:
    return [person(f"C{start + k:03}", **more) for k in range(count)]


def test_what_is_held_adds_up_to_the_aum_in_every_cell(products_of):
    rows = [
        person("C1", 900_00, wealth=300_00, products=2),
        person("C2", 500_00, fund=100_00, term=50_00, branch_id="B2", manager_id=None, exclusion="staff"),
        person("C3", 70_00, tier=None, branch_id=None),
        person("C4", 10_000_00, present=False),
    ]
    contents, _ = products_of({0: rows})
    whole = {each.dimension: each.cells for each in contents[""].dimensions}
    assert [cell.cell for cell in whole["branch"]] == ["B1", "B2", ""]
    for cells in whole.values():
        assert sum(cell.aum_minor for cell in cells) == 1_470_00
        assert all(cell.aum_minor == sum(held.amount_minor for held in cell.by_class) for cell in cells)
        assert sum(cell.customers for cell in cells) == 3
    (everybody,) = whole["all"]
    assert (everybody.cohort, everybody.products, everybody.classes) == (2, 6, 6)
    assert {held.product_class: held.customers for held in everybody.by_class if held.customers} == {
        "demand": 3, "term": 1, "wealth": 1, "fund": 1,
    }  # fmt: skip
    (branch,) = (each.cells for each in contents["B2"].dimensions if each.dimension == "manager")
    assert [(cell.cell, cell.aum_minor) for cell in branch] == [("", 500_00)]
    # Three customers are too few for a gap.
    assert all(held.gap is None for cell in whole["all"] for held in cell.by_class)


def test_dropped_is_held_then_and_not_now_by_those_who_are_here(products_of):
    then = [*many(11, fund=400_00), person("GONE", fund=1_00)]
    now = [*many(3), *many(8, start=3, fund=1_00), person("NEW", fund=7_00)]
    contents, _ = products_of({13: then, 0: now})
    drops = {drop.product_class: drop for drop in contents[""].dropped}
    fund = drops["fund"]
    assert (fund.weeks, fund.held, fund.dropped, fund.amount_minor) == (13, 11, 3, 1_200_00)
    assert (drops["demand"].dropped, "wealth" in drops) == (0, False)


def test_a_gap_is_what_customers_alike_hold(products_of):
    """Of 40 alike 30 hold wealth products; the others lack them, within their grade."""
    rows = [*many(30, wealth=500_00), *many(8, start=30), person("STAFF", exclusion="staff")]
    rows += [person("OLD", age_band="60+"), person("C900")]
    grades = {f"C{k:03}": 2 for k in range(30, 36)} | {"C036": 1, "STAFF": 3}
    contents, gaps = products_of({0: rows, 13: rows}, grades=grades, needed={"wealth": 2})
    # C036 may not take the risk; C037 and C900 were not assessed.
    assert set(gaps) == {f"C{k:03}" for k in range(30, 36)}
    (gap,) = gaps["C030"]
    assert (gap.product_class, gap.holders, gap.others) == ("wealth", 30, 39)
    assert (round(gap.low, 3), round(gap.high, 3)) == (0.617, 0.874)  # Wilson's of 30 in 39
    (everybody,) = contents[""].dimensions[0].cells
    by_class = {held.product_class: (held.gap, held.above_grade) for held in everybody.by_class}
    assert by_class["wealth"] == (7, 3)  # the bank's own staff lacks it too, and has no score
    assert by_class["fund"] == (0, 0)  # nobody has any
    assert by_class["term"] == (None, None)  # not offerable
    assert [(row.product_class, row.customers, row.before) for row in contents["B1"].gaps] == [
        ("wealth", 7, 7), ("fund", 0, 0),
    ]  # fmt: skip
    # No product asks a grade: all of them may be proposed it.
    assert len(products_of({0: rows})[1]) == 9


def test_attrition_by_depth_is_of_the_matured_cohort_and_never_of_a_few(products_of):
    deep = many(20, wealth=1_00, fund=1_00)
    flat = many(30, start=100)
    few = many(9, start=200, wealth=1_00)
    excluded = many(50, start=300, exclusion="staff")
    left = {row["customer_id"]: 0 for row in (*deep, *flat, *few, *excluded)}
    left |= {"C000": 1} | {f"C{100 + k}": 1 for k in range(6)} | {f"C{300 + k}": 1 for k in range(50)}
    contents, _ = products_of({14: [*deep, *flat, *few, *excluded], 0: deep}, left)
    assert contents[""].depth_on == str(MONDAY - 14 * WEEK)
    assert [(row.classes, row.customers, row.attrited) for row in contents[""].depth] == [
        (1, 30, 6),
        (3, 20, 1),
    ]
    one = contents[""].depth[0]
    assert (one.share, round(one.low, 3), round(one.high, 3)) == (0.2, 0.095, 0.373)


def test_an_outcome_that_was_not_known_on_the_monday_is_no_figure_of_it(products_of):
    """As where a past week is filled in, and later weeks left their labels behind."""
    people = many(20)
    contents, _ = products_of({4: people, 0: people}, {row["customer_id"]: 1 for row in people})
    assert (contents[""].depth, contents[""].depth_on) == ((), None)
