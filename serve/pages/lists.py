"""The branches with this week's work, a manager's list, a branch's own list, and the common list."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request, Response

from configs.published import Score
from serve.api.managers import COMMON
from serve.api.requests import BranchId, ManagerId
from serve.auth.access import Access, Granted
from serve.pages.page import Page, RunId, asked_run, go, language_of, may, show_run
from serve.store import branch_summary, contacts
from serve.store.list_rows import list_rows
from serve.store.read_session import ReadSession
from serve.texts.wording import Wording

ROWS = 500  # of a list on one page

pages = APIRouter(include_in_schema=False, route_class=Page)
After = Annotated[int, Query(ge=0, le=1_000_000)]


@pages.get("/lists/{manager_id}")
def manager_page(
    request: Request, manager_id: ManagerId, access: Granted, run: RunId = "", after: After = 0
) -> Response:
    """The customers whom a manager calls this week, first things first."""
    with asked_run(access, run) as session:
        manager = session.manager(manager_id)
        if manager is None:
            raise HTTPException(404)
        name = f"{manager.name} ({manager.manager_id})" if manager.name else manager.manager_id
        who = Wording(language_of(request))("list.of", who=name)
        return _list_page(request, access, session, session.manager_list(manager_id), after, who)


@pages.get("/list")
def common_list_page(request: Request, access: Granted, run: RunId = "", after: After = 0) -> Response:
    """Listed customers with neither manager nor branch: all of them in a bank without both."""
    access.about(COMMON)
    with asked_run(access, run) as session:
        who = Wording(language_of(request))("common.who")
        return _list_page(request, access, session, session.common_list(), after, who)


@pages.get("/branches/{branch_id}/list")
def branch_list_page(
    request: Request, branch_id: BranchId, access: Granted, run: RunId = "", after: After = 0
) -> Response:
    """Listed customers without a manager, whom the branch head calls, or gives to somebody."""
    with asked_run(access, run) as session:
        listed = session.branch_list(branch_id)
        if not listed and not session.branch_known(branch_id):
            raise HTTPException(404)
        who = Wording(language_of(request))("list.own", branch=branch_id)
        return _list_page(request, access, session, listed, after, who)


@pages.get("/branches")
def branches_page(request: Request, access: Granted, run: RunId = "") -> Response:
    """Every branch that the role may see, most money at risk first.

    Without branches it is the board of the managers, and without those too it leads to the common list.
    """
    with asked_run(access, run) as session:
        branches = branch_summary.branches(session)
        if not branches or any(summary.branch_id for summary in branches):
            return show_run(request, "branches.html", session, branches=branches)
        if not session.managers():
            return go(f"/list?run={quote(run)}" if run else "/list")
        summary = branch_summary.branch_summary(session, "")
        return show_run(request, "branch.html", session, branch="", summary=summary)


@pages.get("/branches/{branch_id}")
def branch_page(request: Request, branch_id: BranchId, access: Granted, run: RunId = "") -> Response:
    """One branch: its managers' portfolios beside this week's work."""
    with asked_run(access, run) as session:
        summary = branch_summary.branch_summary(session, branch_id)
        if summary is None:
            raise HTTPException(404)
        return show_run(request, "branch.html", session, branch=branch_id, summary=summary)


def _list_page(
    request: Request, access: Access, session: ReadSession, listed: Sequence[Score], after: int, who: str
) -> Response:
    """The rows after a rank; the figures above them are those of the whole list."""
    rows = list_rows(session, listed)
    numbers = [score.customer_id for score in listed]
    recorded = contacts.of_run(session.connection, session.run.run_id, numbers)
    page = [row for row in rows if row.rank > after][:ROWS]
    return show_run(
        request,
        "list.html",
        session,
        who=who,
        rows=page,
        recorded=recorded,
        listed=len(rows),
        more=sum(row.rank > page[-1].rank for row in rows) if page else 0,
        money=sum(score.money_at_risk_minor for score in listed),
        maturing=sum(due.balance_minor for row in rows for due in row.profile.maturities),
        may_record=may(access, "record_outcome"),
    )
