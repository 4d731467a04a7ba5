"""The monthly workbook of a branch, or of the bank: the figures of a published run, with native charts."""

from collections.abc import Iterator
from datetime import datetime, time
from io import BytesIO

from sqlalchemy import select
from xlsxwriter import Workbook

from configs.branch_figures.contents import CONTENT_NAMES, WHOLE_BANK
from configs.errors import DataError, did_you_mean
from configs.published import Language
from serve.store import tables
from serve.store.read_session import ReadSession
from serve.texts.wording import Wording
from serve.workbooks.branch_sheets import SHEETS
from serve.workbooks.chart_sheet import ChartSheet
from serve.workbooks.excel import OPTIONS, in_name


def branch_reports(
    session: ReadSession, language: Language, branch_id: str | None = None
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each workbook: of the bank and of every branch, or of one.

    Raises DataError where the run has no figures, or none of that branch.
    """
    figures = tables.branch_figures
    published = select(figures.c.branch_id).where(figures.c.run_version == session.run_version).distinct()
    branches = sorted(session.connection.scalars(published))
    if not branches:
        raise DataError(
            f"the run {session.run.run_id} has no figures of branches: it was published by earlier software. "
            "Publish one with make weekly."
        )
    if branch_id is not None and branch_id not in branches:
        known = did_you_mean(branch_id, filter(None, branches))
        raise DataError(f"the run has no figures of branch {branch_id!r}. {known}")
    for name in branches if branch_id is None else [branch_id]:
        stem = f"branch_{in_name(name)}" if name else "bank"
        yield f"{stem}.{language}.xlsx", branch_report(session, name, language)


def branch_report(session: ReadSession, branch_id: str, language: Language) -> bytes:
    """An .xlsx with a sheet for each content, which says so where the run has none of it.

    The same run gives the same bytes.
    """
    words, run = Wording(language), session.run
    created, content = datetime.combine(run.snapshot_date, time()), BytesIO()
    heading = words("bank.heading") if branch_id == WHOLE_BANK else words("branch.heading", branch=branch_id)
    managers = session.managers(branch_id) if branch_id else ()
    terms = session.list_terms()
    names = {("manager", manager.manager_id): manager.name for manager in managers if manager.name}
    for segment, both in (terms.segments if terms else {}).items():
        names["segment", segment] = words.either(*both)
    for tier, chinese in (terms.tiers if terms and language == "zh" else {}).items():
        names["tier", tier] = chinese
    with Workbook(content, OPTIONS) as workbook:
        workbook.set_properties({"title": heading, "comments": run.run_id, "created": created})
        for name in CONTENT_NAMES:
            figures, title = session.branch_figures(branch_id, name), words(f"figures.{name}")
            sheet = ChartSheet(workbook, words, run, (title, heading), names)
            if figures is None:
                sheet.note(words("figures.none", content=title))
            else:
                SHEETS[name](sheet, figures)
    return content.getvalue()
