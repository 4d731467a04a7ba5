"""The additive measures: a filter on one table, declared once; each becomes features over every window.

A bank declares more of its own in bank.toml, without any code:

    [[features.measures]]
    name = "counter_cash"
    table = "transactions"
    where = { kind = ["cash_out"], channel = ["counter"] }
    sign = -1
    statistics = ["sum", "count"]
    en = "cash taken at the counter"
    zh = "柜面取现"
    group = "outflow"
    worse = 1
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from configs.errors import ConfigError, did_you_mean
from configs.feature_settings import OwnMeasure
from configs.reason_groups import GROUPS
from configs.settings import Settings
from configs.tables import KINDS, TABLES
from features.catalogue.entries import NOUNS


@dataclass(frozen=True)
class Measure:
    """The rows that count, and the statistics taken of them.

    ``where``: allowed labels per column; ``sign``: +1 money in (a booking of 0 too), -1 money out, 0 both.
    ``statistics``: sum (of the amount without its sign), count, days_since (the last one), max (the largest).
    """

    name: str
    table: str
    statistics: tuple[str, ...]
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sign: int = 0


# Money between the customer's own accounts and products here is no flow; interest and fees are the bank's.
_OUTSIDE = ("same_name_elsewhere", "other_bank", "broker", "company", "person", "none")
_ELSEWHERE = ("same_name_elsewhere", "other_bank", "broker")
_BANKS_OWN = ("fee", "interest", "loan")
_MOVES = tuple(kind for kind in KINDS if kind not in (*_BANKS_OWN, "buy", "redeem"))
_INITIATED = tuple(kind for kind in KINDS if kind not in _BANKS_OWN)
CHANNELS = ("counter", "mobile", "online", "atm")

BANK_BOOKING = Measure("bank", "transactions", ("sum",), {"kind": _BANKS_OWN})
OWN_BOOKING = Measure("booking", "transactions", ("count", "days_since"), {"kind": _INITIATED})

MEASURES = (
    Measure("inflow", "transactions", ("sum", "count", "max", "days_since"),
            {"kind": _MOVES, "counterparty": _OUTSIDE}, +1),
    Measure("outflow", "transactions", ("sum", "count", "max", "days_since"),
            {"kind": _MOVES, "counterparty": _OUTSIDE}, -1),
    Measure("inflow_elsewhere", "transactions", ("sum", "count", "days_since"),
            {"counterparty": _ELSEWHERE}, +1),
    Measure("outflow_elsewhere", "transactions", ("sum", "count", "max", "days_since"),
            {"counterparty": _ELSEWHERE}, -1),
    Measure("outflow_broker", "transactions", ("sum", "count"), {"counterparty": ("broker",)}, -1),
    Measure("salary", "transactions", ("sum", "count", "days_since"), {"kind": ("salary",)}, +1),
    Measure("card", "transactions", ("sum", "count", "days_since"), {"kind": ("card",)}, -1),
    Measure("cash_out", "transactions", ("sum", "count", "days_since"), {"kind": ("cash_out",)}, -1),
    Measure("buy", "transactions", ("sum", "count", "days_since"), {"kind": ("buy",)}),
    Measure("redeem", "transactions", ("sum", "count", "days_since"), {"kind": ("redeem",)}),
    OWN_BOOKING,
    *(Measure(channel, "transactions", ("count",), {"kind": _INITIATED, "channel": (channel,)})
      for channel in CHANNELS),
    Measure("login", "events", ("count", "days_since"), {"kind": ("login",)}),
    Measure("view_rates", "events", ("count", "days_since"), {"kind": ("view_rates",)}),
    Measure("complaint", "events", ("count", "days_since"), {"kind": ("complaint",)}),
    Measure("contact", "contacts", ("count", "days_since")),
    Measure("contact_answered", "contacts", ("count", "days_since"), {"outcome": ("answered",)}),
)  # fmt: skip

# Tables a bank's own measure may be of: what may be taken of their rows, and the columns to choose them by.
_STATISTICS = {
    "transactions": ("sum", "count", "days_since", "max"),
    "events": ("count", "days_since"),
    "contacts": ("count", "days_since"),
}
_COLUMNS = {
    "transactions": ("kind", "channel", "counterparty"),
    "events": ("kind",),
    "contacts": ("channel", "purpose", "outcome"),
}


def declared(settings: Settings) -> tuple[Measure, ...]:
    """The measures above and the bank's own. Raises ConfigError naming what is known."""
    bank_measures = settings.features.measures
    for k, measure in enumerate(bank_measures):
        _check(measure, {*NOUNS, *(other.name for other in bank_measures[:k])})
    return MEASURES + tuple(
        Measure(measure.name, measure.table, measure.statistics, dict(measure.where), measure.sign)
        for measure in bank_measures
    )


def _check(measure: OwnMeasure, taken: set[str]) -> None:
    where = f"[[features.measures]] {measure.name!r}"
    # "first_" and "largest_" would read like days_since_first_… of another measure.
    if measure.name in taken or measure.name.startswith(("first_", "largest_")):
        raise ConfigError(f"{where}: the name is taken. Choose another than {', '.join(sorted(taken))}.")
    _known(f"{where}: table", measure.table, _STATISTICS)
    _known(f"{where}: group", measure.group, GROUPS)
    for statistic in measure.statistics:
        _known(f"{where}: statistic of {measure.table}", statistic, _STATISTICS[measure.table])
    if measure.sign and "sum" not in _STATISTICS[measure.table]:
        raise ConfigError(f"{where}: {measure.table} have no amount and so no sign. Leave sign out.")
    for column, labels in measure.where.items():
        _known(f"{where}: column of {measure.table}", column, _COLUMNS[measure.table])
        allowed = TABLES[measure.table].column(column).allowed
        for label in labels if allowed else ():
            _known(f"{where}: {column}", label, allowed)


def _known(what: str, name: str, choices: Iterable[str]) -> None:
    names = sorted(choices)
    if name not in names:
        raise ConfigError(
            f"{what} {name!r} is unknown. {did_you_mean(name, names)} All of them: {', '.join(names)}."
        )
