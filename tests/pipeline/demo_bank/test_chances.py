import numpy as np
import pytest

from pipeline.demo_bank import chances
from pipeline.demo_bank import parameters as p


def test_crossing_week_of_a_drain_by_hand() -> None:
    # Half of the AUM is (0.5 / 0.9) ** (1 / 1.3) = 0.636 of the way: week 1.3 of 2, 2.6 of 4, 3.2 of 5.
    crossing = chances.crossing_week(np.full(3, 0.9), np.array([2, 4, 5]))
    assert crossing.tolist() == [2, 3, 4]


def test_a_drain_that_starts_too_late_does_not_count() -> None:
    crossing, done, weeks = np.array([2]), np.array([0]), np.array([2])
    # In weeks s + 10 and s + 11 it takes half just in time, one week later no more.
    assert chances.completes(crossing, done, weeks, start=10)[0] > 0.9
    assert chances.completes(crossing, done, weeks, start=11)[0] == 0


def test_a_drain_under_way_may_stop_or_return() -> None:
    # One of two weeks done: once it may stop; then away in the weeks s + 1 … s + 10, where AWAY_WEEKS ends.
    found = chances.completes(np.array([2]), np.array([1]), np.array([2]))[0]
    assert found == pytest.approx((1 - p.ABORT_CHANCE) * (1 - p.RETURN_CHANCE) ** 10)


def test_later_starts_and_calls_that_help_make_it_less_likely() -> None:
    counts = chances.start_counts(1.0)
    assert (np.diff(counts[:11]) < 0).all()
    # Looking from week s + 10 on, going from s + 11 on: a drain takes at least two weeks to cross.
    assert counts[10:].tolist() == [0, 0]
    assert (chances.start_counts(p.CALL_FACTOR[1]) <= counts).all()
    assert (chances.start_counts(p.CALL_FACTOR[2]) >= counts).all()


def test_looking_agrees_with_a_simulation() -> None:
    generator = np.random.default_rng(5)
    size = 200_000
    fate = generator.random((chances.AHEAD, size))
    goes, calms = fate < p.GO_CHANCE, fate >= 1 - p.CALM_CHANCE
    start = np.where(goes.any(axis=0), goes.argmax(axis=0), 99)
    calm = np.where(calms.any(axis=0), calms.argmax(axis=0), 99)
    weeks = generator.choice(
        [length for length, _ in p.DRAIN_WEEKS], size, p=[share for _, share in p.DRAIN_WEEKS]
    )
    crossing = chances.crossing_week(generator.uniform(*p.DRAIN_DEPTH, size), weeks)
    stops = (generator.random((4, size)) < p.ABORT_CHANCE) & (np.arange(1, 5)[:, None] < crossing)
    away = np.clip(chances.AHEAD + 1 - start - weeks, 0, p.AWAY_WEEKS)
    returns = generator.random(size) > (1 - p.RETURN_CHANCE) ** away
    counts = (start < calm) & (start + crossing <= chances.AHEAD) & ~stops.any(axis=0) & ~returns
    assert chances.looking_counts(0, 1.0) == pytest.approx(counts.mean(), abs=0.004)
