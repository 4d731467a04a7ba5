"""A week's happenings as the bank's own raw tables: its column names, its codes, its dates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.contacts import (
    CONTACT_CHANNELS,
    EVENT_CODES,
    ITEMS,
    OUTCOMES,
    PURPOSES,
    Answers,
    Contacts,
    Events,
)
from pipeline.demo_bank.customers import People, numbers
from pipeline.demo_bank.draws import Bools, Draws, Ints
from pipeline.demo_bank.ledger import LANES, Booked, Valued
from pipeline.demo_bank.managers import Assigned
from pipeline.demo_bank.products import SHELF
from pipeline.demo_bank.states import Lives

# The bank's own codes, in the order of ledger.KINDS, OTHERS and CHANNELS, and one code nobody documented.
KIND_CODES = (
    "0101", "0201", "0202", "0301", "0401", "0402", "0501", "0601", "0701", "0702", "0801", "0901", "9999",
)  # fmt: skip
UNKNOWN_KIND = len(KIND_CODES) - 1
OTHER_CODES = ("00", "01", "02", "03", "04", "05", "06")
CHANNEL_CODES = ("C", "M", "W", "A", "S", "P")
STATUS_CODES = ("01", "02", "03", "09")
_DAY = 86_400
_FIRST_SERIAL = 3 * 10**18


@dataclass(frozen=True)
class Cast:
    """Numbers of customers and accounts, shared by all weeks. The last customer is nobody (an orphan)."""

    customers: pa.Array
    accounts: pa.Array
    count: int

    @classmethod
    def of(cls, people: People) -> "Cast":
        count = people.count
        nobody = numbers(6999, 1)
        return cls(
            customers=pa.array(people.customer_ids + nobody),
            accounts=pa.array(numbers(6217, count) + numbers(6218, count)),
            count=count,
        )

    def customer(self, who: Ints) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(who.astype(np.int32)), self.customers)

    def account(self, who: Ints, dollars: Bools) -> pa.Array:
        place = (who + dollars * self.count).astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(place), self.accounts)


@dataclass(frozen=True)
class Desk:
    """The week in which rows are written: draws, its Monday and the last day there is (days since 1970)."""

    cast: Cast
    draws: Draws
    week: int
    monday: int
    last_day: int

    def known(self, purpose: str, rows: Ints, day: Ints, next_day: float = 0.0) -> Ints:
        """The day on which the bank knew: the same or the next, seldom weeks later, never after the end."""
        delay = self.draws.chance(f"{purpose} next day", rows, next_day).astype(np.int64)
        late = self.draws.chance(f"{purpose} late", rows, p.LATE_SHARE)
        delay = np.where(late, self.draws.whole(f"{purpose} delay", rows, 3, 29), delay)
        known_on: Ints = np.minimum(day + delay, self.last_day)
        return known_on


def codes(places: Ints, names: Sequence[str]) -> pa.Array:
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


def serials(numbers_: Ints) -> pa.Array:
    """Numbers of 19 digits as text."""
    return pa.array(numbers_ + _FIRST_SERIAL).cast(pa.string())


def serial(week: int, lane: Ints | int, who: Ints) -> Ints:
    """A number per week, lane and customer, below 10^14."""
    return (week * LANES + lane) * 10**8 + who


def transactions(desk: Desk, booked: Booked) -> pa.Table:
    """One row per booking, in order of time: the amount is unsigned, DC_FLAG says where it went."""
    rows = booked.customer + (booked.lane << 32)
    second = desk.draws.whole("second", rows, 28_800, 79_200)
    order = np.argsort(booked.day * _DAY + second, kind="stable")
    day = desk.monday + booked.day
    known = desk.known("booking", rows, day, p.NEXT_DAY_SHARE)
    return pa.table(
        {
            "SERIAL_NO": serials(serial(desk.week, booked.lane, booked.customer)[order]),
            "CUST_NO": desk.cast.customer(booked.customer[order]),
            "ACCT_NO": desk.cast.account(booked.customer[order], booked.dollars[order]),
            "TXN_TM": moments((day * _DAY + second)[order]),
            "TXN_AMT": decimals(np.abs(booked.amount)[order], 2),
            "DC_FLAG": codes((booked.amount > 0)[order].astype(np.int64), ("D", "C")),
            "CCY_CD": codes(booked.dollars[order].astype(np.int64), ("156", "840")),
            "TXN_CD": codes(booked.kind[order], KIND_CODES),
            "CHNL_CD": codes(booked.channel[order], CHANNEL_CODES),
            "OPP_TYP": codes(booked.other[order], OTHER_CODES),
            "LOAD_DT": dates(known[order]),
        }
    )


def holdings(desk: Desk, valued: Valued, sunday: int) -> pa.Table:
    """One row per customer, product and valuation Sunday. Known the same evening, seldom later."""
    rows = valued.customer + (valued.product << 32)
    day = np.full(len(rows), sunday, dtype=np.int64)
    ids = [product.product_id for product in SHELF]
    dollars = np.array([product.currency_code == "840" for product in SHELF])[valued.product]
    priced = valued.unit_price >= 0
    return pa.table(
        {
            "CUST_NO": desk.cast.customer(valued.customer),
            "PROD_CD": codes(valued.product, ids),
            "VAL_DT": dates(day),
            "BAL_AMT": decimals(valued.balance, 2),
            "CCY_CD": codes(dollars.astype(np.int64), ("156", "840")),
            "DUE_DT": dates(valued.matures_on),
            "SHARES": decimals(valued.units, 4, priced),
            "NAV": decimals(valued.unit_price, 4, priced),
            "LOAD_DT": dates(desk.known("holding", rows, day)),
        }
    )


def events(desk: Desk, happened: Events) -> pa.Table:
    """One row per digital event, in order of time."""
    order = np.argsort(happened.second, kind="stable")
    who, second, kind = happened.customer[order], happened.second[order], happened.kind[order]
    rows = who + (kind << 32) + (second << 34)
    day = desk.monday + second // _DAY
    return pa.table(
        {
            "CUST_NO": desk.cast.customer(who),
            "EVT_TM": moments(desk.monday * _DAY + second),
            "EVT_CD": codes(kind, list(EVENT_CODES.values())),
            "LOAD_DT": dates(desk.known("event", rows, day)),
        }
    )


def manager_ids(managers: Ints) -> pa.Array:
    """RM00001, …; null where nobody is in charge (−1)."""
    names = [f"RM{number + 1:05}" for number in range(int(managers.max(initial=-1)) + 1)]
    return pa.array(names, pa.string()).take(pa.array(managers, mask=managers < 0))


def branch_ids(branches: Ints) -> pa.Array:
    """B001, …"""
    names = [f"B{number + 1:03}" for number in range(int(branches.max(initial=-1)) + 1)]
    return pa.array(names, pa.string()).take(pa.array(branches))


def contacts(desk: Desk, made: Contacts) -> pa.Table:
    """One row per contact."""
    day = desk.monday + made.second // _DAY
    return pa.table(
        {
            "CONT_NO": serials(serial(desk.week, 120 + made.called, made.customer)),
            "CUST_NO": desk.cast.customer(made.customer).dictionary_decode(),
            "RM_NO": manager_ids(made.manager),
            "CONT_TM": moments(desk.monday * _DAY + made.second),
            "CONT_CHNL": codes(made.channel, list(CONTACT_CHANNELS.values())).dictionary_decode(),
            "CONT_PURP": codes(made.purpose, list(PURPOSES.values())).dictionary_decode(),
            "CONT_RSLT": codes(made.outcome, list(OUTCOMES.values())).dictionary_decode(),
            "LOAD_DT": dates(desk.known("contact", made.customer, day, p.NEXT_DAY_SHARE)),
        }
    )


def surveys(desk: Desk, given: Answers) -> pa.Table:
    """One row per answered item."""
    day = desk.monday + given.day
    return pa.table(
        {
            "RESP_NO": serials(serial(desk.week, 110 + given.item, given.customer)),
            "CUST_NO": desk.cast.customer(given.customer).dictionary_decode(),
            "ANS_DT": dates(day),
            "ITEM_CD": codes(given.item, list(ITEMS.values())).dictionary_decode(),
            "SCORE": pa.array(given.score).cast(pa.string()),
            "LOAD_DT": dates(desk.known("survey", given.customer, day, p.NEXT_DAY_SHARE)),
        }
    )


def assignments(desk: Desk, written: Assigned, people: People) -> pa.Table:
    """One row per version of an assignment: closing one writes it again with its end."""
    return pa.table(
        {
            "CUST_NO": desk.cast.customer(written.customer).dictionary_decode(),
            "RM_NO": manager_ids(written.manager),
            "ORG_NO": branch_ids(people.branch[written.customer]),
            "BEG_DT": dates(written.from_on),
            "END_DT": dates(written.to_on),
            "LOAD_DT": dates(np.minimum(written.known_on, desk.last_day)),
        }
    )


def customers(desk: Desk, people: People, lives: Lives, who: Ints, known_on: Ints) -> pa.Table:
    """One row per customer and version of the bank's record."""
    return pa.table(
        {
            "CUST_NO": desk.cast.customer(who).dictionary_decode(),
            "OPEN_DT": dates(people.opened_on[who]).cast(pa.string()),
            "BIRTH_YR": pa.array(people.birth_year[who]).cast(pa.string()),
            "SEX_CD": codes(people.female[who].astype(np.int64), ("1", "2")).dictionary_decode(),
            "STAFF_FLG": codes(people.staff[who].astype(np.int64), ("N", "Y")).dictionary_decode(),
            "MKT_REFUSE": codes(lives.opted_out[who].astype(np.int64), ("0", "1")).dictionary_decode(),
            "STAT_CD": codes(lives.status[who], STATUS_CODES).dictionary_decode(),
            "LOAD_DT": dates(np.minimum(known_on, desk.last_day)),
        }
    )
