"""The figures that a branch and the bank see of their customers, as published; no customer is in it."""

from typing import Annotated, Any

from fastapi import HTTPException, Path
from pydantic import Field

from configs.branch_figures.contents import MONEY, WHOLE_BANK, ContentName
from serve.api.requests import UNCHANGED, BranchId, MoneyWritten, authorized_router
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.responses import MoneyForm, ResponseContext, RunResponse

NOT_PUBLISHED = "The run has no such figures, or knows no such branch."
BANK = "whole bank"  # as the access log names it
Content = Annotated[ContentName, Path()]
router = authorized_router("branches")


class Figures(RunResponse):
    """Figures of a branch or the bank. Amounts are in `currency`."""

    currency: str
    figures: dict[str, Any] = Field(description="by content: docs/reference/figures.md")


@router.get("/branches/{branch_id}/{content}", responses=UNCHANGED | documented(e404=NOT_PUBLISHED))
def branch_figures(
    branch_id: BranchId, content: Content, access: Granted, money: MoneyWritten = "number"
) -> Figures:
    """Figures of a branch's customers."""
    return _figures(access, branch_id, content, money)


@router.get("/bank/{content}", responses=UNCHANGED | documented(e404=NOT_PUBLISHED))
def bank_figures(content: Content, access: Granted, money: MoneyWritten = "number") -> Figures:
    """Figures of all customers of the bank."""
    return _figures(access, WHOLE_BANK, content, money)


def _figures(access: Access, branch_id: str, content: ContentName, money: MoneyForm) -> Figures:
    access.about(branch_id or BANK, customers=0)
    with access.at_run() as read_session:
        figures = read_session.branch_figures(branch_id, content)
    if figures is None:
        raise HTTPException(404, NOT_PUBLISHED)
    context = access.context(read_session.run, money=money)
    return Figures(
        **context.source,
        currency=read_session.run.base_currency,
        figures=written(context, "", figures),
    )


def written(context: ResponseContext, name: str, value: Any) -> Any:
    """The value under a name of a content, with every amount as the caller asked for it."""
    money = name.endswith(MONEY)
    if isinstance(value, dict):
        return {
            key.removesuffix(MONEY): written(context, name if money else key, inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [written(context, name, inner) for inner in value]
    return context.amount(value) if money and value is not None else value
