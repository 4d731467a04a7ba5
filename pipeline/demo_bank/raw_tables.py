"""Columns of the bank's raw tables: numbers of customers, codes, dates, amounts and days of loading."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Bools, Draws, Ints

DAY = 86_400  # seconds
MANAGER, BRANCH, HOUSEHOLD = "RM{:05}", "B{:03}", "F{:06}"
LANES = 128  # per customer and week: at most one row of each table in a lane
_FIRST_SERIAL = 3 * 10**18
_ID_STEP, _ID_RANGE = 3_141_592_653_589, 10**13  # coprime, so that every number comes once


class Numbers:
    """Numbers of customers and accounts, shared by all weeks. The last customer is nobody (an orphan)."""

    def __init__(self, customer_ids: list[str]) -> None:
        self.count = len(customer_ids)
        self._customers = pa.array(customer_ids + numbers(6999, 1))
        self._accounts = pa.array(numbers(6217, self.count) + numbers(6218, self.count))

    def customer(self, who: Ints) -> pa.Array:
        return pa.DictionaryArray.from_arrays(who.astype(np.int32), self._customers)

    def account(self, who: Ints, dollars: Bools) -> pa.Array:
        return pa.DictionaryArray.from_arrays((who + dollars * self.count).astype(np.int32), self._accounts)


@dataclass(frozen=True)
class RawWeek:
    """The week whose rows are written: its draws, its Monday and the last day there is (days since 1970)."""

    numbers: Numbers
    draws: Draws
    week: int
    monday: int
    last_day: int

    def load_dates(self, purpose: str, rows: Ints, day: Ints, next_day: float = 0.0) -> pa.Array:
        """The day on which the bank knew: the same or the next, seldom weeks later, never after the end."""
        delay = self.draws.chance(f"{purpose} next day", rows, next_day).astype(np.int64)
        late = self.draws.chance(f"{purpose} late", rows, p.LATE_SHARE)
        delay = np.where(late, self.draws.whole(f"{purpose} delay", rows, 3, 29), delay)
        return self.dates_until_end(day + delay)

    def dates_until_end(self, days: Ints) -> pa.Array:
        return dates(np.minimum(days, self.last_day))

    def serials(self, lane: Ints | int, who: Ints) -> pa.Array:
        """A number of 19 digits as text, one per week, lane and customer."""
        return pa.array(_FIRST_SERIAL + (self.week * LANES + lane) * 10**8 + who).cast(pa.string())


def numbers(prefix: int, count: int) -> list[str]:
    """``count`` different numbers of 19 digits that begin with a four-digit prefix and look unordered."""
    row = np.arange(1, count + 1, dtype=np.int64)
    return ((row * _ID_STEP) % _ID_RANGE + prefix * 10**15).astype(str).tolist()


def codes(places: Ints | Bools, names: Sequence[str]) -> pa.Array:
    """Dictionary-encoded text."""
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int8)), pa.array(list(names)))


def decimals(units: Ints, scale: int, known: Bools | None = None) -> pa.Array:
    """DECIMAL(18, scale) from whole numbers of the smallest unit; null where not ``known``."""
    wide = np.stack([units, units >> 63], axis=1)  # 128 bits, little-endian, sign-extended
    bitmap = None if known is None else pa.py_buffer(np.packbits(known, bitorder="little").tobytes())
    return pa.Array.from_buffers(
        pa.decimal128(18, scale), len(units), [bitmap, pa.py_buffer(np.ascontiguousarray(wide))]
    )


def dates(days: Ints) -> pa.Array:
    """DATE from days since 1970; null for 0 and below."""
    return pa.array(days.astype(np.int32), mask=days <= 0).cast(pa.date32())


def moments(seconds: Ints) -> pa.Array:
    """TIMESTAMP from seconds since 1970, local time."""
    return pa.array(seconds).cast(pa.timestamp("s"))


def ids(form: str, places: Ints) -> pa.Array:
    """Numbers from 1 in a form of MANAGER or BRANCH; null for −1, where nobody is in charge."""
    names = [form.format(place + 1) for place in range(int(places.max(initial=-1)) + 1)]
    return pa.array(names, pa.string()).take(pa.array(places, mask=places < 0))
