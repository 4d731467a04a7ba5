"""Pages of customers of a run: of a manager's portfolio, or of a branch with all its managers."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi import HTTPException

from serve.api.branches import NO_BRANCH
from serve.api.managers import NO_MANAGER
from serve.auth.access import Access
from serve.http.responses import Schema
from serve.store.portfolio import ListOwner
from serve.store.read_session import ReadSession

Customer = TypeVar("Customer")


def owner_of_manager(read_session: ReadSession, manager_id: str) -> ListOwner:
    """The manager's portfolio. Raises HTTPException 404 where nobody within reach has that number."""
    if read_session.manager(manager_id) is None:
        raise HTTPException(404, NO_MANAGER)
    return ListOwner(manager_id)


def owner_of_branch(read_session: ReadSession, branch_id: str) -> ListOwner:
    """All customers of a branch. Raises HTTPException 404 where no branch within reach has that number."""
    if not read_session.branch_known(branch_id):
        raise HTTPException(404, NO_BRANCH)
    return ListOwner(None, branch_id, everybody=True)


def page_of_customers(
    access: Access,
    read_session: ReadSession,
    places: Sequence[Customer | None],
    rows: tuple[int, int],
    shown: Callable[[Customer], Schema],
) -> dict[str, Any]:
    """The fields of an answer with so many ``rows`` from one on; a place that is None is left out of it."""
    start, limit = rows
    return {
        **access.context(read_session.run).source,
        "currency": read_session.run.base_currency,
        "customers": tuple(shown(each) for each in places[start : start + limit] if each is not None),
        "next_cursor": access.cursor(read_session, start + limit, len(places)),
    }
