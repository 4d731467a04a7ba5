"""Households: couples among the customers, most with one manager; now and then one of them parts."""

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import Customers
from pipeline.demo_bank.draws import Bools, Draws, Ints
from pipeline.demo_bank.raw_tables import HOUSEHOLD, RawWeek, dates, ids

ALONE = -1


class Households:
    """Per customer the number of the household (−1 = none), and the day since which the couple is one.

    A couple is of one branch. It is recorded once both are customers.
    """

    def __init__(self, customers: Customers, portfolio_of: Ints, seed: int) -> None:
        draws = Draws(seed, -4)
        self.of = np.full(customers.count, ALONE, dtype=np.int64)
        paired = draws.chosen("lives in a couple", customers.everyone, p.COUPLE_SHARE)
        in_order = draws.chance("one manager", paired, p.ONE_MANAGER_SHARE)
        portfolio = np.where(in_order, portfolio_of[paired], -2)
        order = np.lexsort((draws.uniform("order", paired), portfolio, customers.branch[paired]))
        first, second = (paired[order][k : len(paired) // 2 * 2 : 2] for k in (0, 1))
        near = customers.branch[first] == customers.branch[second]
        self._first, self._second = first[near], second[near]
        self.of[self._first] = self.of[self._second] = np.arange(len(self._first))
        self._since = np.maximum(customers.opened_on[self._first], customers.opened_on[self._second])

    def first_rows(self, raw: RawWeek, here: Bools, arrived: Ints) -> pa.Table:
        """Both rows of each couple that is ``here`` and became one by the customers who ``arrived``."""
        new = np.isin(self._first, arrived) | np.isin(self._second, arrived)
        couple = np.flatnonzero(new & here[self._first] & here[self._second])
        return self._rows(raw, couple, np.full(len(couple), -1), self._since[couple])

    def parted(self, raw: RawWeek, here: Bools) -> pa.Table:
        """Both rows, with their end, of each couple that parts this week."""
        couples = np.arange(len(self._first), dtype=np.int64)
        stands = (self.of[self._first] != ALONE) & here[self._first] & here[self._second]
        parts = raw.draws.chosen("couple parts", couples[stands], p.PARTING_RATE)
        day = raw.monday + raw.draws.whole("day of parting", parts, 0, 5)
        rows = self._rows(raw, parts, day, day + raw.draws.whole("parting known", parts, 1, 22))
        self.of[self._first[parts]] = self.of[self._second[parts]] = ALONE
        return rows

    def _rows(self, raw: RawWeek, couple: Ints, to_on: Ints, known_on: Ints) -> pa.Table:
        """One row per member of each couple; ``to_on`` −1 = still running."""
        who = np.concatenate([self._first[couple], self._second[couple]])
        return pa.table(
            {
                "CUST_NO": raw.numbers.customer(who).dictionary_decode(),
                "FAM_NO": ids(HOUSEHOLD, np.tile(couple, 2)),
                "BEG_DT": dates(np.tile(self._since[couple], 2)),
                "END_DT": dates(np.tile(to_on, 2)),
                "LOAD_DT": raw.dates_until_end(np.tile(known_on, 2)),
            }
        )
