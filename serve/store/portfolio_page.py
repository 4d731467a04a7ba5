"""The customers of a manager, listed or not, one page at a time, as the API gives them."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select

from configs.published import Score
from serve.store import tables
from serve.store.read_session import ReadSession, same_customer

Sort = Literal["risk", "money_to_keep", "aum"]


@dataclass(frozen=True)
class Asked:
    """The rows that the caller wants to see, all where nothing is named, and in which order, the largest
    first."""

    decision: str | None = None
    band: str | None = None
    segment: str | None = None
    sort: Sort = "risk"


def portfolio_page(
    session: ReadSession, manager_id: str, asked: Asked, start: int, limit: int
) -> tuple[tuple[Score, ...], int]:
    """So many customers after the first ``start``, and the number of all that are asked for."""
    decisions, scores = tables.decisions, tables.scores
    conditions = (
        (asked.decision, decisions.c.decision == asked.decision),
        (asked.band, scores.c.risk_band == asked.band),
        (asked.segment, scores.c.segment == asked.segment),
    )
    chosen = (
        select(decisions.c.customer_id)
        .join(scores, same_customer(scores, decisions))
        .where(decisions.c.run_version == session.run_version, decisions.c.manager_id == manager_id)
        .where(session.scope.of(scores), *(condition for value, condition in conditions if value))
    )
    order = {
        "risk": func.coalesce(*(scores.c[name] for name in ("risk_own", "risk_90d", "risk_60d", "risk_30d"))),
        "money_to_keep": decisions.c.expected_value_minor,
        "aum": scores.c.aum_minor,
    }[asked.sort]
    shown = chosen.order_by(order.desc(), decisions.c.customer_id).offset(start).limit(limit)
    names = session.connection.scalars(shown).all()
    total = session.connection.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    scored = session.customers(names)
    return tuple(score for name in names if isinstance(score := scored.get(name), Score)), total
