"""Made-up banks that live the same weeks with different calls, under numbers of their own in one delivery.

A call changes nobody but who is called (tests/pipeline/demo_bank/test_bank.py), and every draw belongs to one
customer and week. So two worlds of one bank differ by nothing but their calls: what a customer of the one
does uncalled is what the same customer of the other would have done.
"""

import copy
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.demo_bank.bank import Bank, Week
from pipeline.demo_bank.files import write_csv, write_extracts, write_products

NOBODY = "nobody"  # who is called in the quiet world
NUMBERS = ("CUST_NO", "ACCT_NO", "RM_NO", "ORG_NO", "SERIAL_NO", "CONT_NO", "RESP_NO")
MARKET = 20_260_601  # all banks are of one country: one market, so that one table of rates serves them
COMMON = ("rates", "offers")  # of the country: the first bank's are those of all
WEEKS_PER_FILE = 13


@dataclass
class World:
    """One bank, lived with lists filled in one way, each for so many calls a week.

    ``tag`` goes before each of the bank's numbers.
    """

    seed: int
    way: str
    calls: int
    bank: Bank

    @property
    def tag(self) -> str:
        return f"{self.seed}{self.way[0]}{self.calls}-"

    def live(self, called: Collection[str] = ()) -> Week:
        """One week in which these customers (numbers with the tag) are called; what was recorded, tagged."""
        return self.tagged(self.bank.advance([one.removeprefix(self.tag) for one in called]))

    def tagged(self, week: Week) -> Week:
        return Week(week.monday, {name: _tagged(table, self.tag) for name, table in week.tables.items()})

    @property
    def aum(self) -> float:
        """All customers' AUM now, in base currency."""
        return float(self.bank.ledger.aum().sum()) / 100


@dataclass(frozen=True)
class Family:
    """One bank: lived to its end with nobody called, and copies of it at the end of the common history.

    ``past`` are the weeks of that history, the opening one first; ``after`` the weeks after it in the quiet
    world.
    """

    quiet: World
    others: tuple[World, ...]
    past: tuple[Week, ...]
    after: tuple[Week, ...]


def family(
    seed: int, ways: Iterable[tuple[str, int]], customers: int, weeks: tuple[int, int], last: date
) -> Family:
    """A bank of ``customers`` over two stretches of weeks that end before ``last``: history and what follows.

    ``ways`` says of each world with calls how its lists are filled, and for how many calls a week each.
    """
    history, rest = weeks
    bank = Bank(customers, history + rest, seed, last, MARKET)
    past = (bank.opening_week(), *(bank.advance() for _ in range(history)))
    others = tuple(World(seed, way, calls, copy.deepcopy(bank)) for way, calls in ways)
    after = tuple(bank.advance() for _ in range(rest))
    return Family(World(seed, NOBODY, 0, bank), others, past, after)


def write_people(out: Path, families: Iterable[tuple[Family, Sequence[World]]]) -> None:
    """Products, and the managers of the worlds, each with as many calls a week as a list of that world has.

    The quiet world at its end knows everybody who is ever hired, so that the file never changes.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_products(out)
    hired = [_staff(one.quiet.bank, world) for one, own in families for world in own]
    write_csv(pa.concat_tables(hired), out / "rm_info.csv")


def _staff(bank: Bank, world: World) -> pa.Table:
    table = _tagged(bank.managers.table(), world.tag)
    calls = pa.array(np.full(len(table), str(world.calls)))
    return table.set_column(table.schema.get_field_index("WK_CAP"), "WK_CAP", calls)


def together(parts: Iterable[tuple[Iterable[World], Sequence[Week]]]) -> Iterator[list[Week]]:
    """The records of all worlds, week by week, each under its own numbers."""
    tagged = [map(world.tagged, weeks) for own, weeks in parts for world in own]
    return (list(week) for week in zip(*tagged, strict=True))


def deliver(out: Path, weeks: Iterable[Iterable[Week]]) -> None:
    """Write what the worlds recorded, week by week, as raw extracts. Rates and offers come once a week."""
    waiting: list[Week] = []
    for number, together in enumerate(weeks, start=1):
        for k, week in enumerate(together):
            kept = {name: table for name, table in week.tables.items() if name not in COMMON or k == 0}
            waiting.append(Week(week.monday, kept))
        if number % WEEKS_PER_FILE == 0:
            write_extracts(out, waiting)
            waiting.clear()
    if waiting:
        write_extracts(out, waiting)


def _tagged(table: pa.Table, tag: str) -> pa.Table:
    for place, name in enumerate(table.column_names):
        if name in NUMBERS:
            numbers = pc.binary_join_element_wise(tag, table[name].cast(pa.string()), "")
            table = table.set_column(place, name, numbers)
    return table
