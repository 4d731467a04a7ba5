"""The chance that a drain counts, by hand and against a simulation."""

import numpy as np
import pytest

from pipeline.demo_bank import hazards
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import call_types
from pipeline.demo_bank.hazards import REASONS


def test_crossing_week_of_a_drain_by_hand() -> None:
    # Half of the AUM is (0.5 / 0.9) ** (1 / 1.3) = 0.636 of the way: week 1.3 of 2, 2.6 of 4, 3.2 of 5.
    crossing = hazards.crossing_week(np.full(3, 0.9), np.array([2, 4, 5]))
    assert crossing.tolist() == [2, 3, 4]


def test_a_drain_that_starts_too_late_does_not_count() -> None:
    crossing, done, weeks = np.array([2]), np.array([0]), np.array([2])
    # In weeks s + 10 and s + 11 it takes half just in time, one week later no more.
    assert hazards.completes(crossing, done, weeks, start=10)[0] > 0.9
    assert hazards.completes(crossing, done, weeks, start=11)[0] == 0


def test_a_drain_under_way_may_stop_or_return() -> None:
    # One of two weeks done: once it may stop; then away in the weeks s + 1 … s + 10, where AWAY_WEEKS ends.
    chance = hazards.completes(np.array([2]), np.array([1]), np.array([2]))[0]
    assert chance == pytest.approx((1 - p.ABORT_CHANCE) * (1 - p.RETURN_CHANCE) ** 10)


def test_later_starts_and_calls_that_help_make_it_less_likely() -> None:
    counts, helped, harmed = (
        np.array([hazards.looking_counts(k + 1, factor) for k in range(hazards.AHEAD)])
        for factor in p.CALL_FACTOR
    )
    assert (np.diff(counts[:11]) < 0).all()
    # Looking from week s + 10 on, going from s + 11 on: a drain takes at least two weeks to cross.
    assert counts[10:].tolist() == [0, 0]
    assert (helped <= counts).all()
    assert (harmed >= counts).all()


def test_looking_agrees_with_a_simulation() -> None:
    generator = np.random.default_rng(5)
    size = 200_000
    fate = generator.random((hazards.AHEAD, size))
    goes, calms = fate < p.GO_CHANCE, fate >= 1 - p.CALM_CHANCE
    start = np.where(goes.any(axis=0), goes.argmax(axis=0), 99)
    calm = np.where(calms.any(axis=0), calms.argmax(axis=0), 99)
    weeks = generator.choice(
        [length for length, _ in p.DRAIN_WEEKS], size, p=[share for _, share in p.DRAIN_WEEKS]
    )
    crossing = hazards.crossing_week(generator.uniform(*p.DRAIN_DEPTH, size), weeks)
    stops = (generator.random((4, size)) < p.ABORT_CHANCE) & (np.arange(1, 5)[:, None] < crossing)
    away = np.clip(hazards.AHEAD + 1 - start - weeks, 0, p.AWAY_WEEKS)
    returns = generator.random(size) > (1 - p.RETURN_CHANCE) ** away
    counts = (start < calm) & (start + crossing <= hazards.AHEAD) & ~stops.any(axis=0) & ~returns
    assert hazards.looking_counts(0, 1.0) == pytest.approx(counts.mean(), abs=0.004)


def test_what_a_call_does_hangs_on_the_reason() -> None:
    """Somebody in the middle is helped with a maturing deposit, and not where the salary has moved."""
    place = np.array([0.0, 0.07, 0.3, 0.52, 0.93, 0.999])
    types = {reason: row.tolist() for reason, row in zip(REASONS, call_types(place), strict=True)}
    assert types["maturity"] == [1, 1, 1, 1, 0, 2]
    assert types["salary_moved"] == [1, 1, 0, 0, 0, 2]
    assert types["better_rate"] == [1, 1, 1, 0, 2, 2]
    # A life event is a lost cause, but nobody is harmed either.
    assert types["life_event"] == [0] * 6
