"""The two kinds of sheet: customers to call, and a branch's summary of its managers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from configs.published import Run, Score
from configs.settings import Settings
from serve.layout import Column, Styles, fitted, head, page, row_height, styles
from serve.lists import CallList
from serve.moved import change_in_words, since
from serve.texts import OUTCOMES, TEXTS, Language

REASON_WIDTH = 30


@dataclass(frozen=True)
class Context:
    """What every sheet of one run has in common."""

    run: Run
    settings: Settings
    language: Language

    def text(self, key: str, **values: object) -> str:
        return TEXTS[self.language][key].format(**values)

    def term(self, kind: str, code: str) -> str:
        """The word for a stage or a band; a code without one is shown as it is."""
        return TEXTS[self.language].get(f"{kind}.{code}", code)

    def tier(self, name: str) -> str:
        names = {tier.name: tier.name_zh for tier in self.settings.tiers}
        return names.get(name, name) if self.language == "zh" else name

    def branch(self, branch_id: str | None) -> str:
        return branch_id or self.text("branch.none")

    def who(self, one: CallList) -> str:
        if one.manager is None:
            return self.text("own.who", branch=self.branch(one.branch_id))
        name, number = one.manager.name, one.manager.manager_id
        return f"{name} ({number})" if name else number

    @property
    def source(self) -> str:
        run = self.run
        return self.text("source", run=run.run_id, model=run.model_id, currency=run.base_currency)


def list_sheet(workbook: Workbook, context: Context, one: CallList) -> None:
    """One row per listed customer in the order of the list; the last two columns are left to fill in."""
    sheet = workbook.add_worksheet(context.text("list.sheet" if one.manager else "own.sheet"))
    style = styles(workbook, context.text("font"))
    columns = _list_columns(context, one.listed)
    facts = context.text(
        "list.facts",
        snapshot=context.run.snapshot_date,
        branch=context.branch(one.branch_id),
        listed=len(one.listed),
        customers=one.customers,
        money=_amount(sum(score.money_at_risk_minor for score in one.listed)),
        currency=context.run.base_currency,
    )
    title = context.text("list.title", who=context.who(one))
    top = head(sheet, columns, style, (title, facts, context.source))
    for number, score in enumerate(one.listed, start=1):
        formats = [style[score.risk_band if column.style == "band" else column.style] for column in columns]
        _write_cells(sheet, top + number, _list_row(context, number, score), formats)
        wrapped = [*_reasons(context, score), *_change(context, score)]
        sheet.set_row(top + number, row_height(wrapped, REASON_WIDTH))
    last = top + len(one.listed)
    _finish_list(sheet, context, style, columns, (top, last))
    page(sheet, top, frozen=2, footer=(context.source, context.text("page")))


def summary_sheet(workbook: Workbook, context: Context, lists: Sequence[CallList]) -> None:
    """One row per manager, most money at risk first, then the customers without one, then the branch."""
    sheet = workbook.add_worksheet(context.text("summary.sheet"))
    style = styles(workbook, context.text("font"))
    managed = sorted((one for one in lists if one.manager), key=lambda one: -one.money_at_risk_minor)
    own = [one for one in lists if one.manager is None]
    columns = _summary_columns(context, managed)
    facts = context.text(
        "summary.facts",
        snapshot=context.run.snapshot_date,
        managers=len(managed),
        customers=sum(one.customers for one in lists),
        orphans=sum(one.customers for one in own),
        money=_amount(sum(one.money_at_risk_minor for one in lists)),
        currency=context.run.base_currency,
    )
    title = context.text("summary.title", branch=context.branch(lists[0].branch_id))
    row = top = head(sheet, columns, style, (title, facts, context.source))
    for kind, part in (("", managed), ("own_", own), ("total_", [_total(lists)])):
        for one in part:
            row += 1
            sheet.set_row(row, 21)
            formats = [style[kind + column.style] for column in columns]
            _write_cells(sheet, row, _summary_row(context, kind, one), formats)
    if managed:
        sheet.autofilter(top, 0, top + len(managed), len(columns) - 1)
    sheet.write_string(row + 2, 0, context.text("summary.covered"), style["small"])
    page(sheet, top, frozen=2, footer=(context.source, context.text("page")))


def _list_columns(context: Context, listed: Sequence[Score]) -> list[Column]:
    text = context.text
    tiers = [context.tier(score.tier) for score in listed]
    stages = [context.term("stage", score.lifecycle_stage) for score in listed]
    outcomes = [text(f"outcome.{outcome}") for outcome in OUTCOMES]
    return [
        Column(text("column.rank"), "count", 6),
        Column(text("column.customer"), "text", fitted([score.customer_id for score in listed], 13, 30)),
        Column(text("column.tier"), "text", fitted(tiers, 11, 20)),
        Column(text("column.stage"), "text", fitted(stages, 11, 16)),
        Column(text("column.aum"), "money", 13),
        Column(text("column.risk", days=context.run.horizon_days), "share", 10),
        Column(text("column.band"), "band", 9),
        Column(text("column.money"), "worth", 15),
        *(
            Column(text("column.reason", number=number), "wrapped", REASON_WIDTH)
            for number in range(1, context.settings.lists.reasons + 1)
        ),
        *(
            [
                Column(
                    text("column.change", since=since(context.run, context.language)), "wrapped", REASON_WIDTH
                )
            ]
            if context.run.compared_with
            else []
        ),
        Column(text("column.outcome"), "input", fitted(outcomes, 16, 24)),
        Column(text("column.note"), "input", 24),
    ]


def _list_row(context: Context, rank: int, score: Score) -> list[str | float]:
    return [
        rank,
        score.customer_id,
        context.tier(score.tier),
        context.term("stage", score.lifecycle_stage),
        score.aum_minor / 100,
        score.risk,
        context.term("band", score.risk_band),
        score.money_at_risk_minor / 100,
        *_reasons(context, score),
        *_change(context, score),
        "",
        "",
    ]


def _reasons(context: Context, score: Score) -> list[str]:
    """As many texts as the list has columns for; empty where the customer has fewer reasons."""
    count = context.settings.lists.reasons
    texts = [one.text_zh if context.language == "zh" else one.text_en for one in score.reasons[:count]]
    return texts + [""] * (count - len(texts))


def _change(context: Context, score: Score) -> list[str]:
    """The text of the column that tells what moved; none where there is no run to compare with."""
    return [change_in_words(context.run, score, context.language)] if context.run.compared_with else []


def _finish_list(
    sheet: Worksheet, context: Context, style: Styles, columns: Sequence[Column], rows: tuple[int, int]
) -> None:
    """Words for the bands, the choice of outcomes, the filter, and what the figures mean below the table."""
    top, last = rows
    if last == top:
        sheet.write_string(top + 1, 0, context.text("list.empty"), style["facts"])
        return
    sheet.autofilter(top, 0, last, len(columns) - 1)
    outcome = len(columns) - 2
    sheet.data_validation(
        top + 1,
        outcome,
        last,
        outcome,
        {
            "validate": "list",
            "source": [context.text(f"outcome.{one}") for one in OUTCOMES],
            "error_title": context.text("outcome.error_title"),
            "error_message": context.text("outcome.error"),
        },
    )
    for offset, note in enumerate(_notes(context), start=2):
        sheet.write_string(last + offset, 0, note, style["small"])


def _notes(context: Context) -> tuple[str, ...]:
    label = context.settings.label
    start = context.run.snapshot_date + timedelta(days=label.lead_days)
    return (
        context.text("list.money", currency=context.run.base_currency),
        context.text("list.risk", drop=label.min_drop, days=label.horizon_days, start=start),
        context.text("list.return"),
    )


def _summary_columns(context: Context, managed: Sequence[CallList]) -> list[Column]:
    text = context.text
    numbers = [one.manager.manager_id for one in managed if one.manager]
    names = [one.manager.name for one in managed if one.manager]
    return [
        Column(text("column.manager"), "text", fitted([*numbers, text("own.row")], 14, 30)),
        Column(text("column.name"), "text", fitted(names, 18, 40)),
        Column(text("column.capacity"), "count", 12),
        Column(text("column.customers"), "count", 12),
        Column(text("column.high"), "count", 12),
        Column(text("column.portfolio"), "money", 18),
        Column(text("column.listed"), "count", 12),
        Column(text("column.listed_money"), "money", 20),
        Column(text("column.covered"), "share", 12),
    ]


def _summary_row(context: Context, kind: str, one: CallList) -> list[str | float]:
    names = {"own_": context.text("own.row"), "total_": context.text("summary.total")}
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


def _write_cells(
    sheet: Worksheet, row: int, values: Sequence[str | float], formats: Sequence[Format]
) -> None:
    """Texts as texts and numbers as numbers, so that an id such as =1+1 is never a formula."""
    for number, (value, cell) in enumerate(zip(values, formats, strict=True)):
        if value == "":
            sheet.write_blank(row, number, None, cell)
        elif isinstance(value, str):
            sheet.write_string(row, number, value, cell)
        else:
            sheet.write_number(row, number, value, cell)


def _amount(minor: int) -> str:
    return f"{minor / 100:,.0f}"
