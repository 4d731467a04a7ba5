"""The context of a workbook's sheets, and a branch's summary of its managers."""

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
    """The run, settings and language of a workbook, and the texts that its sheets share."""

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

    @property
    def longest(self) -> str:
        """The name of the column with the risk at the longest horizon."""
        return f"risk_{self.settings.label.horizons[-1]}d"

    def who(self, call_list: CallList) -> str:
        if call_list.manager is None:
            return self.words("own.who", branch=self.branch(call_list.branch_id))
        name, number = call_list.manager.name, call_list.manager.manager_id
        return f"{name} ({number})" if name else number

    @property
    def source(self) -> str:
        run = self.run
        return self.words("source", run=run.run_id, model=run.model_id, currency=run.base_currency)


def summary_sheet(workbook: Workbook, context: Context, lists: Sequence[CallList]) -> None:
    """One row per manager, most money at risk first, then the customers without one, then the branch."""
    sheet = workbook.add_worksheet(context.words("summary.sheet"))
    style = styles(workbook, context.words("font"))
    by_money = sorted(lists, key=lambda call_list: -call_list.money_at_risk_minor)
    managed = [call_list for call_list in by_money if call_list.manager]
    own, total = [call_list for call_list in lists if call_list.manager is None], _total(lists)
    columns = _summary_columns(context, managed)
    facts = context.words(
        "summary.facts",
        snapshot=context.run.snapshot_date,
        managers=len(managed),
        customers=total.customers,
        orphans=sum(call_list.customers for call_list in own),
        money=context.words.money(total.money_at_risk_minor),
        currency=context.run.base_currency,
    )
    title = context.words("summary.title", branch=context.branch(total.branch_id))
    row = top = head(sheet, columns, style, (title, facts, context.source))
    for kind, part in (("", managed), ("own_", own), ("total_", [total])):
        for call_list in part:
            row += 1
            sheet.set_row(row, 21)
            formats = [style[kind + column.style] for column in columns]
            write_cells(sheet, row, _summary_row(context, kind, call_list), formats)
    if managed:
        sheet.autofilter(top, 0, top + len(managed), len(columns) - 1)
    sheet.write_string(row + 2, 0, context.words("summary.covered"), style["small"])
    page(sheet, top, frozen=2, footer=(context.source, context.words("page")))


def _summary_columns(context: Context, managed: Sequence[CallList]) -> list[Column]:
    words = context.words
    numbers = [call_list.manager.manager_id for call_list in managed if call_list.manager]
    names = [call_list.manager.name for call_list in managed if call_list.manager]
    return [
        Column("manager", words("column.manager"), "text", fitted([*numbers, words("own.row")], 14, 30)),
        Column("name", words("column.name"), "text", fitted(names, 18, 40)),
        Column("capacity", words("column.capacity"), "count", 12),
        Column("customers", words("column.customers"), "count", 12),
        Column("high", words("column.high"), "count", 12),
        Column("portfolio", words("column.portfolio"), "money", 18),
        Column("listed", words("column.listed"), "count", 12),
        Column("listed_money", words("column.listed_money"), "money", 20),
        Column("covered", words("column.covered"), "share", 12),
    ]


def _summary_row(context: Context, kind: str, call_list: CallList) -> list[str | float]:
    names = {"own_": "own.row", "total_": "summary.total"}
    manager, listed_minor = call_list.manager, sum(score.money_at_risk_minor for score in call_list.listed)
    return [
        manager.manager_id if manager else context.words(names[kind]),
        manager.name if manager else "",
        manager.weekly_capacity if manager else "",
        call_list.customers,
        call_list.high_risk,
        call_list.money_at_risk_minor / 100,
        len(call_list.listed),
        listed_minor / 100,
        listed_minor / call_list.money_at_risk_minor if call_list.money_at_risk_minor else "",
    ]


def _total(lists: Sequence[CallList]) -> CallList:
    """All of a branch as if it were one list."""
    return CallList(
        lists[0].branch_id,
        None,
        tuple(score for call_list in lists for score in call_list.listed),
        customers=sum(call_list.customers for call_list in lists),
        high_risk=sum(call_list.high_risk for call_list in lists),
        money_at_risk_minor=sum(call_list.money_at_risk_minor for call_list in lists),
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
