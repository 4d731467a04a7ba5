"""The sheet of former customers who may be asked to come back: read by managers, and not read back."""

from collections.abc import Sequence

from xlsxwriter import Workbook

from configs.branch_rows import FormerCustomer
from serve.workbooks.layout import Column, fitted, head, page, styles
from serve.workbooks.sheets import Context, write_cells


def former_sheet(
    workbook: Workbook, context: Context, customers: Sequence[FormerCustomer], weeks: int
) -> None:
    """One row per former customer in the order of the page; the chance is of ``weeks``."""
    words, style = context.words, styles(workbook, context.words("font"), context.words("excel.money"))
    sheet, columns = workbook.add_worksheet(words("former.sheet")), _columns(context, customers)
    texts = (words("former.heading"), words("former.rule", weeks=weeks), context.source)
    top = head(sheet, columns, style, texts)
    formats = [style[column.style] for column in columns]
    for row, former in enumerate(customers, start=top + 1):
        write_cells(sheet, row, [column.cell(former) for column in columns], formats)
    sheet.autofilter(top, 0, top + len(customers), len(columns) - 1)
    page(sheet, top, footer=(context.source, words("page")))


def _columns(context: Context, customers: Sequence[FormerCustomer]) -> list[Column]:
    words = context.words
    numbers = [former.customer_id for former in customers]
    manager = Column("manager", words("column.manager"), "text", 14, lambda row: row.manager_id or "")
    return [
        Column("customer", words("column.customer"), "id", fitted(numbers, 12, 26),
               lambda row: row.customer_id),
        *([manager] if any(former.manager_id for former in customers) else []),
        Column("left_on", words("former.col.left"), "text", 14, lambda row: words.day(row.left_on)),
        Column("lost", words("former.col.lost"), "money", 16, lambda row: row.lost_minor / 100),
        Column("aum", words("former.col.aum"), "money", 16, lambda row: row.aum_minor / 100),
        Column("destination", words("former.col.destination"), "text", 18,
               lambda row: words.term("counterparty", row.destination)),
        Column("reason", words("former.col.reason"), "text", 24,
               lambda row: words.group(row.reason) if row.reason else ""),
        Column("chance", words("former.col.chance"), "share", 12, lambda row: row.chance),
        Column("value", words("former.col.value"), "money", 16, lambda row: row.value_minor / 100),
        Column("when", words("former.col.when"), "text", 20,
               lambda row: words("former.until", day=words.day(row.waits_until)) if row.waits_until
               else words("former.now")),
    ]  # fmt: skip
