"""Money that falls due soon at a manager's customers."""

from datetime import timedelta
from typing import Annotated

from fastapi import HTTPException, Query
from pydantic import Field

from serve.api.customers import MaturitySchema
from serve.api.managers import NO_MANAGER
from serve.api.requests import (
    GONE_RUN,
    ManagerId,
    MoneyWritten,
    PageCursor,
    PageSize,
    authorized_router,
    exemplified,
)
from serve.auth.access import Granted
from serve.http.problems import documented
from serve.http.responses import RunResponse, written_amount
from serve.store.maturities import maturities

router = authorized_router("managers")


class CustomerMaturity(MaturitySchema):
    """A holding and its customer."""

    customer_id: str


class ManagerMaturities(RunResponse):
    """Money that falls due at a manager's customers, listed or not, the soonest first."""

    manager_id: str
    currency: str
    maturities: tuple[CustomerMaturity, ...]
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


@router.get(
    "/managers/{manager_id}/maturities",
    responses=exemplified("manager_maturities") | GONE_RUN | documented(e404=NO_MANAGER),
)
def manager_maturities(
    manager_id: ManagerId,
    access: Granted,
    days: Annotated[int, Query(ge=1, le=90, description="from the Monday on")] = 30,
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> ManagerMaturities:
    """The holdings of a manager's customers that fall due within some days of the Monday."""
    with access.paging(cursor) as (read_session, start):
        if read_session.manager(manager_id) is None:
            raise HTTPException(404, NO_MANAGER)
        run = read_session.run
        due = maturities(read_session, manager_id, run.snapshot_date + timedelta(days=days))
    return ManagerMaturities(
        **access.context(run).source,
        manager_id=manager_id,
        currency=run.base_currency,
        maturities=tuple(
            CustomerMaturity(
                customer_id=customer_id,
                product=maturity.product_name,
                product_class=maturity.product_class,
                matures_on=maturity.matures_on,
                balance=written_amount(maturity.balance_minor, money),
            )
            for customer_id, maturity in due[start : start + limit]
        ),
        next_cursor=access.cursor(read_session, start + limit, len(due)),
    )
