"""Handovers of the customers of managers who left: the proposals of a branch, to accept and to download."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from io import BytesIO, StringIO
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request, Response

from configs.published import Run
from serve.api.export_formats import uncomputed
from serve.api.requests import BranchId
from serve.auth.access import Access, Granted
from serve.http.paths import path_part
from serve.pages.lists import XLSX
from serve.pages.page import HEADERS, Page, RunId, asked_run, go, show_run
from serve.pages.session import Posted
from serve.store import handovers
from serve.store.handovers import Proposal
from serve.store.read_session import ReadSession

pages = APIRouter(include_in_schema=False, route_class=Page)
ManagerName = Annotated[str, Query(max_length=64)]
Kind = Literal["csv", "xlsx"]
COLUMNS = ("customer_id", "branch_id", "from_manager_id", "to_manager_id")


@pages.get("/branches/{branch_id}/handovers")
def handovers_page(request: Request, branch_id: BranchId, access: Granted, run: RunId = "") -> Response:
    """Per manager who left, who should take over whom."""
    with _asked_branch(access, run, branch_id) as session:
        proposals = handovers.proposals(session, branch_id)
        return show_run(request, "handovers.html", session, branch=branch_id, proposals=proposals)


@pages.post("/branches/{branch_id}/handovers")
def accept_handover(request: Request, branch_id: BranchId, access: Granted, fields: Posted) -> Response:
    """Accept one proposal of the served run, to which another run's form leads; it stays accepted."""
    page = f"/branches/{path_part(branch_id)}/handovers"
    with _asked_branch(access, fields.get("run", ""), branch_id) as session:
        proposal, run_id = _proposal(session, branch_id, fields.get("manager", "")), session.run.run_id
        if not proposal.receivers:
            raise HTTPException(404)
        if run_id != session.served_run().run_id:  # who takes over may have left since
            return go(page)
    with request.app.state.store.append() as connection:
        handovers.accept(connection, branch_id, proposal.from_manager_id, run_id, access.author)
    return go(f"{page}?run={quote(run_id)}")


@pages.get("/branches/{branch_id}/handovers/file")
def handover_file(
    branch_id: BranchId, access: Granted, manager: ManagerName = "", kind: Kind = "csv", run: RunId = ""
) -> Response:
    """An accepted proposal for the bank's own system. Raises HTTPException 404 before it is accepted."""
    with _asked_branch(access, run, branch_id) as session:
        proposal = _proposal(session, branch_id, manager)
        accepted = proposal.acceptance
        if accepted is None or accepted.run_id != session.run.run_id:
            raise HTTPException(404)
        content = _csv(proposal) if kind == "csv" else _workbook(proposal, session.run)
    name = quote(f"handover_{branch_id}_{manager}.{kind}", safe="")
    headers = HEADERS | {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(content, media_type=XLSX if kind == "xlsx" else "text/csv", headers=headers)


@contextmanager
def _asked_branch(access: Access, run_id: str, branch_id: str) -> Iterator[ReadSession]:
    """A run, for who may see the branch. Raises HTTPException 404 for another."""
    with asked_run(access, run_id) as session:
        if not session.branch_known(branch_id):
            raise HTTPException(404)
        yield session


def _proposal(session: ReadSession, branch_id: str, manager_id: str) -> Proposal:
    proposals = handovers.proposals(session, branch_id)
    proposal = next((each for each in proposals if each.from_manager_id == manager_id), None)
    if proposal is None:
        raise HTTPException(404)
    return proposal


def _rows(proposal: Proposal) -> list[tuple[str, ...]]:
    """Of the customers who found somebody."""
    rows = (row for row, _ in proposal.rows if row.to_manager_id)
    return [tuple(str(getattr(row, name)) for name in COLUMNS) for row in rows]


def _csv(proposal: Proposal) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([COLUMNS, *(map(uncomputed, row) for row in _rows(proposal))])
    return text.getvalue().encode()


def _workbook(proposal: Proposal, run: Run) -> bytes:
    from xlsxwriter import Workbook  # the service starts without it

    from serve.workbooks.excel import OPTIONS

    content, created = BytesIO(), datetime.combine(run.snapshot_date, time())
    with Workbook(content, OPTIONS) as workbook:
        workbook.set_properties({"comments": run.run_id, "created": created})
        sheet = workbook.add_worksheet("handover")
        for place, row in enumerate([COLUMNS, *_rows(proposal)]):
            sheet.write_row(place, 0, row)
        sheet.autofit()
    return content.getvalue()
