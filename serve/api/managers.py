"""What a manager should do this week."""

from fastapi import HTTPException

from serve.answers import examples
from serve.answers import managers as shown
from serve.auth.access import Granted
from serve.http.problems import documented
from serve.http.requests import (
    GONE_RUN,
    NO_MANAGER,
    ManagerId,
    PageCursor,
    PageSize,
    ShownIn,
    authorized_router,
    found,
)

router = authorized_router("managers")


@router.get(
    "/managers/{manager_id}/list",
    responses=found(examples.MANAGER_LIST) | GONE_RUN | documented(e404=NO_MANAGER),
)
def manager_list(
    manager_id: ManagerId,
    access: Granted,
    language: ShownIn = "en",
    limit: PageSize = 100,
    cursor: PageCursor = None,
) -> shown.ManagerList:
    """Whom a manager should call this week, first of all where a call is expected to keep most money."""
    with access.paging(cursor) as (read_session, given):
        known = read_session.manager_list(manager_id)
        if known is None:
            raise HTTPException(404, NO_MANAGER)
        manager, scores = known
        decisions = read_session.decisions([one.customer_id for one in scores])
    listed = [(one, decisions[one.customer_id]) for one in scores]
    page = slice(given, given + limit)
    next_cursor = access.cursor(read_session, page.stop, len(listed))
    return shown.manager_list(access.view(read_session.run, language), manager, listed, page, next_cursor)
