"""What the sheets of a run have in common, and a branch's summary of its managers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from configs.call_lists import CallList
from configs.published import Language, Run
from configs.settings import Settings
from serve.texts.wording import Wording
from serve.workbooks.layout import Column, fitted, head, page, styles


@dataclass(frozen=True)
class Context:
    """What every sheet of one run has in common."""

    run: Run
    settings: Settings
    language: Language

    @cached_property
    def words(self) -> Wording:
        return Wording(self.language)

    def tier(self, name: str) -> str:
        names = {tier.name: tier.name_zh for tier in self.settings.tiers}
        return names.get(name, name) if self.language == "zh" else name

    def branch(self, branch_id: str | None) -> str:
        return branch_id or self.words("branch.none")

    def who(self, one: CallList) -> str:
        if one.manager is None:
            return self.words("own.who", branch=self.branch(one.branch_id))
        name, number = one.manager.name, one.manager.manager_id
        return f"{name} ({number})" if name else number

    @property
    def source(self) -> str:
        run = self.run
        return self.words("source", run=run.run_id, model=run.model_id, currency=run.base_currency)


def summary_sheet(workbook: Workbook, context: Context, lists: Sequence[CallList]) -> None:
    """One row per manager, most money at risk first, then the customers without one, then the branch."""
    sheet = workbook.add_worksheet(context.words("summary.sheet"))
    style = styles(workbook, context.words("font"))
    managed = sorted((one for one in lists if one.manager), key=lambda one: -one.money_at_risk_minor)
    own = [one for one in lists if one.manager is None]
    columns = _summary_columns(context, managed)
    facts = context.words(
        "summary.facts",
        snapshot=context.run.snapshot_date,
        managers=len(managed),
        customers=sum(one.customers for one in lists),
        orphans=sum(one.customers for one in own),
        money=context.words.money(sum(one.money_at_risk_minor for one in lists)),
        currency=context.run.base_currency,
    )
    title = context.words("summary.title", branch=context.branch(lists[0].branch_id))
    row = top = head(sheet, columns, style, (title, facts, context.source))
    for kind, part in (("", managed), ("own_", own), ("total_", [_total(lists)])):
        for one in part:
            row += 1
            sheet.set_row(row, 21)
            formats = [style[kind + column.style] for column in columns]
            write_cells(sheet, row, _summary_row(context, kind, one), formats)
    if managed:
        sheet.autofilter(top, 0, top + len(managed), len(columns) - 1)
    sheet.write_string(row + 2, 0, context.words("summary.covered"), style["small"])
    page(sheet, top, frozen=2, footer=(context.source, context.words("page")))


def _summary_columns(context: Context, managed: Sequence[CallList]) -> list[Column]:
    text = context.words
    numbers = [one.manager.manager_id for one in managed if one.manager]
    names = [one.manager.name for one in managed if one.manager]
    return [
        Column("manager", text("column.manager"), "text", fitted([*numbers, text("own.row")], 14, 30)),
        Column("name", text("column.name"), "text", fitted(names, 18, 40)),
        Column("capacity", text("column.capacity"), "count", 12),
        Column("customers", text("column.customers"), "count", 12),
        Column("high", text("column.high"), "count", 12),
        Column("portfolio", text("column.portfolio"), "money", 18),
        Column("listed", text("column.listed"), "count", 12),
        Column("listed_money", text("column.listed_money"), "money", 20),
        Column("covered", text("column.covered"), "share", 12),
    ]


def _summary_row(context: Context, kind: str, one: CallList) -> list[str | float]:
    names = {"own_": context.words("own.row"), "total_": context.words("summary.total")}
    listed_minor = sum(score.money_at_risk_minor for score in one.listed)
    return [
        one.manager.manager_id if one.manager else names[kind],
        one.manager.name if one.manager else "",
        one.manager.weekly_capacity if one.manager else "",
        one.customers,
        one.high_risk,
        one.money_at_risk_minor / 100,
        len(one.listed),
        listed_minor / 100,
        listed_minor / one.money_at_risk_minor if one.money_at_risk_minor else "",
    ]


def _total(lists: Sequence[CallList]) -> CallList:
    """All of a branch as if it were one list."""
    return CallList(
        lists[0].branch_id,
        None,
        tuple(score for one in lists for score in one.listed),
        customers=sum(one.customers for one in lists),
        high_risk=sum(one.high_risk for one in lists),
        money_at_risk_minor=sum(one.money_at_risk_minor for one in lists),
        decisions=(),
    )


def write_cells(sheet: Worksheet, row: int, values: Sequence[str | float], formats: Sequence[Format]) -> None:
    """Texts as texts and numbers as numbers, so that an id such as =1+1 is never a formula."""
    for number, (value, cell) in enumerate(zip(values, formats, strict=True)):
        if value == "":
            sheet.write_blank(row, number, None, cell)
        elif isinstance(value, str):
            sheet.write_string(row, number, value, cell)
        else:
            sheet.write_number(row, number, value, cell)
