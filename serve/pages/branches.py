"""The pages of branches: money at risk, who looks after the customers, and how far this week's lists are."""

from fastapi import APIRouter, HTTPException, Request, Response

from serve.api.requests import BranchId
from serve.auth.access import Granted
from serve.pages.page import Page, RunId, asked_run, show_run
from serve.store import branch_summary

pages = APIRouter(include_in_schema=False, route_class=Page)


@pages.get("/branches")
def branches_page(request: Request, access: Granted, run: RunId = "") -> Response:
    """Every branch that the role may see, most money at risk first."""
    with asked_run(access, run) as session:
        return show_run(request, "branches.html", session, branches=branch_summary.branches(session))


@pages.get("/branches/{branch_id}")
def branch_page(request: Request, branch_id: BranchId, access: Granted, run: RunId = "") -> Response:
    """One branch: its managers' portfolios beside this week's work."""
    with asked_run(access, run) as session:
        summary = branch_summary.branch_summary(session, branch_id)
        if summary is None:
            raise HTTPException(404)
        return show_run(request, "branch.html", session, branch=branch_id, summary=summary)
