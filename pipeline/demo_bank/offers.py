"""Offers of interest: a round every quarter, and one that finds customers who lacked its class."""

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Draws, Ints
from pipeline.demo_bank.market import MONTHS, SHELF, WEALTH_LONG, YEARLY_RATE
from pipeline.demo_bank.raw_tables import RawWeek, dates, decimals

QUARTER = 13  # weeks for which an offer runs
PERCENT = 1_000_000  # 1/10,000 percent in a yearly rate of 1
_OFFERED = np.array([place for place, item in enumerate(SHELF) if item.weeks and item.yearly_rate])
_CLOSING = np.array([place for place, item in enumerate(SHELF) if item.slot == WEALTH_LONG])


def closes_gap_from(weeks: int) -> int:
    """The week from which the class that was lacking is offered, in a bank of so many weeks."""
    return max(weeks - p.GAP_OFFER_WEEKS, 0)


def offers(raw: RawWeek, weeks: int) -> pa.Table:
    """One row per offer that begins this week; known some days before."""
    parts = [_rows(raw, "Q", np.zeros(0, np.int64), np.zeros(0, np.int64))]
    if raw.week % QUARTER == 0:
        parts.append(_rows(raw, "Q", _OFFERED, _extra(raw.draws, _OFFERED)))
    if raw.week == closes_gap_from(weeks):
        extra = np.full(len(_CLOSING), round(p.GAP_OFFER_EXTRA * PERCENT), np.int64)
        parts.append(_rows(raw, "G", _CLOSING, extra))
    return pa.concat_tables(parts)


def _extra(draws: Draws, places: Ints) -> Ints:
    """Interest beyond the shelf's by product: none for most, in steps of 0.05 points."""
    steps = np.floor(draws.uniform("extra interest", places) * p.OFFER_EXTRA / 0.0005).astype(np.int64)
    return np.where(draws.chance("more than the shelf", places, p.OFFER_SHARE), steps * 500, 0)


def _rows(raw: RawWeek, kind: str, places: Ints, extra: Ints) -> pa.Table:
    items = [SHELF[place] for place in places.tolist()]
    large = raw.draws.chance("large amounts only", places, 0.4) & (kind == "Q")
    ends = raw.monday + 7 * (QUARTER if kind == "Q" else p.GAP_OFFER_WEEKS)
    return pa.table(
        {
            "OFR_NO": pa.array([f"{kind}{raw.week:04}{item.product_id}" for item in items], pa.string()),
            "PROD_TYP": pa.array([item.class_code for item in items], pa.string()),
            "CCY_CD": pa.array([item.currency_code for item in items], pa.string()),
            "RATE_PCT": decimals(np.rint(YEARLY_RATE[places] * PERCENT).astype(np.int64) + extra, 4),
            "TERM_M": pa.array(MONTHS[places]),
            "MIN_AMT": decimals(np.where(large, 200_000_00, 10_000_00), 2),
            "BEG_DT": dates(np.full(len(places), raw.monday)),
            "END_DT": dates(np.full(len(places), ends)),
            "LOAD_DT": dates(np.full(len(places), raw.monday - 3)),
        }
    )
