"""The products on the shelf, and the slots in which a customer holds them (one product per slot)."""

from dataclasses import dataclass

from pipeline.demo_bank.market import PRICED

DEMAND, DOLLARS, TERM_SHORT, TERM_LONG, WEALTH_SHORT, WEALTH_LONG, STRUCTURED = range(7)
EQUITY, BOND, INSURANCE, METAL, TRUST, DOLLAR_TERM, LOAN = range(7, 14)
SLOTS = 14

# Slot of each price series of the market, in its order: equity, bond, gold.
PRICED_SLOTS = dict(zip((EQUITY, BOND, METAL), range(len(PRICED)), strict=True))
DATED_SLOTS = (TERM_SHORT, TERM_LONG, WEALTH_SHORT, WEALTH_LONG, STRUCTURED, TRUST)
RATE_SLOTS = (TERM_SHORT, TERM_LONG, WEALTH_SHORT, WEALTH_LONG, STRUCTURED)
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


SHELF: tuple[Product, ...] = (
    Product("P1001", "CK", "活期存款", DEMAND, yearly_rate=0.002),
    Product("P1002", "CK", "美元活期存款", DOLLARS, yearly_rate=0.004, currency_code="840"),
    Product("P2003", "DQ", "三个月定期", TERM_SHORT, 13, 0.012),
    Product("P2006", "DQ", "六个月定期", TERM_SHORT, 26, 0.014),
    Product("P2012", "DQ", "一年期大额存单", TERM_LONG, 52, 0.017),
    Product("P2024", "DQ", "两年期大额存单", TERM_LONG, 104, 0.019),
    Product("P3001", "LC", "安盈九十天理财", WEALTH_SHORT, 13, 0.026),
    Product("P3002", "LC", "稳享季季开理财", WEALTH_SHORT, 14, 0.025),
    Product("P3003", "LC", "安盈半年理财", WEALTH_LONG, 26, 0.029),
    Product("P3004", "LC", "恒睿一年定开理财", WEALTH_LONG, 52, 0.033),
    Product("P4001", "JG", "挂钩黄金结构性存款", STRUCTURED, 26, 0.024),
    Product("P4002", "JG", "挂钩指数结构性存款", STRUCTURED, 30, 0.027),
    Product("P5001", "JJ", "沪深三百指数基金", EQUITY),
    Product("P5002", "JJ", "消费成长混合基金", EQUITY),
    Product("P5003", "JJ", "纯债一号基金", BOND),
    Product("P5004", "JJ", "中短债基金", BOND),
    Product("P6001", "BX", "福泽年金保险", INSURANCE),
    Product("P6002", "BX", "增额终身寿险", INSURANCE),
    Product("P7001", "GJ", "积存金", METAL),
    Product("P8001", "XT", "家族信托一号", TRUST, 104, 0.045),
    Product("P2112", "DQ", "美元一年定期", DOLLAR_TERM, 52, 0.042, "840"),
    Product("P9001", "DK", "个人住房贷款", LOAN),
)


def on_shelf(slot: int) -> list[int]:
    """Positions on the shelf of the products that fit one slot."""
    return [k for k, product in enumerate(SHELF) if product.slot == slot]
