"""The benchmark of lists: worlds that differ by their calls alone, orders, first lots, figures by hand."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.lists import figures, in_words, main, of_capacity, paired
from benchmarks.lists_weeks import OURS, UNHELD, WAYS, Known, Lived, by_world, first_assignments, other_lists
from benchmarks.worlds import NUMBERS, World, deliver, family, together, write_people
from configs.bank_folder import load_settings
from configs.published import Manager, Reason, Score
from pipeline.artefacts import read_json

LAST = date(2026, 11, 16)


@pytest.fixture(scope="module")
def lived():
    """A bank of 120: four weeks together, then three apart, in which one world calls everybody once."""
    one = family(103, (("ours", 2), ("random", 5)), 120, (4, 3), LAST)
    ours, random = one.others
    numbers = [f"{ours.tag}{number}" for number in ours.bank.customers.customer_ids]
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
        assert untagged(weeks["103r5-"], "103r5-", name) == still
        if name == "contacts":
            assert untagged(weeks["103o2-"], "103o2-", name) != still


def test_every_number_bears_its_world_and_nothing_else_does(lived):
    one, weeks = lived
    for tag, own in weeks.items():
        table = own[0].tables["transactions"]
        assert all(str(value).startswith(tag) for name in NUMBERS if name in table.column_names
                   for value in table[name].to_pylist())  # fmt: skip
        assert not any(str(value).startswith(tag) for value in table["TXN_CD"].to_pylist())
    vacant = (
        World(103, "ours", 2, one.quiet.bank).tagged(one.past[0]).tables["assignments"]["RM_NO"].to_pylist()
    )
    assert None in vacant


def test_raw_extracts_name_each_manager_once_with_the_capacity_of_the_world(lived, tmp_path):
    one, weeks = lived
    write_people(tmp_path, [(one, one.others)])
    deliver(tmp_path, zip(*weeks.values(), strict=True))
    lines = (tmp_path / "rm_info.csv").read_text("utf-8").splitlines()
    place = lines[0].split(",").index('"WK_CAP"')
    rows = [[cell.strip('"') for cell in line.split(",")] for line in lines[1:]]
    assert len({row[0] for row in rows}) == len(rows)
    assert {(row[0].partition("-")[0], row[place]) for row in rows} == {("103o2", "2"), ("103r5", "5")}
    assert len((tmp_path / "fx_rate_20261115.csv").read_text("utf-8").splitlines()) == 1 + 3


def test_each_world_has_the_common_past_under_its_own_numbers(lived):
    one, _ = lived
    for told, week in zip(together([(one.others, one.past)]), one.past, strict=True):
        plain = [str(number) for number in week.tables["holdings"]["CUST_NO"].to_pylist()]
        for tag, own in zip(("103o2-", "103r5-"), told, strict=True):
            assert own.tables["holdings"]["CUST_NO"].to_pylist() == [tag + number for number in plain]


def test_what_belongs_to_a_world_is_known_by_its_tag():
    tagged = [("103o2-B001", 1), ("103o12-B001", 2), ("7r5-RM-3", 3), ("103o2-B002", 4)]
    assert by_world(tagged) == {"103o2-": [1, 4], "103o12-": [2], "7r5-": [3]}


@pytest.mark.parametrize(("way", "called"), [("probability", ["d", "c"]), ("drop", ["a", "c"])])
def test_other_ways_call_by_their_order_alone(way, called):
    """By risk d and c, though a call to d, as good as gone, is worth little; by the fall of AUM a and c."""
    risks, fell = {"a": 0.1, "b": 0.2, "c": 0.5, "d": 0.97}, {"a": 0.9, "b": 0.1, "c": 0.8, "d": 0.2}
    names = {name: f"103{way[0]}2-{name}" for name in risks}
    world = World(103, way, 2, None)
    scores = [a_score(names[name], risk) for name, risk in risks.items()]
    staff = {world.tag: [Manager("rm", "", "B", 2)]}
    now = Known(LAST, {world.tag: scores}, staff, {names[name]: share for name, share in fell.items()}, {})
    lists = other_lists(load_settings("demo"), world, now)
    assert [[one.customer_id for one in part.listed] for part in lists] == [[names[name] for name in called]]


def a_score(customer_id, risk):
    reason = Reason("outflow", "outflow_sum_4w", 1.0, 0.5, "", "")
    return Score(
        customer_id, "B", "rm", "affluent", "mature", False, 1, 1, "low", (reason,), None, None, risk
    )


def test_the_figures_by_hand():
    """Two banks: ours kept 5 and 9, the others 4 and 6, and 8 and 10 with nobody held out; 3 of 60 called."""
    saved = {OURS: (5.0, 9.0), UNHELD: (8.0, 10.0)}
    lived = [
        Lived(seed, way, 1, saved.get(way, (4.0, 6.0))[seed], 3.0, 60.0,
              {"covers": seed == 0} if way == OURS else None)
        for seed in (1, 0)
        for way in (*WAYS, UNHELD)
    ]  # fmt: skip
    found = figures(lived, [1])
    assert (found["capacity"], found["saved_ours"], found["saved_by_probability"]) == (1, 7, 5)
    assert (found["saved_by_drop"], found["saved_random"]) == (5, 5)
    assert found["saved_by_bank"][OURS] == [5, 9]
    # 1 and 3 more: 2 ± 12.706 · √2 / √2, Student's t with one degree of freedom.
    assert found["lead"]["random"] == {"mean": 2, "low": -11, "high": 15}
    assert found["lead"]["nobody_held_out"]["mean"] == 2
    assert (found["called_share"], found["seeds"], found["seeds_covered"]) == (0.05, 2, 1)
    assert found["by_capacity"]["1"] == of_capacity(lived)
    assert "1 a week and list: 3.0 of 60.0 called (5.0%)" in in_words(found | {"customers": 100})


def test_one_bank_has_no_interval():
    assert paired(np.array([3.0])) == {"mean": 3, "low": None, "high": None}


@pytest.mark.long
def test_all_of_it_at_toy_size(tmp_path):
    size = ["--first-seed", "20", "--seeds", "2", "--customers", "400", "--capacities", "1"]
    main([*size, "--work", str(tmp_path / "work"), "--out", str(tmp_path / "lists.json")])
    found = read_json(tmp_path / "lists.json")
    assert (found["seeds"], found["first_seed"], found["page_ms"]) == (2, 20, None)
    assert all(len(own) == 2 for own in found["saved_by_bank"].values())
    assert all(one["listed"] > 20 * one["control"] * 0.2 > 0 for one in found["effects"])


def test_only_a_customers_first_lot_counts():
    days = (("a", LAST), ("a", date(2027, 3, 1)), ("b", date(2027, 3, 1)))
    rows = [SimpleNamespace(customer_id=name, assigned_on=day) for name, day in days]
    lots = sorted((row.customer_id, row.assigned_on) for row in first_assignments(rows))
    assert lots == [("a", LAST), ("b", date(2027, 3, 1))]
