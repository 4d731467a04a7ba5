from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.artefacts import write_parquet
from pipeline.replay.figures import by_branch, counted, figures_of_ways
from pipeline.replay.ways import CHANCE, CHANCE_DRAWS, LISTS, PUBLISHED, Cohort, Rules, count_ways, filled
from tests.conftest import WEEK

FIRST = date(2026, 1, 5)


def kept(folder, week, rows):
    """One kept Monday; a row is customer, team, worked rank, published rank, decision, drop, silence."""
    names = (
        "customer_id",
        "manager_id",
        "worked_rank",
        "rank",
        "decision",
        "largest_drop",
        "longest_silence",
    )
    frame = pd.DataFrame(rows, columns=names).assign(branch_id="B1", risk=0.5, money_at_risk_minor=1)
    frame["unusual_silence"] = frame["longest_silence"]
    frame[["worked_rank", "rank"]] = frame[["worked_rank", "rank"]].astype("Int32")
    day = FIRST + week * WEEK
    path = folder / str(day) / "customers.parquet"
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), path)
    return day, path


def leavers(*rows):
    """A row is customer, weeks from the first Monday to the outflow start, money in minor units."""
    frame = pd.DataFrame(rows, columns=["customer_id", "outflow_start", "lost_minor"])
    frame["outflow_start"] = [FIRST + weeks * WEEK for weeks in frame["outflow_start"]]
    return frame.assign(branch_id="B1")


def left(_):
    return pd.DataFrame({"customer_id": ["A"], "attrited": [True]})


@pytest.fixture
def found(tmp_path):
    """Four customers of one manager on four Mondays, one place a week; the rules see the same each time."""
    mondays = []
    for week, listed in enumerate("BADB"):
        rows = [
            (
                name, "M1", 1 if name == listed else None, 1 if name == "B" else None,
                "opted_out" if name == "C" else "beyond_capacity", drop, silence,
            )
            for name, drop, silence in (("A", 3.0, np.nan), ("B", 2.0, 1.0), ("C", 9.0, 9.0), ("D", 1.0, 1.0))
        ]  # fmt: skip
        mondays.append(kept(tmp_path, week, rows))
    who = leavers(("A", 3, 500_00), ("D", 2, 100_00))
    return who, count_ways(mondays, who, left, Rules(2, 13, 7), lambda *_: None)


def test_a_list_is_in_time_where_it_came_before_the_money_moved(found):
    _, counts = found
    weeks = {name: way.weeks.tolist() for name, way in counts.ways.items() if name != CHANCE}
    assert weeks == {
        LISTS: [[2, 0]],  # A stood on the second list, two weeks before; D was on the third, as it moved
        PUBLISHED: [[0, 0]],
        "largest_drop": [[3, 0]],  # A, B, A, B: two weeks of quiet; C wants no calls
        "longest_silence": [[0, 1]],  # B, D, B, D: an unknown silence comes last
        "unusual_silence": [[0, 1]],
    }


def test_every_way_is_as_long_as_the_lists_and_leaves_customers_in_quiet(found):
    _, counts = found
    for name, way in counts.ways.items():
        assert way.calls.sum(axis=1).tolist() == [4] * len(way.calls)
        most = way.calls.max()
        assert most == (4 if name == PUBLISHED else 2) or (name == CHANCE and most <= 2)
    assert len(counts.ways[CHANCE].calls) == CHANCE_DRAWS
    assert not counts.ways[CHANCE].calls[:, 2].any()  # C


def test_chance_finds_as_often_as_it_must(found):
    """Of three customers one a week, two weeks of quiet: A is called by week 2 in 1/3 + 2/3 · 1/2 + …"""
    _, counts = found
    share = (counts.ways[CHANCE].weeks[:, 0] > 0).mean()
    assert share == pytest.approx(1 / 3 + 2 / 3 * 1 / 2 + 1 / 3 * 1 / 2, abs=0.15)


def test_each_monday_by_itself_holds_who_left_after_it(found):
    _, counts = found  # A left; B is on the published list; of three who may be called one is on a list
    wanted = {
        "largest_drop": 1.0,
        "longest_silence": 0.0,
        "unusual_silence": 0.0,
        PUBLISHED: 0.0,
        CHANCE: pytest.approx(1 / 3),
    }
    assert list(counts.mondays.values()) == [wanted] * 4


def test_figures_by_hand(found):
    who, counts = found
    figures = figures_of_ways(counts, who, 90, 7)
    lists = figures["ways"][LISTS]
    assert (lists["found"], lists["share"], lists["money"], lists["calls"]) == (1, 0.5, 500, 4)
    assert (lists["money_share"], lists["weeks"], lists["calls_each"]) == (pytest.approx(5 / 6), 2, 4)
    assert figures["ahead"]["ahead.longest_silence.money_share"] == pytest.approx(4 / 6)
    low, high = figures["intervals"]["lists.share"]
    assert (low, high) == (0, 1)  # of two leavers nothing is known
    (branch,) = by_branch(counts, who, ["B1"] * 4)
    assert branch[LISTS] == {"found": 1.0, "money": 500.0, "calls": 4.0}
    assert (branch["left"], branch["money_left"]) == (2, 600.0)


def test_only_leavers_whom_a_list_could_name_in_time_count():
    days = [FIRST + timedelta(weeks=k) for k in (0, 1, 9, 10)]
    chosen = counted(pd.DataFrame({"outflow_start": days}), FIRST, FIRST + timedelta(weeks=8))
    assert chosen.tolist() == [False, True, True, False]


def test_a_list_is_filled_by_team_with_those_who_are_free():
    team = np.array([0, 0, 0, 1, 1, 1])
    worked = np.array([True, True, False, True, False, False])
    everybody = np.ones(6, bool)
    cohort = Cohort(np.arange(6), team, worked, worked, everybody, worked, {})
    order = np.array([3.0, 1.0, 2.0, np.nan, 5.0, 5.0])
    assert filled(cohort, worked, everybody, order).tolist() == [False, True, True, False, True, False]
    free = np.array([True, False, True, False, False, False])
    assert filled(cohort, worked, free, order).tolist() == [True, False, True, False, False, False]
    assert filled(cohort, worked, everybody, order, 0.5).tolist() == [False, True, False, False, True, False]
