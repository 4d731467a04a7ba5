"""The offers that run on a day: what the bank pays for a class, a currency, a term and an amount."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from configs.tables import PRODUCT_CLASSES
from features.engine.entities import FOREVER, Ints, days_of, unscaled, whole_numbers


@dataclass(frozen=True)
class Offer:
    """One version of an offer: class by its place, months −1 for no term, interest in 1/10,000 percent a
    year, the least amount in minor units of its currency."""

    product_class: int
    currency: str
    months: int
    interest_rate: int
    least_minor: int


@dataclass(frozen=True)
class Offers:
    """Every version of every offer, and the days (numbers since 1970) between which it counts.

    A version counts from ``known_on`` until a later one is known (``until``); it runs from ``from_on`` until
    before ``to_on``.
    """

    versions: tuple[Offer, ...]
    known_on: Ints
    until: Ints
    from_on: Ints
    to_on: Ints

    def running(self, snapshot: int) -> list[Offer]:
        """The offers that were known before the snapshot and run on the day before it."""
        known = (self.known_on < snapshot) & (self.until >= snapshot)
        places = np.flatnonzero(known & (self.from_on < snapshot) & (self.to_on >= snapshot))
        return [self.versions[place] for place in places.tolist()]


def make_offers(table: pa.Table) -> Offers:
    """The rows of the table as ingest writes them; several of one offer are its versions."""
    table = table.sort_by([("offer_id", "ascending"), ("known_on", "ascending")])
    offer, known_on = table["offer_id"].to_pylist(), days_of(table["known_on"])
    last = np.array([*(former != latter for former, latter in pairwise(offer)), True][: len(offer)], bool)
    to_on = days_of(table["to_on"])
    numbers = (
        [PRODUCT_CLASSES.index(name) for name in table["product_class"].to_pylist()],
        table["currency"].to_pylist(),
        whole_numbers(table["months"]).tolist(),
        unscaled(table["interest_rate"]).tolist(),
        unscaled(table["least_amount"]).tolist(),
    )
    return Offers(
        tuple(Offer(*row) for row in zip(*numbers, strict=True)),
        known_on,
        np.where(last, FOREVER, np.append(known_on[1:], 0)[: len(known_on)]),
        days_of(table["from_on"]),
        np.where(to_on < 0, FOREVER, to_on),
    )
