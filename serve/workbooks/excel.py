"""The weekly workbooks: one per manager, one per branch. The same run gives the same bytes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from xlsxwriter import Workbook

from configs.call_lists import CallList, ListTerms
from configs.files import flush_to_disk
from serve.store.former import former_customers
from serve.store.list_rows import list_rows
from serve.store.portfolio import ListOwner
from serve.store.read_session import ReadSession
from serve.store.tier_watches import watched
from serve.workbooks.former_sheet import former_sheet
from serve.workbooks.sheets import Context, list_sheet, summary_sheet
from serve.workbooks.watch_sheet import watch_sheet

LONGEST_IN_NAME = 180  # characters; a file's name has at most 255 bytes
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_lists(
    folder: Path, read_session: ReadSession, lists: Sequence[CallList], terms: ListTerms
) -> list[Path]:
    """One workbook per manager and one per branch in ``folder``, or the common list alone; on disk when it
    returns.

    Returns the files, sorted by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in _workbooks(Context(read_session.run, terms), lists, read_session):
        written.append(folder / name)
        written[-1].write_bytes(content)
        flush_to_disk(written[-1])
    return sorted(written)


def list_file(read_session: ReadSession, call_list: CallList, terms: ListTerms) -> tuple[str, bytes]:
    """Name and content of the workbook of one list, for who downloads it."""
    content = manager_workbook(Context(read_session.run, terms), call_list, read_session)
    if call_list.manager:
        return f"manager_{in_name(call_list.manager.manager_id)}.xlsx", content
    return f"branch_{in_name(call_list.branch_id)}.xlsx" if call_list.branch_id else "list.xlsx", content


def manager_workbook(context: Context, call_list: CallList, read_session: ReadSession) -> bytes:
    """An .xlsx of the customers to call, with room for the outcomes, and of those about to fall a tier."""
    branch_id, manager = call_list.branch_id, call_list.manager
    owner = ListOwner(manager.manager_id) if manager else ListOwner(None, branch_id, bool(branch_id))
    return _workbook(context, context.who(call_list), ((), [call_list]), owner, read_session)


def branch_workbook(context: Context, lists: Sequence[CallList], read_session: ReadSession) -> bytes:
    """An .xlsx of a summary per manager and a sheet of the customers without one; ``lists`` of one branch.

    Then the branch's customers about to fall a tier and former customers, with or without a manager.
    """
    without_manager = [call_list for call_list in lists if call_list.manager is None]
    branch_id = lists[0].branch_id
    subject, owner = branch_id or context.words("common.title"), ListOwner(None, branch_id, bool(branch_id))
    return _workbook(context, subject, (lists, without_manager), owner, read_session)


def _workbooks(
    context: Context, lists: Sequence[CallList], read_session: ReadSession
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file; no id leaves the folder by its name."""
    if not any(call_list.branch_id or call_list.manager for call_list in lists):
        yield from (("list.xlsx", manager_workbook(context, common, read_session)) for common in lists)
        return
    branches: dict[str, list[CallList]] = {}
    for call_list in lists:
        branches.setdefault(call_list.branch_id or "", []).append(call_list)
        if call_list.manager:
            manager = in_name(call_list.manager.manager_id)
            yield f"manager_{manager}.xlsx", manager_workbook(context, call_list, read_session)
    for branch_id, of_branch in sorted(branches.items()):
        no_branch = "no_branch.xlsx" if len(branches) > 1 else "summary.xlsx"
        name = f"branch_{in_name(branch_id)}.xlsx" if branch_id else no_branch
        yield name, branch_workbook(context, of_branch, read_session)


def in_name(number: str) -> str:
    """A number as a part of a file's name: ``B/1`` becomes ``B%2F1``, and a long one ends in its digest."""
    quoted = quote(number, safe="")
    if len(quoted) <= LONGEST_IN_NAME:
        return quoted
    return f"{quoted[: LONGEST_IN_NAME - 17]}~{sha256(number.encode()).hexdigest()[:16]}"


def _workbook(
    context: Context,
    subject: str,
    sheets: tuple[Sequence[CallList], Sequence[CallList]],
    owner: ListOwner,
    read_session: ReadSession,
) -> bytes:
    """The bytes of a workbook that takes every text as text, and holds neither clock nor temporary name."""
    summarized, shown = sheets
    watches, gone = watched(read_session, owner), former_customers(read_session, owner)
    content, created = BytesIO(), datetime.combine(context.run.snapshot_date, time())
    with Workbook(content, OPTIONS) as workbook:
        workbook.set_properties({"title": subject, "comments": context.run.run_id, "created": created})
        if summarized:
            summary_sheet(workbook, context, summarized)
        for call_list in shown:
            list_sheet(workbook, context, call_list, list_rows(read_session, call_list.listed))
        if watches:
            watch_sheet(workbook, context, watches)
        if gone:
            weeks = (read_session.run_figures("win_back") or {}).get("horizon_weeks", 0)
            former_sheet(workbook, context, gone, weeks)
    return content.getvalue()
