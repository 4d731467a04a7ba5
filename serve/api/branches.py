"""What a branch has at stake."""

from fastapi import HTTPException

from serve.answers import branches as shown
from serve.answers import examples
from serve.auth.access import Granted
from serve.http.problems import documented
from serve.http.requests import GONE_RUN, NO_BRANCH, BranchId, PageCursor, PageSize, authorized_router, found
from serve.store.branch_summary import branch_rows

router = authorized_router("branches")


@router.get(
    "/branches/{branch_id}/summary",
    responses=found(examples.BRANCH_SUMMARY) | GONE_RUN | documented(e404=NO_BRANCH),
)
def branch_summary(
    branch_id: BranchId, access: Granted, limit: PageSize = 100, cursor: PageCursor = None
) -> shown.BranchSummary:
    """How many customers a branch has, how much money is at risk with them, and who is in charge of them."""
    with access.paging(cursor) as (read_session, given):
        rows = branch_rows(read_session, branch_id)
    if not rows:
        raise HTTPException(404, NO_BRANCH)
    page = rows[given : given + limit]
    next_cursor = access.cursor(read_session, given + limit, len(rows))
    return shown.branch_summary(access.view(read_session.run), branch_id, rows, page, next_cursor)
