"""The monthly workbook of a branch: what its sheets and charts hold, as Excel would open them."""

from datetime import date
from io import BytesIO
from itertools import accumulate

import pytest
from openpyxl import load_workbook

from configs.errors import DataError
from configs.published import RunExtras
from serve.workbooks.branch_report import branch_reports
from tests.serve.branch_contents import branch_figures

MONDAY = date(2026, 11, 16)


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
    assert book.sheetnames == ["Structure", "Movement"]
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


def filled(series):
    return not series.graphicalProperties.noFill


def test_the_steps_of_the_bridge_lead_from_one_total_to_the_other(session):
    [(_, content)] = branch_reports(session, "zh", "B1")
    rows = [[cell.value for cell in row[:6]] for row in load_workbook(BytesIO(content))["变动"].iter_rows()]
    start = next(place for place, row in enumerate(rows) if row[0] == "期初 AUM")
    end = next(place for place, row in enumerate(rows) if row[0] == "期末 AUM")
    (opening, *steps), (closing, *_) = ([row[1] for row in rows[start:end]], [rows[end][1]])
    assert list(accumulate(steps, initial=opening))[-1] == pytest.approx(closing)
    assert [row[0] for row in rows[start + 1 : end]] == [
        "新客户",
        "资金流入",
        "资金流出",
        "市场价格",
        "汇率",
        "离行客户",
    ]
    for (_, _, carried, _, up, down), amount in zip(rows[start + 1 : end], steps, strict=True):
        assert ((up or 0) - (down or 0), carried > 0) == (pytest.approx(amount), True)


def test_a_branch_or_a_run_without_figures_says_what_to_do(session, store, publish_run):
    with pytest.raises(DataError, match="no figures of branch 'B9'"):
        list(branch_reports(session, "en", "B9"))
    publish_run("run-2", date(2026, 11, 23))
    with (
        store.at_run() as later,
        pytest.raises(DataError, match=r"earlier software\. Publish one with make weekly"),
    ):
        list(branch_reports(later, "en"))
