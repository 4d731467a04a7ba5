"""The bank and each branch seen by their customers: structure, movement, products, satisfaction and load."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request, Response

from configs.branch_figures.contents import CONTENT_NAMES, WHOLE_BANK
from configs.branch_figures.products import DEEPEST
from configs.branch_figures.satisfaction import CERTAIN
from serve.api.figures import BANK, Content
from serve.api.requests import BranchId
from serve.auth.access import Access, Granted
from serve.auth.policy import Role
from serve.http.paths import path_part
from serve.pages.lists import After, Chosen, customers_page
from serve.pages.page import Page, RunId, asked_run, may, show_run, words_of
from serve.store.branch_summary import BranchRow, as_seen, branch_totals, total
from serve.store.portfolio import ListOwner, PortfolioView
from serve.store.read_session import ReadSession
from serve.texts.service import segment_in_words

pages = APIRouter(include_in_schema=False, route_class=Page)
CHOSEN_BY = ("tier", "stage", "segment")  # cells whose customers a branch's portfolio can be cut to
Link = Callable[[str, str], str]
UNNAMED = {"manager": "branch.nobody", "segment": "figures.unscored"}  # what a cell without a code stands for


@dataclass(frozen=True)
class BranchLine:
    """One branch in the bank's table: scored customers, and what the structure says of all present.

    ``change_minor`` is that of AUM over ``BankSummary.weeks``; amounts and counts are None without contents.
    """

    branch_id: str
    scored: BranchRow
    customers: int | None = None
    aum_minor: int | None = None
    change_minor: int | None = None


class BankSummary:
    """The whole bank: its branches, most money at risk first, then most at high risk, and all in one line."""

    def __init__(
        self,
        branches: Sequence[tuple[str, BranchRow]],
        whole_bank: BranchRow,
        structure: Mapping[str, Any] | None,
        movement: Mapping[str, Any] | None,
    ) -> None:
        period = min(
            (movement or {}).get("periods", ()), key=lambda item: abs(item["weeks"] - 4), default=None
        )
        cells = {cell["cell"]: cell for cell in _cells(structure, "branch")}
        changes = {
            (bridge["dimension"], bridge["cell"]): bridge["closing_minor"] - bridge["opening_minor"]
            for bridge in (period["bridges"] if period else ())
        }
        self.weeks: int | None = period["weeks"] if period else None
        self.since: str | None = period["since"] if period else None
        self.bridge: Mapping[str, Any] | None = period["bridges"][0] if period else None
        self.trend = structure["trend"] if structure else ()
        lines = [
            BranchLine(
                name,
                row,
                cells.get(name, {}).get("customers"),
                cells.get(name, {}).get("aum_minor"),
                changes.get(("branch", name)),
            )
            for name, row in branches
        ]
        self.branches = sorted(
            lines, key=lambda line: (-line.scored.money_at_risk_minor, -line.scored.high_risk, line.branch_id)
        )
        whole = structure or {"customers": None, "aum_minor": None}
        self.total = BranchLine(
            "",
            whole_bank,
            whole["customers"],
            whole["aum_minor"],
            changes.get(("", "")),
        )
        self.top_share: float | None = structure["top_share"] if structure else None


def _cells(structure: Mapping[str, Any] | None, dimension: str) -> Sequence[Mapping[str, Any]]:
    dimensions = structure["dimensions"] if structure else ()
    return next((item["cells"] for item in dimensions if item["dimension"] == dimension), ())


@pages.get("/bank")
def bank_page(request: Request, access: Granted, run: RunId = "") -> Response:
    """The whole bank on one page: totals, the year behind, and each branch."""
    access.about(BANK, customers=0)
    with asked_run(access, run) as session:
        branches = branch_totals(session)
        return show_run(
            request,
            "bank.html",
            session,
            summary=BankSummary(
                [(name, as_seen(session, row)) for name, row in branches],
                as_seen(session, total(row for _, row in branches)),
                session.branch_figures(WHOLE_BANK, "structure"),
                session.branch_figures(WHOLE_BANK, "movement"),
            ),
            **_frame(request, access, session, WHOLE_BANK, ""),
        )


@pages.get("/bank/{content}")
def bank_figures_page(request: Request, content: Content, access: Granted, run: RunId = "") -> Response:
    """One content of the whole bank."""
    access.about(BANK, customers=0)
    with asked_run(access, run) as session:
        return _figures_page(request, access, session, WHOLE_BANK, content)


@pages.get("/branches/{branch_id}/figures/{content}")
def branch_figures_page(
    request: Request, branch_id: BranchId, content: Content, access: Granted, run: RunId = ""
) -> Response:
    """One content of a branch."""
    with asked_run(access, run) as session:
        if not session.branch_known(branch_id):
            raise HTTPException(404)
        access.about(branch_id, customers=0)
        return _figures_page(request, access, session, branch_id, content)


@pages.get("/branches/{branch_id}/portfolio")
def branch_portfolio_page(
    request: Request, branch_id: BranchId, access: Granted, chosen: Chosen, run: RunId = "", after: After = 0
) -> Response:
    """Every scored customer of a branch, whoever is in charge, with the decision about each."""
    owner = ListOwner(None, branch_id, everybody=True)
    with asked_run(access, run) as session:
        if not session.branch_known(branch_id):
            raise HTTPException(404)
        return customers_page(request, PortfolioView(session, owner, False), chosen, after)


def _figures_page(
    request: Request, access: Access, session: ReadSession, branch_id: str, content: Content
) -> Response:
    """A content that is empty where this run has none."""
    figures = session.branch_figures(branch_id, content)
    frame = _frame(request, access, session, branch_id, content)
    return show_run(request, "figures.html", session, figures=figures, **frame)


def _frame(
    request: Request, access: Access, session: ReadSession, branch_id: str, content: str
) -> dict[str, object]:
    """The values that these pages share; ``names`` of managers where allowed; ``min_drop`` is the share of
    AUM whose outflow makes somebody a leaver."""
    base = f"/branches/{path_part(branch_id)}/figures" if branch_id else "/bank"
    named = bool(branch_id) and access.caller.role is not Role.ANALYST
    managers = session.managers(branch_id) if named else ()
    terms, words = session.list_terms(), words_of(request, session)
    names = {manager.manager_id: manager.name for manager in managers if manager.name}

    def name_of(dimension: str, cell: str) -> str:
        """The name of a cell: a segment and a stage may have the same code."""
        if not cell:
            return words(UNNAMED.get(dimension, "not_known"))
        if dimension == "segment":
            return segment_in_words(words, terms, cell)
        return names.get(cell, cell) if dimension == "manager" else words.term(dimension, cell)

    return {
        "branch": branch_id,
        "content": content,
        "contents": CONTENT_NAMES,
        "base": base,
        "names": names,
        "name_of": name_of,
        "certain": CERTAIN,
        "deepest": DEEPEST,
        "min_drop": terms.min_drop if terms else None,
        "leads_to_branch": may(access, "branch_page") and bool(branch_id),
        "link": _link(request, access, session.run.run_id, branch_id, content or "structure"),
    }


def _link(request: Request, access: Access, run_id: str, branch_id: str, content: str) -> Link:
    """The address of the customers behind a cell of a dimension; empty where the reader may not see them.

    Of the bank's figures a cell of ``branch`` leads to that branch; one of ``handover``, a manager who left,
    to the branch's proposals.
    """
    prefix, run = request.app.state.settings.prefix, f"run={path_part(run_id)}"
    pages = ("branch_portfolio_page", "manager_customers_page", "handovers_page")
    portfolio, lists, handovers = (may(access, name) for name in pages)

    def link(dimension: str, cell: str) -> str:
        if not branch_id:
            path = f"/branches/{path_part(cell)}/figures/{content}?{run}"
            return prefix + path if dimension == "branch" and cell else ""
        base = f"{prefix}/branches/{path_part(branch_id)}"
        if dimension == "manager" and lists:
            return f"{prefix}/lists/{path_part(cell)}/customers?{run}" if cell else f"{base}/customers?{run}"
        if dimension == "handover" and handovers:
            return f"{base}/handovers?{run}"
        if dimension in CHOSEN_BY and portfolio and cell:
            return f"{base}/portfolio?{urlencode({dimension: cell})}&{run}"
        return ""

    return link
