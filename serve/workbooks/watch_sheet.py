"""The sheet of customers about to fall a tier: read by managers, and not read back."""

from collections.abc import Sequence
from datetime import timedelta

from xlsxwriter import Workbook

from configs.branch_rows import TierWatch
from serve.workbooks.layout import Column, fitted, head, page, styles
from serve.workbooks.sheets import Context, write_cells


def watch_sheet(workbook: Workbook, context: Context, watches: Sequence[TierWatch]) -> None:
    """One row per watched customer in the order of the page."""
    words, style = context.words, styles(workbook, context.words("font"), context.words("excel.money"))
    style["exact"] = workbook.add_format({"num_format": "#,##0.00", "font_name": words("font"), "bold": True})
    sheet, columns = workbook.add_worksheet(words("watched.sheet")), _columns(context, watches)
    end = context.run.snapshot_date + timedelta(days=watches[0].days - 1)
    texts = (words("watched.heading"), words("watched.rule", end=words.day(end)), context.source)
    top = head(sheet, columns, style, texts)
    formats = [style[column.style] for column in columns]
    for row, watch in enumerate(watches, start=top + 1):
        write_cells(sheet, row, [column.cell(watch) for column in columns], formats)
    sheet.autofilter(top, 0, top + len(watches), len(columns) - 1)
    page(sheet, top, footer=(context.source, words("page")))


def _columns(context: Context, watches: Sequence[TierWatch]) -> list[Column]:
    words = context.words
    numbers = [watch.customer_id for watch in watches]
    return [
        Column("customer", words("column.customer"), "id", fitted(numbers, 12, 26),
               lambda row: row.customer_id),
        Column("manager", words("column.manager"), "text", 14, lambda row: row.manager_id or ""),
        Column("tier", words("watched.col.tier"), "text", 14, lambda row: context.tier(row.tier)),
        Column("falls_to", words("watched.col.falls_to"), "text", 14,
               lambda row: "–" if row.falls_to == row.tier else context.tier(row.falls_to)),
        Column("falls_on", words("watched.col.falls"), "text", 16, lambda row: words.day(row.falls_on)),
        Column("since", words("watched.col.since"), "text", 16, lambda row: words.day(row.watched_since)),
        Column("average", words("watched.col.average"), "money", 14, lambda row: row.average_minor / 100),
        Column("saved_by", words("watched.col.saved_by"), "exact", 18, lambda row: row.saved_by_minor / 100),
        Column("days", words("watched.col.days"), "count", 10, lambda row: row.days),
    ]  # fmt: skip
