"""The additive measures: a filter on one table, declared once; each becomes features over every window."""

from dataclasses import dataclass, field

from configs.tables import KINDS


@dataclass(frozen=True)
class Measure:
    """Which rows count, and what is taken of them.

    ``where``: allowed labels per column; ``sign``: +1 money in (a booking of 0 too), -1 money out, 0 both.
    ``statistics``: sum (of the amount without its sign), count, days_since (the last one), max (the largest).
    """

    name: str
    table: str
    statistics: tuple[str, ...]
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sign: int = 0


# Money between the customer's own accounts and products here is no flow; interest and fees are the bank's.
_OUTSIDE = ("same_name_elsewhere", "other_bank", "broker", "company", "person", "none")
_ELSEWHERE = ("same_name_elsewhere", "other_bank", "broker")
_BANKS_OWN = ("fee", "interest", "loan")
_MOVES = tuple(kind for kind in KINDS if kind not in (*_BANKS_OWN, "buy", "redeem"))
_INITIATED = tuple(kind for kind in KINDS if kind not in _BANKS_OWN)

MEASURES = (
    Measure("inflow", "transactions", ("sum", "count"), {"kind": _MOVES, "counterparty": _OUTSIDE}, +1),
    Measure("outflow", "transactions", ("sum", "count", "max"),
            {"kind": _MOVES, "counterparty": _OUTSIDE}, -1),
    Measure("inflow_elsewhere", "transactions", ("sum", "count", "days_since"),
            {"counterparty": _ELSEWHERE}, +1),
    Measure("outflow_elsewhere", "transactions", ("sum", "count", "max", "days_since"),
            {"counterparty": _ELSEWHERE}, -1),
    Measure("outflow_broker", "transactions", ("sum", "count"), {"counterparty": ("broker",)}, -1),
    Measure("salary", "transactions", ("sum", "count", "days_since"), {"kind": ("salary",)}, +1),
    Measure("card", "transactions", ("sum", "count", "days_since"), {"kind": ("card",)}, -1),
    Measure("cash_out", "transactions", ("sum", "count"), {"kind": ("cash_out",)}, -1),
    Measure("buy", "transactions", ("sum", "count", "days_since"), {"kind": ("buy",)}),
    Measure("redeem", "transactions", ("sum", "count", "days_since"), {"kind": ("redeem",)}),
    Measure("booking", "transactions", ("count", "days_since"), {"kind": _INITIATED}),
    Measure("login", "events", ("count", "days_since"), {"kind": ("login",)}),
    Measure("view_rates", "events", ("count", "days_since"), {"kind": ("view_rates",)}),
    Measure("complaint", "events", ("count", "days_since"), {"kind": ("complaint",)}),
    Measure("contact", "contacts", ("count", "days_since")),
    Measure("contact_answered", "contacts", ("count", "days_since"), {"outcome": ("answered",)}),
)  # fmt: skip
