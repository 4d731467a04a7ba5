"""The family of offers: what a customer's money here would earn more by today's offers here."""

import numpy as np

from features.catalogue.grammar import Name
from features.engine.activity import Bucket
from features.engine.balances import LOAN, MINOR, BalanceChanges
from features.engine.entities import Ints
from features.engine.offers import Offer, make_offers
from features.engine.tiles import Columns, SnapshotArray, ratio

PERCENT = 1e6  # interest in 1/10,000 percent that is all of the amount
UNIT = 1e8  # of rates


def offers(bucket: Bucket) -> Columns:
    """Interest missed in a year and the money that misses it (base currency); the first as a share of AUM.

    NaN where no balance with a known interest stands, or no offer runs at all.
    """
    balances = bucket.balances
    missed, below = _missed(bucket)
    yield Name("offer_gap", "sum"), missed
    yield Name("offer_gap", "share"), ratio(missed, balances.at_snapshot(balances.aum))
    yield Name("below_offer", "sum"), below


def _missed(bucket: Bucket) -> tuple[SnapshotArray, SnapshotArray]:
    """Interest missed in a year, and the balances that earn less than the best offer they fit."""
    calendar, customers = bucket.calendar, len(bucket.entities)
    missed, below = np.full((2, len(calendar.at), customers), np.nan)
    if not len(bucket.entities.offers):
        return missed, below
    table = make_offers(bucket.entities.offers)
    earning = _Earning(bucket.balances.changes, int(calendar.snapshots.min()))
    for s, day in enumerate(calendar.snapshots):
        running = table.running(int(day))
        if not running:
            continue
        stands = np.flatnonzero((earning.start < day) & (day <= earning.end))
        more = np.maximum(earning.best(running)[stands] - earning.interest[stands], 0)
        # Whole numbers, so that no sum depends on the order of rows.
        totals = np.zeros((2, customers), np.int64)
        customer, balance = earning.customer[stands], earning.balance[stands]
        np.add.at(totals[0], customer, balance * more)
        np.add.at(totals[1], customer, np.where(more > 0, balance, 0))
        known = np.zeros(customers, bool)
        known[customer] = True
        missed[s] = np.where(known, totals[0] / (PERCENT * MINOR), np.nan)
        below[s] = np.where(known, totals[1] / MINOR, np.nan)
    return missed, below


class _Earning:
    """The balances above 0 whose interest is known and that stand on the first Monday or later, loans apart.

    One entry per row of holdings.
    """

    def __init__(self, changes: BalanceChanges, first_monday: int) -> None:
        rows = changes.rows
        columns = rows.columns
        known = (columns["interest_rate"] >= 0) & (columns["balance_base"] > 0)
        stands = (changes.ends >= first_monday) & (columns["product_class"] != LOAN)
        chosen = np.flatnonzero(known & stands)
        self.customer, self.start, self.end = rows.customer[chosen], rows.day[chosen], changes.ends[chosen]
        self.balance, self.interest = columns["balance_base"][chosen], columns["interest_rate"][chosen]
        self._product_class, self._months = columns["product_class"][chosen], columns["months"][chosen]
        self._currency, self._words = columns["currency"][chosen], rows.labels["currency"]
        # What is asked is in the offer's currency: the balance at the rate of its day, to the minor unit.
        self._amount = np.rint(self.balance / (columns["to_base"][chosen] / UNIT)).astype(np.int64)

    def best(self, running: list[Offer]) -> Ints:
        """The highest interest offered for the class, currency, term and amount of each balance; else −1."""
        best = np.full(len(self.balance), -1, np.int64)
        for offer in running:
            fits = (self._product_class == offer.product_class) & (self._months == offer.months)
            if offer.currency in self._words:
                fits &= self._currency == self._words.index(offer.currency)
                fits &= self._amount >= offer.least_minor
                best[fits] = np.maximum(best[fits], offer.interest_rate)
        return best
