from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.capacity import Teams, at_capacity, listed
from models.matrix import Matrix


def rows(attrited: list[int], mondays: int = 1, aum: list[float] | None = None) -> Matrix:
    """The given outcomes spread over ``mondays`` equal lists; outflow share 0.5; no features."""
    size = len(attrited) // mondays
    days = [date(2024, 3, 4) + timedelta(weeks=week) for week in range(mondays)]
    return Matrix(
        np.zeros((len(attrited), 0)),
        (),
        np.tile([f"C{number:03d}" for number in range(size)], mondays),
        np.repeat(np.array(days, dtype="datetime64[D]"), size),
        30 * np.array(attrited, dtype=np.int16),
        np.full(len(attrited), 0.5),
        np.array(aum or [100.0] * len(attrited)),
    )


def teams(team: list[int], capacity: dict[int, int], barred: tuple[int, ...] = ()) -> Teams:
    may = np.array([place not in barred for place in range(len(team))])
    return Teams(np.array(team), np.array([capacity[one] for one in team]), may)


def test_each_team_has_a_list_to_its_own_capacity_on_each_monday() -> None:
    matrix = rows([0] * 12, mondays=2)
    by_team = teams([1, 1, 1, 2, 2, 2] * 2, {1: 1, 2: 2})
    worth = np.array([5.0, 4, 3, 9, 8, 7, 1, 2, 3, 1, 2, 3])
    assert np.flatnonzero(listed(matrix, by_team, worth)).tolist() == [0, 3, 4, 8, 10, 11]


def test_who_may_not_be_called_takes_nobodys_place() -> None:
    by_team = teams([1, 1, 1, 1], {1: 2}, barred=(0, 2))
    worth = np.array([4.0, 3, 2, 1])
    assert np.flatnonzero(listed(rows([0] * 4), by_team, worth)).tolist() == [1, 3]


def test_ties_go_to_the_second_worth_then_to_the_customer_and_unknown_worth_is_last() -> None:
    matrix, by_team = rows([0] * 5), teams([1] * 5, {1: 3})
    money = np.array([7.0, 7.0, 7.0, np.nan, 7.0])
    risk = np.array([0.1, 0.1, 0.3, 0.9, 0.1])
    assert np.flatnonzero(listed(matrix, by_team, money, risk)).tolist() == [0, 1, 2]
    assert np.flatnonzero(listed(matrix, teams([1] * 5, {1: 5}), money, risk)).tolist() == [0, 1, 2, 3, 4]


def test_two_mondays_worked_by_hand() -> None:
    # Monday 1: customers 0 and 3 leave with 50 and 150; 0 and 1 are called. Monday 2: only 2 leaves, 50; 2 is called.
    matrix = rows([1, 0, 0, 1, 0, 0, 1, 0], mondays=2, aum=[100.0, 100, 100, 300] + [100.0] * 4)
    found = at_capacity(matrix, np.array([1, 1, 0, 0, 0, 0, 1, 0], dtype=bool))
    assert found == pytest.approx(
        {
            "listed": 1.5,
            "recall": (1 / 2 + 1) / 2,
            "precision": (1 / 2 + 1) / 2,
            # Half of the first list against half of all: 1; everybody listed against a quarter of all: 4.
            "lift": (1 + 4) / 2,
            "aum_caught": (50 / 200 + 1) / 2,
        }
    )


def test_a_monday_without_leavers_or_without_a_list_is_left_out_of_the_shares() -> None:
    matrix = rows([1, 0, 0, 0, 1, 0], mondays=3)
    found = at_capacity(matrix, np.array([1, 0, 1, 0, 0, 0], dtype=bool))
    # Recall of Mondays 1 and 3, precision of 1 and 2, lift of 1 alone.
    assert found == pytest.approx(
        {"listed": 2 / 3, "recall": 0.5, "precision": 0.5, "lift": 2, "aum_caught": 0.5}
    )
    nobody = at_capacity(rows([0, 0]), np.zeros(2, dtype=bool))
    assert set(nobody.values()) == {0.0}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_law_a_list_is_never_longer_than_capacity_and_nobody_better_is_left_out(
    drawn: list[tuple[int, int, bool]],
) -> None:
    team, worth = [one[0] for one in drawn], np.array([float(one[1]) for one in drawn])
    barred = tuple(place for place, one in enumerate(drawn) if one[2])
    capacity = {0: 0, 1: 1, 2: 3, 3: 99}
    by_team = teams(team, capacity, barred)
    called = listed(rows([0] * len(drawn)), by_team, worth)
    for one, most in capacity.items():
        free = (by_team.team == one) & by_team.callable
        assert (called & free).sum() == min(most, free.sum())
        left = worth[free & ~called]
        if most and len(left):
            assert worth[free & called].min() >= left.max()
    assert not called[list(barred)].any()
