"""What the benchmark of lists rests on: worlds that differ by their calls alone, and first lots."""

from datetime import date

import pyarrow as pa
import pytest

from benchmarks.lists import first_lots
from benchmarks.worlds import NUMBERS, World, deliver, family, write_people
from serve.store.trial import Lot

LAST = date(2026, 11, 16)


@pytest.fixture(scope="module")
def lived():
    """A bank of 120: four weeks together, then three apart, in which one world calls everybody once."""
    one = family(3, ("ours", "random"), 120, (4, 3), LAST)
    ours, random = one.others
    numbers = [f"{ours.tag}{number}" for number in ours.bank.people.customer_ids]
    weeks = {
        ours.tag: [ours.live(numbers), ours.live(), ours.live()],
        random.tag: [random.live() for _ in range(3)],
        one.quiet.tag: [one.quiet.tagged(week) for week in one.after],
    }
    return one, weeks


def untagged(weeks, tag, name):
    rows = pa.concat_tables([week.tables[name] for week in weeks]).to_pylist()
    return [
        {key: str(value).removeprefix(tag) if key in NUMBERS else value for key, value in row.items()}
        for row in rows
    ]


def test_a_world_without_calls_is_the_quiet_world_and_one_with_calls_is_not(lived):
    one, weeks = lived
    quiet = one.quiet.tag
    for name in ("transactions", "holdings", "contacts", "assignments"):
        still = untagged(weeks[quiet], quiet, name)
        assert untagged(weeks["03r-"], "03r-", name) == still
        if name == "contacts":
            assert untagged(weeks["03o-"], "03o-", name) != still


def test_every_number_bears_its_world_and_nothing_else_does(lived):
    one, weeks = lived
    for tag, own in weeks.items():
        table = own[0].tables["transactions"]
        assert all(str(value).startswith(tag) for name in NUMBERS if name in table.column_names
                   for value in table[name].to_pylist())  # fmt: skip
        assert not any(str(value).startswith(tag) for value in table["TXN_CD"].to_pylist())
    vacant = World(3, "ours", one.quiet.bank).tagged(one.past[0]).tables["assignments"]["RM_NO"].to_pylist()
    assert None in vacant


def test_raw_extracts_name_each_manager_once_with_the_capacity_asked_for(lived, tmp_path):
    one, weeks = lived
    write_people(tmp_path, [(one, one.others)], 2)
    deliver(tmp_path, zip(*weeks.values(), strict=True))
    lines = (tmp_path / "rm_info.csv").read_text("utf-8").splitlines()
    numbers = [line.split(",")[0] for line in lines[1:]]
    assert len(numbers) == len(set(numbers))
    assert {number.strip('"')[:4] for number in numbers} == {"03o-", "03r-"}
    assert len((tmp_path / "fx_rate_20261115.csv").read_text("utf-8").splitlines()) == 1 + 3


def test_only_a_customers_first_lot_counts():
    lots = [Lot(name, day, False, None, "", 0.1, False, 1, 0)
            for name, day in (("a", LAST), ("a", date(2027, 3, 1)), ("b", date(2027, 3, 1)))]  # fmt: skip
    assert sorted((lot.customer_id, lot.drawn_on) for lot in first_lots(lots)) == [
        ("a", LAST),
        ("b", date(2027, 3, 1)),
    ]
