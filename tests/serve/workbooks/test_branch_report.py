"""The monthly workbook of a branch: what its sheets and charts hold, as Excel would open them."""

from dataclasses import replace
from datetime import date
from io import BytesIO
from itertools import accumulate

import pytest
from openpyxl import load_workbook

from configs.branch_figures.load import BranchLoad, Care, Load, ManagerLoad
from configs.branch_figures.movement import Bridge, Movement, MovementPeriod
from configs.branch_figures.products import (
    ClassDropped,
    ClassHeld,
    DepthOutcome,
    ProductCell,
    ProductDimension,
    Products,
)
from configs.branch_figures.satisfaction import FactorFigures, Importance, Satisfaction
from configs.branch_rows import BranchFigures
from configs.errors import DataError
from configs.published import RunExtras
from serve.texts.wording import Wording
from serve.workbooks.branch_report import branch_reports
from tests.serve.branch_contents import branch_figures

MONDAY = date(2026, 11, 16)
FUNDS = ProductCell("", 10, 8, 900_000, 14, 12, (ClassHeld("fund", 4, 1_000_00, None, None),))
PRODUCTS = Products(
    str(MONDAY), 10, (ProductDimension("all", (FUNDS,)),), (ClassDropped(13, "fund", 5, 1, 1_00),), (),
    (DepthOutcome(1, 40, 4, 0.1, 0.04, 0.23), DepthOutcome(5, 20, 1, 0.05, 0.01, 0.24)), None,
)  # fmt: skip
FACTOR = FactorFigures(
    "service", "service mode", "服务方式", 30, 3.5, 3.2, 3.8, -0.2, 0.4, None, None, "", *(None,) * 4,
    Importance(0.6, 0.4, 0.8, 0.2, 0.1, 0.3, True), None, None, None,
)  # fmt: skip
SATISFACTION = Satisfaction(
    str(MONDAY),
    str(MONDAY),
    1,
    5,
    40,
    30,
    0.75,
    28.0,
    (),
    3.4,
    3.1,
    3.7,
    3.5,
    (FACTOR, replace(FACTOR, en="brand", gap=-0.9, gap_p=0.001)),
    (),
    (),
    (),
    None,
    None,
    None,
)
CARE = Care("M1", 10, 9_000_00, 800_00, 6, 2, 40, 3.5)
LOAD = Load(
    CARE, CARE, (), (replace(CARE, name="wealth"),), (ManagerLoad(CARE, 4.5, 5, 0.0, None),), (), 0, None, ()
)


@pytest.fixture
def session(store, publish_run):
    figures = branch_figures(MONDAY, {"B1": ("M1",), "B/2": ("M3",)})
    publish_run("run-1", MONDAY, extras=RunExtras(branch_figures=figures))
    with store.at_run() as session:
        yield session


def test_the_bank_and_each_branch_get_a_workbook_whose_charts_read_its_cells(session):
    written = dict(branch_reports(session, "en"))
    assert list(written) == ["bank.en.xlsx", "branch_B%2F2.en.xlsx", "branch_B1.en.xlsx"]
    assert written == dict(branch_reports(session, "en"))  # byte for byte
    book = load_workbook(BytesIO(written["branch_B1.en.xlsx"]))
    assert book.sheetnames == ["Structure", "Movement", "Products", "Satisfaction", "Coverage and load"]
    assert book["Products"]["A5"].value.startswith("Products: not published in this run.")
    structure, movement = book["Structure"], book["Movement"]
    assert structure["A1"].value == "Branch B1 · Structure"
    kinds = [type(chart).__name__ for chart in structure._charts]
    assert kinds == ["BarChart", "BarChart", "LineChart"]  # tiers, stages, the year; one manager has no chart
    [bridge] = movement._charts
    assert bridge.grouping == "stacked"
    assert [filled(series) for series in bridge.series] == [False, True, True, True]
    for chart in (*structure._charts, bridge):
        for series in chart.series:
            sheet, _, cells = series.val.numRef.f.partition("!")
            values = [cell.value for (cell,) in book[sheet.strip("'")][cells.replace("$", "")]]
            assert any(isinstance(value, int | float) for value in values)


def test_products_satisfaction_and_load_have_sheets_too(store, publish_run):
    contents = {"products": PRODUCTS, "satisfaction": SATISFACTION, "load": LOAD}
    figures = [BranchFigures("B1", name, content) for name, content in contents.items()]
    publish_run("run-1", MONDAY, extras=RunExtras(branch_figures=figures))
    with store.at_run() as session:
        [(_, content)] = branch_reports(session, "en", "B1")
    book = load_workbook(BytesIO(content))
    found = {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book}
    assert ["Funds", 4, 0.4, 1000, None] in [row[:5] for row in found["Products"]]
    assert ["5 or more", 20, 0.05] in [row[:3] for row in found["Products"]]
    assert ["service mode", 30, 3.5, None, None, 0.6, None] in [row[:7] for row in found["Satisfaction"]]
    assert ["brand", 30, 3.5, -0.9] in [row[:4] for row in found["Satisfaction"]]  # the other one is noise
    # 3.5 calls are of this branch, 4.5 of all: what the capacity is for.
    assert ["张伟", 10, 6, 2, 4.5, 9000, 800, 5, 0] in [row[:9] for row in found["Coverage and load"]]
    assert [len(sheet._charts) for sheet in book] == [0, 0, 2, 1, 2]


@pytest.mark.parametrize("named", ["", "B1"])
def test_branches_have_a_table_where_the_bank_has_any(store, publish_run, named):
    branches = tuple(BranchLoad(replace(CARE, name=name), 10, 0, None) for name in {"", named})
    load = BranchFigures("", "load", replace(LOAD, managers=(), branches=branches))
    publish_run("run-1", MONDAY, extras=RunExtras(branch_figures=[load]))
    with store.at_run() as session:
        [(_, content)] = branch_reports(session, "en")
    names = [row[0].value for row in load_workbook(BytesIO(content))["Coverage and load"].iter_rows()]
    assert ("Branches" in names, "not known" in names) == (bool(named), bool(named))


def filled(series):
    return not series.graphicalProperties.noFill


# Each part another power of two: 100,000 + 511 that add − 3,584 that take away = 96,927.
ADDING = {"known_later": 1, "new": 2, "inflow": 4, "arrived": 8, "bank": 16, "market": 32, "exchange": 64,
          "waiting": 128, "unexplained": 256}  # fmt: skip
TAKING = {"outflow": 512, "left": 1024, "gone": 2048}
BRIDGE = Bridge(
    "", "", 40, 3, 1, 2, 1, 41, opening_minor=100_000_00, closing_minor=96_927_00,
    **{f"{part}_minor": 100 * amount for part, amount in (ADDING | TAKING).items()},
)  # fmt: skip


def test_the_steps_of_the_bridge_lead_from_one_total_to_the_other(store, publish_run):
    periods = tuple(MovementPeriod(weeks, "2026-10-19", (BRIDGE,), ()) for weeks in (4, 13))
    figures = [BranchFigures("B1", "movement", Movement(str(MONDAY), periods))]
    publish_run("run-1", MONDAY, extras=RunExtras(branch_figures=figures))
    with store.at_run() as session:
        [(_, content)] = branch_reports(session, "zh", "B1")
    rows = [[cell.value for cell in row[:6]] for row in load_workbook(BytesIO(content))["变动"].iter_rows()]
    first, second = (place for place, row in enumerate(rows) if row[0] == "期初AUM")
    end = next(place for place, row in enumerate(rows) if row[0] == "期末AUM")
    words = Wording("zh")
    signed = ADDING | {part: -amount for part, amount in TAKING.items()}
    expected = {words(f"bridge.{part}"): amount for part, amount in signed.items()}
    steps = rows[first + 1 : end]
    assert {row[0]: row[1] for row in steps} == expected
    assert [rows[place][1] for place in (first, end)] == [100_000, 96_927]
    levels = accumulate((row[1] for row in steps), initial=100_000)
    for (_, amount, carried, _, up, down), before in zip(steps, levels, strict=False):
        assert ((up or 0) - (down or 0), carried) == (amount, min(before, before + amount))
    both = {row[0]: row[1:3] for row in rows[second:] if row[0]}
    assert {name: both[name] for name in expected} == {name: [step] * 2 for name, step in expected.items()}
    assert both["期末AUM"] == [96_927] * 2


def test_a_branch_or_a_run_without_figures_says_what_to_do(session, store, publish_run):
    with pytest.raises(DataError, match=r"no figures of branch 'B9'\. (Known: B|Did you)"):
        list(branch_reports(session, "en", "B9"))
    publish_run("run-2", date(2026, 11, 23))
    with (
        store.at_run() as later,
        pytest.raises(DataError, match=r"earlier software\. Publish one with make weekly"),
    ):
        list(branch_reports(later, "en"))
