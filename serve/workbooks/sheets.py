"""The sheets of a workbook: customers to call, read back when filled in, and a branch's managers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from configs.call_lists import CallList, ListTerms
from configs.published import (
    AHEAD_DAYS,
    ALERT_FEEDBACK,
    OUTCOMES,
    Maturity,
    PastContact,
    Profile,
    Run,
    Score,
    risk_name,
)
from serve.store.list_rows import WEEKS, ListRow
from serve.texts.decisions import household_in_words, how_in_words
from serve.texts.wording import Wording, caveats, change_in_words, risk_in_words, risk_points
from serve.workbooks.layout import Column, Styles, bars, fitted, head, page, row_height, styles

MATURITIES = 3  # that are named; the others are one line
NOTE_ROWS = 6  # below the table
# Columns of a list and of a summary that hold nothing where the bank counts customers.
OF_MONEY = {"aum", "line", "keep", "money", "maturing", "portfolio", "listed_money", "covered"}


@dataclass(frozen=True)
class Context:
    """The run and terms of a workbook, and the texts that its sheets share."""

    run: Run
    terms: ListTerms

    @cached_property
    def words(self) -> Wording:
        return Wording(self.terms.language, lambda: self.terms.tiers)

    def tier(self, name: str) -> str:
        return self.words.term("tier", name) if self.terms.language == "zh" else name

    def who(self, call_list: CallList) -> str:
        if call_list.manager is None:
            branch = call_list.branch_id
            return self.words("own.who", branch=branch) if branch else self.words("common.who")
        name, number = call_list.manager.name, call_list.manager.manager_id
        return f"{name} ({number})" if name else number

    @property
    def source(self) -> str:
        return self.words(
            "source",
            run=self.run.run_id,
            model=self.run.model_id,
            currency=self.words.currency(self.run.base_currency),
        )


def _with_caveats(context: Context, facts: str) -> str:
    """The facts, and what a reader must know of the run."""
    return "  ".join((facts, *caveats(context.run, context.words)))


def list_sheet(workbook: Workbook, context: Context, call_list: CallList, rows: Sequence[ListRow]) -> None:
    """One row per listed customer in the order of the list; the outcome of the calls is left to fill in.

    Above the headings a hidden row names each column for programs, and hidden columns say whose outcome a row
    holds. Both move along when somebody sorts the table.
    """
    words = context.words
    sheet = workbook.add_worksheet(
        words("own.sheet" if call_list.branch_id and not call_list.manager else "list.sheet")
    )
    style = styles(workbook, words("font"), words("excel.money"))
    columns = _columns(context, call_list, rows)
    longest = risk_name(context.run.horizon_days)
    title = words("list.title", who=context.who(call_list))
    facts = _with_caveats(context, _facts(context, call_list))
    top = head(sheet, columns, style, (title, facts, context.source))
    for place, row in enumerate(rows, start=top + 1):
        cells = [column.cell(row) for column in columns]
        risk = f"share_{row.score.risk_band}"
        formats = [style[risk if column.name == longest else column.style] for column in columns]
        write_cells(sheet, place, cells, formats)
        wrapped = [
            (str(cell), column.width)
            for cell, column in zip(cells, columns, strict=True)
            if column.style == "wrapped"
        ]
        sheet.set_row(place, row_height(wrapped, words("font")))
    _finish(sheet, context, style, columns, (top, top + len(rows)))
    page(sheet, top, footer=(context.source, words("page")))
    shown = sum(column.style != "hidden" for column in columns)
    sheet.print_area(0, 0, top + len(rows) + NOTE_ROWS, shown - 1)


def _facts(context: Context, call_list: CallList) -> str:
    return context.words(
        "list.facts" if context.run.has_money else "list.facts.risk",
        snapshot=context.words.day(context.run.snapshot_date),
        branch=context.words("list.branch", branch=call_list.branch_id) if call_list.branch_id else "",
        listed=len(call_list.listed),
        customers=call_list.customers,
        money=context.words.amount(_listed_minor(call_list), context.run.base_currency),
    )


def _choices(context: Context) -> dict[str, list[str]]:
    """The words to choose from, by the name of their column."""
    codes = {"outcome": OUTCOMES, "feedback": ALERT_FEEDBACK}
    return {kind: [context.words.term(kind, code) for code in known] for kind, known in codes.items()}


def _columns(context: Context, call_list: CallList, rows: Sequence[ListRow]) -> list[Column]:
    words, manager = context.words, call_list.manager
    numbers, choices = [row.score.customer_id for row in rows], _choices(context)
    tier, stage = ("tier", words("column.tier")), ("stage", words("column.stage"))

    def risk(days: int) -> Column:
        return Column(risk_name(days), words("column.risk", days=days), "share", 6.5,
                      lambda row: row.score.risks(days).get(days, ""))  # fmt: skip

    columns = [
        Column("rank", words("column.rank"), "count", 5, lambda row: row.rank),
        Column("part", words("column.part"), "wrapped", 9,
               lambda row: words(f"list.part.{row.part}")),
        Column("customer", words("column.customer"), "id", fitted(numbers, 12, 26),
               lambda row: row.score.customer_id),
        *person_columns(words, [row.profile for row in rows]),
        Column(*(tier if context.run.has_money else stage), "wrapped", 11,
               lambda row: _tier_and_stage(context, row.score)),
        Column("aum", words("column.aum"), "money", 11, lambda row: row.score.aum_minor / 100),
        Column("line", words("column.line", weeks=WEEKS), "bars", 15, lambda row: bars(row.weeks)),
        *map(risk, context.terms.horizons),
        Column("keep", words("column.keep"), "money_bold", 11.5,
               lambda row: row.decision.expected_value_minor / 100),
        Column("money", words("column.money"), "money", 11.5,
               lambda row: row.score.money_at_risk_minor / 100),
        Column("why", words("column.why"), "wrapped", 52, lambda row: _why(context, row)),
        Column("maturing", words("column.maturing", days=AHEAD_DAYS), "wrapped", 34,
               lambda row: maturing_in_words(context, row.profile.maturities)),
        Column("contact", words("column.contact"), "wrapped", 12,
               lambda row: last_contact_in_words(context, row.last_contact, row.follow_up_on)),
        Column("next_step", words("column.next_step"), "wrapped", 25,
               lambda row: words.either(row.decision.next_step_en, row.decision.next_step_zh) or ""),
        Column("how", words("policy.how"), "wrapped", 17,
               lambda row: how_in_words(context.terms, row.decision)),
        Column("outcome", words("column.outcome"), "input", fitted(choices["outcome"], 14, 16), lambda _: ""),
        Column("note", words("column.note"), "input", 18, lambda _: ""),
        Column("follow_up", words("column.follow_up"), "input_day", 12, lambda _: ""),
        Column("feedback", words("record.feedback"), "input", fitted(choices["feedback"], 14, 16),
               lambda _: ""),
        Column("run_id", "run_id", "hidden", 10, lambda _: context.run.run_id),
        Column("manager_id", "manager_id", "hidden", 10, lambda _: manager.manager_id if manager else ""),
        Column("customer_id", "customer_id", "hidden", 10, lambda row: row.score.customer_id),
    ]  # fmt: skip
    return _filled(context, columns)


def person_columns(words: Wording, profiles: Sequence[Profile]) -> list[Column]:
    """Name and telephone of a row's profile, each where anybody has one."""
    names, phones = [profile.name for profile in profiles], [profile.phone for profile in profiles]
    columns = [
        Column("person", words("column.name"), "id", fitted(names, 10, 26), lambda row: row.profile.name),
        Column("phone", words("column.phone"), "id", fitted(phones, 12, 20), lambda row: row.profile.phone),
    ]
    return [column for column, filled in zip(columns, (any(names), any(phones)), strict=True) if filled]


def _filled(context: Context, columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if context.run.has_money or column.name not in OF_MONEY]


def _tier_and_stage(context: Context, score: Score) -> str:
    """Tier and stage, one below the other; the stage alone where nobody is of a tier."""
    stage = context.words.term("stage", score.lifecycle_stage)
    return f"{context.tier(score.tier)}\n{stage}" if context.run.has_money else stage


def _why(context: Context, row: ListRow) -> str:
    """The reasons, numbered, one below the other; then how the risk changed, if it is told, and whom of the
    household the call is for too."""
    score = row.score
    lines = [
        f"{number}. {context.words.of(reason)}"
        for number, reason in enumerate(score.reasons[: context.terms.reasons], start=1)
    ]
    if change := change_in_words(context.run, score, context.terms.language):
        lines.append(f"{'▲' if risk_points(score) > 0 else '▼'} {change}")
    if row.household:
        count, keep = len(row.household), row.household_keep_minor
        lines.append(household_in_words(context.run, count, keep, context.terms.language))
    return "\n".join(lines)


def maturing_in_words(context: Context, maturities: Sequence[Maturity]) -> str:
    words = context.words
    money = words.money
    named, others = maturities[:MATURITIES], maturities[MATURITIES:]
    lines = [f"{words.day(due.matures_on)} {due.product_name} {money(due.balance_minor)}" for due in named]
    if others:
        total = money(sum(due.balance_minor for due in others))
        lines.append(words("maturing.more", count=len(others), money=total))
    return "\n".join(lines)


def last_contact_in_words(context: Context, last: PastContact | None, follow_up_on: date | None) -> str:
    """Day, channel and outcome of the last contact, without what nobody noted, and the follow-up agreed."""
    if last is None:
        return context.words("contact.none")
    codes = (("channel", last.channel), ("outcome", last.outcome))
    known = (context.words.term(kind, code) for kind, code in codes if code)
    again = [context.words("list.follow_up", day=context.words.day(follow_up_on))] if follow_up_on else []
    return "\n".join((context.words.day(last.contacted_on), *known, *again))


def _rules(context: Context) -> dict[str, dict[str, Any]]:
    """The values that may be typed into a column, by its name, and the message for anything else."""
    words = context.words
    choices: dict[str, Any] = {**_choices(context)}
    day: dict[str, Any] = {"validate": "date", "criteria": ">", "value": context.run.snapshot_date}
    return {
        "outcome": {"validate": "list", "source": choices["outcome"]}
        | {"error_title": words("outcome.error_title"), "error_message": words("outcome.error")},
        "follow_up": day
        | {"error_title": words("follow_up.error_title"), "error_message": words("follow_up.error")},
        "feedback": {"validate": "list", "source": choices["feedback"]}
        | {"error_title": words("feedback.error_title"), "error_message": words("feedback.error")},
    }


def _finish(
    sheet: Worksheet, context: Context, style: Styles, columns: Sequence[Column], rows: tuple[int, int]
) -> None:
    """Adds the rules of typing, the filter, and the meaning of the figures below the table."""
    top, last = rows
    words = context.words
    if last == top:
        sheet.write_string(top + 1, 0, words("list.empty"), style["facts"])
        return
    sheet.autofilter(top, 0, last, len(columns) - 1)
    places = {column.name: place for place, column in enumerate(columns)}
    for name, rule in _rules(context).items():
        sheet.data_validation(top + 1, places[name], last, places[name], rule)
    note = risk_in_words(context.run, context.terms, words)
    of_money = (
        words("list.money", currency=context.words.currency(context.run.base_currency)),
        note,
        words("list.line", weeks=WEEKS),
    )
    of_risk = (words("list.by_risk"), note)
    notes = (*(of_money if context.run.has_money else of_risk), words("list.return"))
    for offset, text in enumerate(notes, start=2):
        sheet.write_string(last + offset, 0, text, style["small"])


def summary_sheet(workbook: Workbook, context: Context, lists: Sequence[CallList]) -> None:
    """One row per manager, most money at risk first, then the customers without one, then the branch.

    Where the bank counts customers, most at high risk first.
    """
    sheet = workbook.add_worksheet(context.words("summary.sheet"))
    style = styles(workbook, context.words("font"), context.words("excel.money"))
    has_money = context.run.has_money
    most_first = sorted(
        lists, key=lambda call_list: -(call_list.money_at_risk_minor if has_money else call_list.high_risk)
    )
    managed = [call_list for call_list in most_first if call_list.manager]
    own, total = [call_list for call_list in lists if call_list.manager is None], _total(lists)
    columns = _summary_columns(context, managed, total)
    facts = context.words(
        "summary.facts" if has_money else "summary.facts.risk",
        snapshot=context.words.day(context.run.snapshot_date),
        managers=len(managed),
        customers=total.customers,
        orphans=sum(call_list.customers for call_list in own),
        high=total.high_risk,
        money=context.words.amount(total.money_at_risk_minor, context.run.base_currency),
    )
    branch = total.branch_id
    title = context.words("summary.title", branch=branch) if branch else context.words("common.title")
    row = top = head(sheet, columns, style, (title, _with_caveats(context, facts), context.source))
    for kind, part in (("", managed), ("own_", own), ("total_", [total])):
        for call_list in part:
            row += 1
            sheet.set_row(row, 21)
            formats = [style[kind + column.style] for column in columns]
            write_cells(sheet, row, [column.cell(call_list) for column in columns], formats)
    if managed:
        sheet.autofilter(top, 0, top + len(managed), len(columns) - 1)
    if has_money:
        sheet.write_string(row + 2, 0, context.words("summary.covered"), style["small"])
    page(sheet, top, footer=(context.source, context.words("page")))


def _summary_columns(context: Context, managed: Sequence[CallList], total: CallList) -> list[Column]:
    words = context.words
    numbers = [call_list.manager.manager_id for call_list in managed if call_list.manager]
    names = [call_list.manager.name for call_list in managed if call_list.manager]
    all_of = words("summary.total" if total.branch_id else "common.total")
    columns = [
        Column("manager", words("column.manager"), "text", fitted([*numbers, words("own.row")], 14, 30),
               lambda row: row.manager.manager_id if row.manager
               else all_of if row is total else words("own.row")),
        Column("name", words("column.name"), "text", fitted(names, 18, 40),
               lambda row: row.manager.name if row.manager else ""),
        Column("capacity", words("column.capacity"), "count", 12,
               lambda row: row.manager.weekly_capacity if row.manager else ""),
        Column("customers", words("column.customers"), "count", 12, lambda row: row.customers),
        Column("high", words("column.high"), "count", 12, lambda row: row.high_risk),
        Column("portfolio", words("column.portfolio"), "money", 18,
               lambda row: row.money_at_risk_minor / 100),
        Column("listed", words("column.listed"), "count", 12, lambda row: len(row.listed)),
        Column("listed_money", words("column.listed_money"), "money", 20,
               lambda row: _listed_minor(row) / 100),
        Column("covered", words("column.covered"), "share", 12,
               lambda row: _listed_minor(row) / row.money_at_risk_minor if row.money_at_risk_minor else ""),
    ]  # fmt: skip
    return _filled(context, columns)


def _listed_minor(call_list: CallList) -> int:
    return sum(score.money_at_risk_minor for score in call_list.listed)


def _total(lists: Sequence[CallList]) -> CallList:
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
    """A text stays one, by the options of the workbook, so that an id such as =1+1 is never a formula."""
    for number, (value, cell) in enumerate(zip(values, formats, strict=True)):
        sheet.write(row, number, value, cell)
