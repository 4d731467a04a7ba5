"""One sheet for each content of a branch's figures: tables, and the charts that show them."""

from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise
from typing import Any

from configs.branch_figures.movement import PARTS
from configs.branch_figures.products import DEEPEST
from configs.branch_figures.satisfaction import CERTAIN
from serve.texts.wording import Wording
from serve.workbooks.chart_sheet import AMBER, DOWN, NAVY, NO_FILL, UP, ChartSheet

Content = Mapping[str, Any]
SHOWN = 60  # cells of a dimension: the largest
MONTH, QUARTER = 4, 13  # weeks


def structure_sheet(sheet: ChartSheet, figures: Content) -> None:
    """Customers and AUM by each dimension, and the year behind."""
    words, money = sheet.words, sheet.run.has_money
    columns = [(words("branch.col.customers"), "count"), (words("book.scored"), "count")]
    columns += [(words("list.col.aum"), "money"), (words("branch.share"), "share")] if money else []
    chosen = 3 if money else 1
    for dimension in figures["dimensions"]:
        name = dimension["dimension"]
        cells = dimension["cells"]
        if name in ("branch", "manager"):
            cells = sorted(cells, key=lambda cell: (-cell["aum_minor"], -cell["customers"]))[:SHOWN]
        rows = [
            [sheet.term(name, cell["cell"]), *_counted(cell, money), *([cell["share"]] if money else [])]
            for cell in cells
        ]
        table = sheet.table(words(f"book.by.{name}"), [(words(f"book.{name}"), "text"), *columns], rows)
        if len(rows) > 1:
            sheet.chart("column", table, words(f"book.by.{name}"), {chosen: NAVY})
    trend = figures["trend"]
    rows = [
        [words.day(date.fromisoformat(point["snapshot_date"])), *_counted(point, money)] for point in trend
    ]
    table = sheet.table(
        words("bank.trend"), [(words("book.monday"), "text"), *columns[: 3 if money else 2]], rows
    )
    sheet.chart("line", table, words("book.trend" if money else "book.trend.customers"), {chosen: NAVY})


def _counted(cell: Content, money: bool) -> list[int]:
    return [cell["customers"], cell["cohort"], *([cell["aum_minor"]] if money else [])]


def movement_sheet(sheet: ChartSheet, figures: Content) -> None:
    """The bridge of AUM over a month step by step, and over all periods; the matrices of a quarter."""
    words, periods = sheet.words, figures["periods"]
    if periods and sheet.run.has_money:
        month = min(periods, key=lambda period: abs(period["weeks"] - MONTH))
        _bridge(sheet, month)
        bridges = [_whole(period) for period in periods]
        rows = [
            [words(f"bridge.{name}"), *(_signed(bridge, name) for bridge in bridges)]
            for name in ("opening", *PARTS, "closing")
            if any(_signed(bridge, name) for bridge in bridges)
        ]
        columns = [(words("book.weeks", weeks=period["weeks"]), "money") for period in periods]
        sheet.table(words("book.bridges"), [(words("book.part"), "text"), *columns], rows)
    for period in periods:
        if abs(period["weeks"] - QUARTER) == min(abs(other["weeks"] - QUARTER) for other in periods):
            for matrix in period["movements"]:
                _matrix(sheet, matrix, period["weeks"])


def _whole(period: Content) -> Content:
    bridge: Content = next(bridge for bridge in period["bridges"] if not bridge["dimension"])
    return bridge


def _signed(bridge: Content, name: str) -> int:
    amount: int = bridge[f"{name}_minor"]
    return PARTS.get(name, 1) * amount


def _bridge(sheet: ChartSheet, period: Content) -> None:
    """Stacked columns: what carries a step has no fill, so that it begins where the one before ended."""
    words, bridge = sheet.words, _whole(period)
    steps = [(name, _signed(bridge, name)) for name in PARTS if bridge[f"{name}_minor"]]
    levels = [bridge["opening_minor"]]
    for _, amount in steps:
        levels.append(levels[-1] + amount)
    rows: list[list[Any]] = [[words("bridge.opening"), levels[0], None, levels[0], None, None]]
    for (name, amount), (before, after) in zip(steps, pairwise(levels), strict=True):
        carried, up, down = min(before, after), max(amount, 0) or None, max(-amount, 0) or None
        rows.append([words(f"bridge.{name}"), amount, carried, None, up, down])
    rows.append([words("bridge.closing"), levels[-1], None, levels[-1], None, None])
    names = ("book.amount", "book.carried", "book.whole", "book.up", "book.down")
    columns = [(words("book.part"), "text"), *((words(name), "money") for name in names)]
    since = words.day(date.fromisoformat(period["since"]))
    heading = words("book.bridge", since=since, weeks=period["weeks"])
    table = sheet.table(heading, columns, rows, words("book.bridge.note"))
    low, high = min(levels), max(levels)
    step = 10 ** (len(str(high - low)) - 1)
    floor = max(0, low - 2 * (high - low)) // step * step / 100
    series = {2: NO_FILL, 3: NAVY, 4: UP, 5: DOWN}
    sheet.chart("column", table, heading, series, "stacked", floor)


def _matrix(sheet: ChartSheet, matrix: Content, weeks: int) -> None:
    words, name = sheet.words, matrix["dimension"]
    cells = [sheet.term(name, cell) for cell in matrix["cells"]]
    columns = [(words(f"book.{name}"), "text")]
    columns += [(cell, "count") for cell in (*cells, words("bridge.gone"), words("bridge.left"))]
    names = (*cells, words("bridge.arrived"), words("bridge.new"))
    rows = [[row, *counts] for row, counts in zip(names, matrix["customers"], strict=True)]
    sheet.table(words(f"book.matrix.{name}", weeks=weeks), columns, rows, words("book.matrix.note"))


def products_sheet(sheet: ChartSheet, figures: Content) -> None:
    """Classes held, given up, and missing while customers alike hold them; leavers by depth."""
    words = sheet.words
    kinds = {"book.class": "text", "branch.col.customers": "count", "branch.share": "share"}
    kinds |= {"book.amount": "money", "book.gap": "count"}
    for cell in _everybody(figures):
        rows = [
            [
                words.term("class", held["product_class"]),
                held["customers"],
                held["customers"] / cell["customers"] if cell["customers"] else None,
                held["amount_minor"],
                held["gap"],
            ]
            for held in cell["by_class"]
        ]
        table = sheet.table(words("book.held"), sheet.columns(kinds), rows, words("book.gap.note"))
        sheet.chart("column", table, words("book.held"), {1: NAVY, 4: AMBER})
    kinds = {"book.class": "text", "book.period": "count", "book.held_then": "count"}
    kinds |= {"book.dropped": "count", "book.amount": "money"}
    names = ("weeks", "held", "dropped", "amount_minor")
    rows = [
        [words.term("class", item["product_class"]), *(item[name] for name in names)]
        for item in figures["dropped"]
    ]
    sheet.table(words("book.dropped.heading"), sheet.columns(kinds), rows)
    kinds = {"book.depth": "text", "branch.col.customers": "count", "book.left": "share"}
    kinds |= {"book.low": "share", "book.high": "share"}
    names = ("customers", "share", "low", "high")
    rows = [[_depth(words, item["classes"]), *(item[name] for name in names)] for item in figures["depth"]]
    if rows:
        heading = words("book.depth.heading")
        table = sheet.table(heading, sheet.columns(kinds), rows, words("book.depth.note"))
        sheet.chart("column", table, heading, {2: NAVY})


def _depth(words: Wording, classes: int) -> str:
    return words("products.depth.more", classes=classes) if classes == DEEPEST else str(classes)


def _everybody(figures: Content) -> list[Content]:
    """The one cell of all customers."""
    dimensions = (dimension for dimension in figures["dimensions"] if dimension["dimension"] == "all")
    return [cell for dimension in dimensions for cell in dimension["cells"]]


def satisfaction_sheet(sheet: ChartSheet, figures: Content) -> None:
    """Each factor: its level, a clear gap to other branches, and what it explains of the two outcomes."""
    words = sheet.words
    kinds = {
        "book.factor": "text",
        "book.answered": "count",
        "book.mean": "ratio",
        "book.gap_to_bank": "ratio",
    }
    kinds |= {"book.stated": "ratio", "book.derived": "share", "book.realised": "share"}
    rows = [
        [
            words.either(factor["en"], factor["zh"]),
            factor["respondents"],
            factor["mean"],
            factor["gap"] if factor["gap_p"] is not None and factor["gap_p"] < CERTAIN else None,
            factor["stated"],
            *(factor[name] and factor[name]["share"] for name in ("derived", "outflow")),
        ]
        for factor in figures["factors"]
    ]
    if rows:
        heading = words("book.factors", lowest=figures["lowest"], highest=figures["highest"])
        table = sheet.table(heading, sheet.columns(kinds), rows, words("book.factors.note"))
        sheet.chart("column", table, words("book.explains"), {5: NAVY, 6: AMBER})


def load_sheet(sheet: ChartSheet, figures: Content) -> None:
    """The contacts that are due against what managers can do, and whom nobody reached in time."""
    words, money = sheet.words, sheet.run.has_money
    care = {"branch.col.customers": "count", "book.asked": "count", "book.overdue": "count"}
    care |= {"book.calls": "count"}
    care |= {"list.col.aum": "money", "branch.col.money": "money"} if money else {}
    rows = [
        [
            sheet.term("manager", row["care"]["name"]),
            *_care(row["care"] | {"calls": row["calls"]}, money),
            row["capacity"],
            row["over_capacity"],
        ]
        for row in figures["managers"]
    ]
    if rows:
        columns = sheet.columns(
            {"book.manager": "text", **care, "book.capacity": "count", "book.excess": "count"}
        )
        table = sheet.table(words("branch.managers"), columns, rows, words("book.load.note"))
        sheet.chart("column", table, words("book.load"), {4: NAVY, len(care) + 1: AMBER})
    for name in ("segment", "tier"):
        rows = [[sheet.term(name, row["name"]), *_care(row, money)] for row in figures[f"{name}s"]]
        if rows:
            columns = sheet.columns({f"book.{name}": "text", **care})
            table = sheet.table(words(f"book.by.{name}"), columns, rows)
            sheet.chart("column", table, words("book.due"), {2: NAVY, 3: AMBER})
    rows = [
        [
            sheet.term("branch", row["care"]["name"]),
            *_care(row["care"], money),
            row["unassigned"],
            row["overloaded"],
        ]
        for row in sorted(figures["branches"], key=_overdue)[:SHOWN]
    ]
    if any(row["care"]["name"] for row in figures["branches"]):
        more = {"branches.col.orphans": "count", "book.overloaded": "count"}
        columns = sheet.columns({"book.branch": "text", **care, **more})
        table = sheet.table(words("branches.heading"), columns, rows)
        sheet.chart("column", table, words("book.due"), {2: NAVY, 3: AMBER})


def _care(row: Content, money: bool) -> list[Any]:
    amounts = [row["aum_minor"], row["money_at_risk_minor"]] if money else []
    return [row["customers"], row["asked"], row["overdue"], row["calls"], *amounts]


def _overdue(row: Content) -> tuple[int, str]:
    return -row["care"]["overdue"], row["care"]["name"]


SHEETS: Mapping[str, Callable[[ChartSheet, Content], None]] = {
    "structure": structure_sheet,
    "movement": movement_sheet,
    "products": products_sheet,
    "satisfaction": satisfaction_sheet,
    "load": load_sheet,
}
