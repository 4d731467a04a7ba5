"""Whole units under a capacity: as many as fit, preferred receivers first, loads even."""

import numpy as np

from models.balanced_assignment import balanced_assignment

ROOM = np.array([10.0, 10.0])


def _assigned(loads, present=((5, 5), (5, 5)), room=ROOM, preferred=None, sizes=None):
    loads = np.array(loads, dtype=float)
    wishes = np.full(len(loads), -1) if preferred is None else np.array(preferred)
    counts = np.ones(len(loads)) if sizes is None else np.array(sizes, dtype=float)
    return balanced_assignment(counts, loads, np.array(present, dtype=float), room, wishes)


def test_loads_end_even_where_they_began_uneven():
    placed = _assigned([[1, 1]] * 6, present=((3, 3), (7, 7)))
    assert np.bincount(placed, minlength=2).tolist() == [5, 1]


def test_who_is_preferred_counts_before_balance():
    placed = _assigned([[1, 1]] * 6, preferred=[1, 1, 1, 1, -1, -1])
    assert placed.tolist() == [1, 1, 1, 1, 0, 0]


def test_what_does_not_fit_stays_and_units_are_whole():
    placed = _assigned([[4, 1]] * 5, room=np.array([9.0, 3.0]))
    assert sorted(placed.tolist()) == [-1, -1, -1, 0, 0]
    assert _assigned([[1, 1]], room=np.array([])).tolist() == [-1]
    assert _assigned([[1, 1]] * 2, room=np.array([-3.0, 0.5])).tolist() == [-1, -1]


def test_a_hundred_units_keep_the_capacity_and_stay_even():
    random = np.random.default_rng(1)
    loads = np.column_stack(
        [random.choice([0.1, 0.2, 0.3], 100), np.ones(100), random.lognormal(3, 0.5, 100)]
    )
    present = random.uniform(0.8, 1.2, (4, 3)) * [10, 60, 1200]
    room = np.full(4, 8.0)
    placed = _assigned(loads, present, room)
    after = np.array([present[k] + loads[placed == k].sum(axis=0) for k in range(4)])
    assert np.all(placed >= 0)
    assert np.all(after[:, 0] <= present[:, 0] + room + 1e-9)
    assert np.all((np.ptp(after, axis=0) / after.mean(axis=0))[1:] < 0.06)
    assert np.all((np.ptp(present, axis=0) / present.mean(axis=0))[1:] > 0.1)
    assert np.array_equal(_assigned(loads, present, room), placed)
