"""The calendar, the markets, and the products on the shelf with the slots in which customers hold them."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipeline.demo_bank.draws import Draws, Ints

# Chinese New Year's Day (lunar calendar, as published by the Hong Kong Observatory).
_NEW_YEARS = tuple(
    date.fromisoformat(day)
    for day in (
        "2020-01-25", "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29",
        "2026-02-17", "2027-02-06", "2028-01-26", "2029-02-13", "2030-02-03",
    )
)  # fmt: skip

# A customer holds one product per slot.
SLOTS = 14
DEMAND, DOLLARS, TERM_SHORT, TERM_LONG, WEALTH_SHORT, WEALTH_LONG, STRUCTURED = range(7)
EQUITY, BOND, INSURANCE, METAL, TRUST, DOLLAR_TERM, LOAN = range(7, SLOTS)

PRICED_SLOTS = [EQUITY, BOND, METAL]  # in the order of the columns of the market's prices
RATE_SLOTS = (TERM_SHORT, TERM_LONG, WEALTH_SHORT, WEALTH_LONG, STRUCTURED)
DATED_SLOTS = (*RATE_SLOTS, TRUST)
INVESTED_SLOTS = (*DATED_SLOTS, EQUITY, BOND, INSURANCE, METAL)
DOLLAR_SLOTS = (DOLLARS, DOLLAR_TERM)
# The easiest money first: what a customer turns into cash when a large sum is needed.
LIQUIDATION_ORDER = (
    WEALTH_SHORT, BOND, EQUITY, WEALTH_LONG, TERM_SHORT, TERM_LONG, METAL, STRUCTURED, INSURANCE, TRUST,
)  # fmt: skip
# Slots of one product class, for counting how many classes a customer holds.
CLASSES = (
    (DEMAND, DOLLARS), (TERM_SHORT, TERM_LONG, DOLLAR_TERM), (WEALTH_SHORT, WEALTH_LONG), (STRUCTURED,),
    (EQUITY, BOND), (INSURANCE,), (METAL,), (TRUST,), (LOAN,),
)  # fmt: skip


@dataclass(frozen=True)
class Product:
    """One product: its number, the bank's own class code, its slot, and its term in weeks (0 = open)."""

    product_id: str
    class_code: str
    name: str
    slot: int
    weeks: int = 0
    yearly_rate: float = 0.0
    currency_code: str = "156"
    risk_grade: int | None = None


SHELF: tuple[Product, ...] = (
    Product("P1001", "CK", "活期存款", DEMAND, yearly_rate=0.002),
    Product("P1002", "CK", "美元活期存款", DOLLARS, yearly_rate=0.004, currency_code="840"),
    Product("P2003", "DQ", "三个月定期", TERM_SHORT, 13, 0.012),
    Product("P2006", "DQ", "六个月定期", TERM_SHORT, 26, 0.014),
    Product("P2012", "DQ", "一年期大额存单", TERM_LONG, 52, 0.017),
    Product("P2024", "DQ", "两年期大额存单", TERM_LONG, 104, 0.019),
    Product("P3001", "LC", "安盈九十天理财", WEALTH_SHORT, 13, 0.026, risk_grade=2),
    Product("P3002", "LC", "稳享季季开理财", WEALTH_SHORT, 14, 0.025, risk_grade=2),
    Product("P3003", "LC", "安盈半年理财", WEALTH_LONG, 26, 0.029, risk_grade=2),
    Product("P3004", "LC", "恒睿一年定开理财", WEALTH_LONG, 52, 0.033, risk_grade=3),
    Product("P4001", "JG", "挂钩黄金结构性存款", STRUCTURED, 26, 0.024, risk_grade=2),
    Product("P4002", "JG", "挂钩指数结构性存款", STRUCTURED, 30, 0.027, risk_grade=2),
    Product("P5001", "JJ", "沪深三百指数基金", EQUITY, risk_grade=4),
    Product("P5002", "JJ", "消费成长混合基金", EQUITY, risk_grade=4),
    Product("P5003", "JJ", "纯债一号基金", BOND, risk_grade=2),
    Product("P5004", "JJ", "中短债基金", BOND, risk_grade=2),
    Product("P6001", "BX", "福泽年金保险", INSURANCE, risk_grade=1),
    Product("P6002", "BX", "增额终身寿险", INSURANCE, risk_grade=1),
    Product("P7001", "GJ", "积存金", METAL, risk_grade=3),
    Product("P8001", "XT", "家族信托一号", TRUST, 104, 0.045, risk_grade=4),
    Product("P2112", "DQ", "美元一年定期", DOLLAR_TERM, 52, 0.042, "840"),
    Product("P9001", "DK", "个人住房贷款", LOAN),
)
# By position on the shelf.
TERM_WEEKS = np.array([product.weeks for product in SHELF], dtype=np.int64)
YEARLY_RATE = np.array([product.yearly_rate for product in SHELF])
MONTHS = np.rint(TERM_WEEKS * 12 / 52).astype(np.int64)


class Season:
    """The calendar of the week from ``monday``; ``interest_day`` is 0 for Monday, None for no such day."""

    def __init__(self, monday: date) -> None:
        self.days = [monday + timedelta(days=k) for k in range(7)]
        to_new_year = [(day - monday).days for day in _NEW_YEARS]
        self.before_new_year = any(0 < gap <= 14 for gap in to_new_year)
        self.after_new_year = any(-14 < gap <= 0 for gap in to_new_year)
        self.quarter_ends = any(
            day.month % 3 == 0 and (day + timedelta(days=1)).day == 1 for day in self.days
        )
        # Chinese banks pay interest on demand deposits on the 21st of each quarter's last month.
        paid = [k for k, day in enumerate(self.days) if day.day == 21 and day.month % 3 == 0]
        self.interest_day = paid[0] if paid else None

    def weekday_of(self, day_of_month: Ints) -> Ints:
        """Day of this week (0 = Monday) that bears the given day of the month, −1 where none does."""
        weekday = np.full(32, -1, dtype=np.int64)
        weekday[[day.day for day in self.days]] = range(7)
        return weekday[day_of_month]


class Market:
    """One row per week (row 0 = the Sunday before the first week). Prices in 1/10000 yuan per unit.

    ``rate_gap`` is how much more other banks pay, in percentage points; it moves slowly, over some 15 months.
    """

    def __init__(self, weeks: int, seed: int) -> None:
        row = np.arange(weeks + 1, dtype=np.int64)
        draws = Draws(seed, -2)
        steps = [
            0.0008 + 0.022 * draws.normal("equity", row),
            0.0007 + 0.002 * draws.normal("bond", row),
            0.0015 + 0.016 * draws.normal("gold", row),
        ]
        paths = [np.exp(np.cumsum(step) - step[0]) for step in steps]
        start = np.array([1.35, 1.08, 480.0])
        self.prices = np.rint(np.stack(paths, axis=1) * start * 10_000).astype(np.int64)
        self.dollar = np.round(7.15 * np.exp(np.cumsum(0.003 * draws.normal("dollar", row)) * 0.7), 4)
        self.rate_gap = 0.7 + 0.4 * np.sin(2 * np.pi * (row + 20) / 65)
