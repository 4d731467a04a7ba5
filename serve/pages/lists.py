"""The branches with this week's work, the lists, and the portfolios that they are made of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from configs.branch_rows import FormerCustomer, TierWatch
from configs.call_lists import CallList
from configs.published import Score
from serve.api.managers import COMMON
from serve.api.requests import BranchId, ManagerId
from serve.auth.access import Access, Granted
from serve.http.paths import path_part
from serve.pages.page import HEADERS, Page, RunId, asked_run, go, language_of, may, show_run
from serve.store import branch_summary, contacts, tables
from serve.store.branch_summary import BranchSummary
from serve.store.list_rows import ListRow, list_rows
from serve.store.portfolio import Choice, ListOwner, PortfolioView, contactable_count
from serve.store.read_session import ReadSession
from serve.texts.wording import Wording

ROWS = 500  # of a list on one page
CUSTOMERS = 100  # of a portfolio on one page
WORKBOOK_ROWS = 5_000  # of a list that is downloaded
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN_GONE = 20  # customers who left the list

pages = APIRouter(include_in_schema=False, route_class=Page)
After = Annotated[int, Query(ge=0, le=1_000_000)]
Chosen = Annotated[Choice, Depends()]
COMMON_OWNER = ListOwner()


@pages.get("/lists/{manager_id}")
def manager_page(
    request: Request,
    manager_id: ManagerId,
    access: Granted,
    chosen: Chosen,
    run: RunId = "",
    after: After = 0,
) -> Response:
    """The customers whom a manager calls this week, first things first."""
    with asked_list(access, run, ListOwner(manager_id)) as session:
        return _list_page(request, access, PortfolioView(session, ListOwner(manager_id), True), chosen, after)


@pages.get("/list")
def common_list_page(
    request: Request, access: Granted, chosen: Chosen, run: RunId = "", after: After = 0
) -> Response:
    """Listed customers with neither manager nor branch: all of them in a bank without both."""
    with asked_list(access, run, COMMON_OWNER) as session:
        return _list_page(request, access, PortfolioView(session, COMMON_OWNER, True), chosen, after)


@pages.get("/branches/{branch_id}/list")
def branch_list_page(
    request: Request, branch_id: BranchId, access: Granted, chosen: Chosen, run: RunId = "", after: After = 0
) -> Response:
    """Listed customers without a manager, whom the branch head calls, or gives to somebody."""
    owner = ListOwner(None, branch_id)
    with asked_list(access, run, owner) as session:
        return _list_page(request, access, PortfolioView(session, owner, True), chosen, after)


@pages.get("/lists/{manager_id}/customers")
def manager_customers_page(
    request: Request,
    manager_id: ManagerId,
    access: Granted,
    chosen: Chosen,
    run: RunId = "",
    after: After = 0,
) -> Response:
    """Every customer of a manager with the decision about each."""
    with asked_list(access, run, ListOwner(manager_id)) as session:
        return customers_page(request, PortfolioView(session, ListOwner(manager_id), False), chosen, after)


@pages.get("/list/customers")
def common_customers_page(
    request: Request, access: Granted, chosen: Chosen, run: RunId = "", after: After = 0
) -> Response:
    """Every customer with neither manager nor branch, with the decision about each."""
    with asked_list(access, run, COMMON_OWNER) as session:
        return customers_page(request, PortfolioView(session, COMMON_OWNER, False), chosen, after)


@pages.get("/branches/{branch_id}/customers")
def branch_customers_page(
    request: Request, branch_id: BranchId, access: Granted, chosen: Chosen, run: RunId = "", after: After = 0
) -> Response:
    """Every customer of a branch without a manager, with the decision about each."""
    owner = ListOwner(None, branch_id)
    with asked_list(access, run, owner) as session:
        return customers_page(request, PortfolioView(session, owner, False), chosen, after)


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
        return _branch_page(request, session, "", branch_summary.branch_summary(session, ""), COMMON_OWNER)


@pages.get("/branches/{branch_id}")
def branch_page(request: Request, branch_id: BranchId, access: Granted, run: RunId = "") -> Response:
    """One branch: its managers' portfolios beside this week's work."""
    with asked_run(access, run) as session:
        summary = branch_summary.branch_summary(session, branch_id)
        if summary is None:
            raise HTTPException(404)
        owner = ListOwner(None, branch_id, everybody=True)
        return _branch_page(request, session, branch_id, summary, owner)


def _branch_page(
    request: Request, session: ReadSession, branch: str, summary: BranchSummary | None, owner: ListOwner
) -> Response:
    return show_run(
        request,
        "branch.html",
        session,
        branch=branch,
        summary=summary,
        watched=contactable_count(session, tables.tier_watches, owner),
        former=contactable_count(session, tables.former_customers, owner),
    )


@pages.get("/lists/{manager_id}/workbook")
def manager_workbook_file(
    request: Request, manager_id: ManagerId, access: Granted, run: RunId = ""
) -> Response:
    """A manager's list as the workbook that the weekly run writes."""
    with asked_list(access, run, ListOwner(manager_id)) as session:
        return _workbook(request, PortfolioView(session, ListOwner(manager_id), False))


@pages.get("/list/workbook")
def common_workbook_file(request: Request, access: Granted, run: RunId = "") -> Response:
    """The common list as a workbook."""
    with asked_list(access, run, COMMON_OWNER) as session:
        return _workbook(request, PortfolioView(session, COMMON_OWNER, False))


@pages.get("/branches/{branch_id}/list/workbook")
def branch_workbook_file(request: Request, branch_id: BranchId, access: Granted, run: RunId = "") -> Response:
    """A branch's own list as a workbook, without the summary of its managers."""
    owner = ListOwner(None, branch_id)
    with asked_list(access, run, owner) as session:
        return _workbook(request, PortfolioView(session, owner, False))


@contextmanager
def asked_list(access: Access, run: str, owner: ListOwner) -> Iterator[ReadSession]:
    """The run asked for. Raises HTTPException 404 where it knows no such manager or branch within reach."""
    if owner == COMMON_OWNER:
        access.about(COMMON)
    with asked_run(access, run) as session:
        manager_known = owner.manager_id is None or session.manager(owner.manager_id) is not None
        if not manager_known or (owner.branch_id is not None and not session.branch_known(owner.branch_id)):
            raise HTTPException(404)
        yield session


def list_path(owner: ListOwner) -> str:
    """The address of a list; of everybody in a branch that of its managers' work."""
    if owner.everybody:
        return f"/branches/{path_part(owner.branch_id or '')}"
    if owner.manager_id:
        return f"/lists/{path_part(owner.manager_id)}"
    return f"/branches/{path_part(owner.branch_id)}/list" if owner.branch_id else "/list"


def page_path(owner: ListOwner, page: str) -> str:
    """The address of another page of the same owner."""
    return f"{list_path(owner).removesuffix('/list') if owner.branch_id else list_path(owner)}/{page}"


def page_of(customer: FormerCustomer | TierWatch, page: str) -> str:
    """The address of the page on which a customer stands: of the manager, else of the branch's own."""
    manager = customer.manager_id
    return page_path(ListOwner(manager, None if manager else customer.branch_id), page)


def owner_in_words(session: ReadSession, owner: ListOwner, words: Wording) -> str:
    """The owner of a list."""
    if owner.everybody:
        return words("branch.heading", branch=owner.branch_id)
    if owner.manager_id is None:
        return words("list.own", branch=owner.branch_id) if owner.branch_id else words("common.who")
    manager = session.manager(owner.manager_id)
    named = manager is not None and manager.name
    return words("list.of", who=f"{named} ({owner.manager_id})" if named else owner.manager_id)


def _list_page(request: Request, access: Access, view: PortfolioView, choice: Choice, after: int) -> Response:
    """The rows of the list that are chosen; in each part those with an outcome come last."""
    session = view.session
    rows, total = _rows(view, choice, after, ROWS)
    numbers = [row.score.customer_id for row in rows]
    recorded = contacts.of_run(session.connection, session.run.run_id, numbers)
    gone, others = view.gone()
    due = view.maturities.values() if view.maturities_known else ()
    everybody = replace(view.owner, everybody=bool(view.owner.branch_id))
    return show_run(
        request,
        "list.html",
        session,
        terms=session.list_terms(),
        workbook_rows=WORKBOOK_ROWS,
        **_frame(request, view, choice, after, total),
        rows=sorted(rows, key=lambda row: (row.part == "if_time", row.score.customer_id in recorded)),
        recorded=recorded,
        new=view.new(numbers),
        due_minor=sum(maturity.balance_minor for maturities in due for maturity in maturities),
        gone=gone[:SHOWN_GONE],
        others=others + len(gone[SHOWN_GONE:]),
        may_record=may(access, "record_outcome"),
        watched=contactable_count(session, tables.tier_watches, everybody),
        watched_path=page_path(view.owner, "watched"),
        former=contactable_count(session, tables.former_customers, everybody),
        former_path=page_path(view.owner, "former"),
    )


def customers_page(request: Request, view: PortfolioView, choice: Choice, after: int) -> Response:
    """Those who are chosen, with the contacts recorded since the Monday too."""
    rows, total = _rows(view, choice, after, CUSTOMERS)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    numbers = [row.score.customer_id for row in rows]
    return show_run(
        request,
        "customers.html",
        view.session,
        **_frame(request, view, choice, after, total),
        rows=rows,
        latest=contacts.newest_before(view.session.connection, numbers, tomorrow),
    )


def _workbook(request: Request, portfolio: PortfolioView) -> Response:
    """An .xlsx in the reader's language.

    Raises HTTPException 404 for a list of more than WORKBOOK_ROWS, and in a run published without terms.
    """
    from serve.workbooks.excel import list_file  # the service starts without it

    session, owner = portfolio.session, portfolio.owner
    terms, manager = session.list_terms(), session.manager(owner.manager_id) if owner.manager_id else None
    if terms is None or portfolio.figures.listed > WORKBOOK_ROWS:
        raise HTTPException(404)
    branch_id = manager.branch_id or None if manager else owner.branch_id
    listed = _listed(session, owner)
    call_list = CallList(branch_id, manager, listed, portfolio.figures.customers, 0, 0, ())
    terms = replace(terms, language=language_of(request))
    name, content = list_file(session, call_list, terms)
    headers = HEADERS | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(content, media_type=XLSX, headers=headers)


def _listed(session: ReadSession, owner: ListOwner) -> tuple[Score, ...]:
    if owner.manager_id:
        return session.manager_list(owner.manager_id)
    return session.branch_list(owner.branch_id) if owner.branch_id else session.common_list()


def _rows(view: PortfolioView, choice: Choice, after: int, limit: int) -> tuple[tuple[ListRow, ...], int]:
    """The customers of one page, and how many are chosen. Raises HTTPException 422 for too many."""
    if choice.by_maturity and not view.maturities_known:
        raise HTTPException(422)
    names, total = view.page(choice, after, limit)
    scores = view.session.scores(names)
    return list_rows(view.session, [scores[name] for name in names]), total


def _frame(
    request: Request, view: PortfolioView, choice: Choice, after: int, total: int
) -> dict[str, object]:
    """The values that the two pages of an owner share."""
    return {
        "who": owner_in_words(view.session, view.owner, Wording(language_of(request))),
        "figures": view.figures,
        "choice": choice,
        "since": view.before.snapshot_date if view.before else None,
        "total": total,
        "after": after,
        "whole": not view.listed_only,
        "everybody": view.owner.everybody,
        "segments": _segments(view, Wording(language_of(request))),
        "maturing": view.maturities_known and view.session.run.has_money,
        "page_size": ROWS if view.listed_only else CUSTOMERS,
        "query": _query(view.session.run.run_id, choice),
        "whole_query": _query(view.session.run.run_id, Choice()),
        "list_path": list_path(view.owner),
        "portfolio_path": page_path(view.owner, "portfolio" if view.owner.everybody else "customers"),
    }


def _segments(view: PortfolioView, words: Wording) -> list[tuple[str, str]]:
    """The segments to choose from, in the bank's order, with their names; none in a run of before it had."""
    terms = view.session.list_terms()
    return [(name, words.either(*names)) for name, names in terms.segments.items()] if terms else []


def _query(run_id: str, choice: Choice) -> Callable[..., str]:
    """The query of an address that keeps the run and what is chosen, but for what is changed."""

    def query(**changes: object) -> str:
        fields = {"run": run_id} | choice.asked | changes
        return urlencode({name: value for name, value in fields.items() if value})

    return query
