"""What came up with a customer and ends a cool-down: a complaint, a large payment, money about to mature."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np

from configs.list_settings import Occasions
from configs.published import Maturity
from features.catalogue.facts import Figures

LATELY = 56  # days: what came up earlier came up before any contact that still keeps somebody off a list


def last_occasion(
    occasions: Occasions,
    figures: Figures,
    due: Mapping[str, Sequence[Maturity]],
    customers: Sequence[str],
    monday: date,
) -> dict[str, date]:
    """Per customer the last day on which something of ``occasions`` came up, as seen on ``monday``.

    Money comes up when enough of AUM falls due within ``maturing_days``.
    """
    days_ago = np.full(len(customers), np.inf)
    if occasions.complaint:
        days_ago = np.fmin(days_ago, figures("days_since_complaint"))
    aum, paid = figures("aum_last"), figures("outflow_max_52w")
    if occasions.outflow_share:
        large = paid >= occasions.outflow_share * (aum + paid)
        days_ago = np.fmin(days_ago, np.where(large, figures("days_since_largest_outflow"), np.nan))
    last = {
        name: monday - timedelta(days=int(days))
        for name, days in zip(customers, days_ago.tolist(), strict=True)
        if days <= LATELY
    }
    for name, total in zip(customers, aum.tolist(), strict=True):
        day = _maturing(occasions, due.get(name, ()), total)
        if day and day < monday:
            last[name] = max(day, last.get(name, day))
    return last


def _maturing(occasions: Occasions, due: Sequence[Maturity], aum: float) -> date | None:
    """The day on which enough began to fall due within ``maturing_days``; None where not enough does."""
    wanted, total = occasions.maturing_share * aum * 100, 0
    for maturity in due if occasions.maturing_days else ():
        total += maturity.balance_minor
        if total >= wanted:
            return maturity.matures_on - timedelta(days=occasions.maturing_days)
    return None
