"""The sheet of customers to call: one row each, ready to read, to print, and to be read back when filled in."""

from collections.abc import Sequence
from datetime import timedelta

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from configs.call_lists import CallList
from configs.published import AHEAD_DAYS, OUTCOMES, Maturity, Score
from serve.store.list_rows import ListRow
from serve.texts.score_change import change_in_words
from serve.workbooks.layout import Column, Styles, bars, fitted, head, page, row_height, styles
from serve.workbooks.sheets import Context, write_cells

WEEKS = 13  # whose AUM is drawn
MATURITIES = 3  # that are named; the others are one line
FROZEN = 2  # columns that stay in sight


def list_sheet(workbook: Workbook, context: Context, one: CallList, list_rows: Sequence[ListRow]) -> None:
    """One row per listed customer in the order of the list; outcome and note are left to fill in.

    Above the headings a hidden row names each column for programs, and hidden columns hold what a program needs to
    know whose outcome it reads. Both move along when somebody sorts the table.
    """
    sheet = workbook.add_worksheet(context.words("list.sheet" if one.manager else "own.sheet"))
    style = styles(workbook, context.words("font"))
    columns = _columns(context, list_rows)
    title = context.words("list.title", who=context.who(one))
    top = head(sheet, columns, style, (title, _facts(context, one), context.source))
    for place, list_row in enumerate(list_rows, start=1):
        _write(sheet, context, columns, style, top + place, _row(context, place, list_row, one))
    _finish(sheet, context, style, columns, (top, top + len(list_rows)))
    page(sheet, top, frozen=FROZEN, footer=(context.source, context.words("page")))
    sheet.print_area(0, 0, top + len(list_rows) + _ROOM, _shown(columns) - 1)


_ROOM = 6  # rows below the table, for the notes


def _facts(context: Context, one: CallList) -> str:
    return context.words(
        "list.facts",
        snapshot=context.run.snapshot_date,
        branch=context.branch(one.branch_id),
        listed=len(one.listed),
        customers=one.customers,
        money=context.words.money(sum(score.money_at_risk_minor for score in one.listed)),
        currency=context.run.base_currency,
    )


def _columns(context: Context, list_rows: Sequence[ListRow]) -> list[Column]:
    text = context.words
    outcomes = [text(f"outcome.{outcome}") for outcome in OUTCOMES]
    numbers = [list_row.score.customer_id for list_row in list_rows]
    return [
        Column("rank", text("column.rank"), "count", 5),
        Column("customer", text("column.customer"), "id", fitted(numbers, 12, 26)),
        Column("segment", text("column.segment"), "wrapped", 11),
        Column("aum", text("column.aum"), "money", 11),
        Column("line", text("column.line", weeks=WEEKS), "bars", 15),
        *(Column(f"risk_{days}d", text("column.risk", days=days), "share", 6.5) for days in _horizons(context)),
        Column("money", text("column.money"), "worth", 11.5),
        Column("why", text("column.why"), "wrapped", 52),
        Column("maturing", text("column.maturing", days=AHEAD_DAYS), "wrapped", 34),
        Column("contact", text("column.contact"), "wrapped", 12),
        Column("next_step", text("column.next_step"), "wrapped", 25),
        Column("outcome", text("column.outcome"), "input", fitted(outcomes, 14, 16)),
        Column("note", text("column.note"), "input", 18),
        *(Column(name, name, "hidden", 10) for name in ("run_id", "manager_id", "customer_id")),
    ]  # fmt: skip


def _row(context: Context, place: int, list_row: ListRow, one: CallList) -> dict[str, str | float]:
    """What stands in each column, by its name."""
    score = list_row.score
    return {
        "rank": place,
        "customer": score.customer_id,
        "segment": f"{context.tier(score.tier)}\n{context.words.term('stage', score.lifecycle_stage)}",
        "aum": score.aum_minor / 100,
        "line": bars(list_row.profile.aum_by_week[-WEEKS:]),
        **{f"risk_{days}d": _risk(score, days) for days in _horizons(context)},
        "money": score.money_at_risk_minor / 100,
        "why": _why(context, score),
        "maturing": _maturing(context, list_row.profile.maturities),
        "contact": _contact(context, list_row),
        "next_step": list_row.next_step_zh if context.language == "zh" else list_row.next_step_en,
        "run_id": context.run.run_id,
        "manager_id": one.manager.manager_id if one.manager else "",
        "customer_id": score.customer_id,
        "band": score.risk_band,
    }


def _horizons(context: Context) -> tuple[int, ...]:
    return context.settings.label.horizons


def _risk(score: Score, days: int) -> float | str:
    risk: float | None = getattr(score, f"risk_{days}d")
    return "" if risk is None else risk


def _why(context: Context, score: Score) -> str:
    """The reasons, numbered, one below the other; then how the risk moved, if it did by a whole point."""
    texts = [context.words.of(reason) for reason in score.reasons]
    shown = texts[: context.settings.lists.reasons]
    numbered = [f"{number}. {text}" for number, text in enumerate(shown, start=1)]
    points = round(100 * (score.risk_change or 0))
    moved = [f"{'▲' if points > 0 else '▼'} {change_in_words(context.run, score, context.language)}"]
    return "\n".join([*numbered, *(moved if points else [])])


def _maturing(context: Context, maturities: Sequence[Maturity]) -> str:
    """When, what and how much, the soonest first."""
    money = context.words.money
    named, others = maturities[:MATURITIES], maturities[MATURITIES:]
    texts = [f"{due.matures_on} {due.product_name} {money(due.balance_minor)}" for due in named]
    if others:
        total = money(sum(due.balance_minor for due in others))
        texts.append(context.words("maturing.more", count=len(others), money=total))
    return "\n".join(texts)


def _contact(context: Context, list_row: ListRow) -> str:
    last = list_row.last_contact
    if last is None:
        return context.words("contact.none")
    said = (
        context.words.term(kind, code)
        for kind, code in (("channel", last.channel), ("outcome", last.outcome))
        if code
    )
    return "\n".join((str(last.contacted_on), *said))


def _write(
    sheet: Worksheet,
    context: Context,
    columns: Sequence[Column],
    style: Styles,
    row: int,
    told: dict[str, str | float],
) -> None:
    """One customer's row, as high as its longest text."""
    longest = f"risk_{_horizons(context)[-1]}d"
    formats = [style[f"share_{told['band']}" if one.name == longest else one.style] for one in columns]
    write_cells(sheet, row, [told.get(one.name, "") for one in columns], formats)
    wrapped = [(str(told.get(one.name, "")), one.width) for one in columns if one.wraps]
    sheet.set_row(row, row_height(wrapped, context.words("font")))


def _finish(
    sheet: Worksheet, context: Context, style: Styles, columns: Sequence[Column], rows: tuple[int, int]
) -> None:
    """The choice of outcomes, the filter, and what the figures mean below the table."""
    top, last = rows
    if last == top:
        sheet.write_string(top + 1, 0, context.words("list.empty"), style["facts"])
        return
    sheet.autofilter(top, 0, last, len(columns) - 1)
    outcome = [one.name for one in columns].index("outcome")
    choice = {
        "validate": "list",
        "source": [context.words(f"outcome.{one}") for one in OUTCOMES],
        "error_title": context.words("outcome.error_title"),
        "error_message": context.words("outcome.error"),
    }
    sheet.data_validation(top + 1, outcome, last, outcome, choice)
    for offset, note in enumerate(_notes(context), start=2):
        sheet.write_string(last + offset, 0, note, style["small"])


def _notes(context: Context) -> tuple[str, ...]:
    label = context.settings.label
    start = context.run.snapshot_date + timedelta(days=label.lead_days)
    return (
        context.words("list.money", currency=context.run.base_currency),
        context.words("list.risk", drop=label.min_drop, days=label.horizon_days, start=start),
        context.words("list.line", weeks=WEEKS),
        context.words("list.return"),
    )


def _shown(columns: Sequence[Column]) -> int:
    return sum(one.style != "hidden" for one in columns)
