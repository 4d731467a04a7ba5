"""The truth that only the generator knows: each customer's probability that the label will be 1."""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.demo_bank import hazards
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import AWAY, DRAINING, LOOKING, Customers, States
from pipeline.demo_bank.draws import Bools, Floats, Ints
from pipeline.demo_bank.hazards import LIFE_EVENT, Pressure

# Average AUM in cents, [low, high): the cohort's 500,000 to 5 million yuan and a tenth more on both sides,
# since the label values funds at constant prices and so draws the edges a little differently.
BAND = (450_000_00.0, 5_500_000_00.0)
STILL_HERE = 0.45  # share of the average that must be left, likewise a tenth below the label's one half
BASE_WEEKS = 13


class History:
    """AUM (cents) at the end of each of the last fourteen weeks, and its daily average over 91 days."""

    def __init__(self, aum: Floats) -> None:
        self._ends = np.tile(aum, (BASE_WEEKS + 1, 1))
        self._newest = 0

    def add(self, aum: Floats) -> None:
        self._newest = (self._newest + 1) % len(self._ends)
        self._ends[self._newest] = aum

    def average(self) -> Floats:
        """Daily average over [Monday − 91 days, Monday).

        A Sunday's value stands on that Sunday and the six days after it: the oldest counts six days, the
        newest one.
        """
        oldest, last = self._ends[(self._newest + 1) % len(self._ends)], self._ends[self._newest]
        return (7 * self._ends.sum(axis=0) - oldest - 6 * last) / (7 * BASE_WEEKS)

    def in_band(self) -> Bools:
        """True where the average AUM lies within the band and the money has not already left."""
        average = self.average()
        return (average >= BAND[0]) & (average < BAND[1]) & (self._ends[self._newest] > STILL_HERE * average)


@dataclass(frozen=True)
class Truth:
    """One entry per customer in the AUM band whose money has not already left."""

    customer: Ints
    probability: Floats
    reason: Ints
    call_effect: Floats


def truth_of(who: Ints, customers: Customers, states: States, pressure: Pressure) -> Truth:
    """The truth about ``who`` on the Monday whose state is given."""
    without = _probability(who, customers, states, pressure)
    called = replace(pressure, call_weeks=np.full(len(who), p.CALL_WEEKS, dtype=np.int64))
    minds = (pressure.call_type > 0).any(axis=0) & states.alive[who] & (states.stage[who] != DRAINING)
    change = _probability(who, customers, states, called) - without
    return Truth(
        customer=who,
        probability=without,
        reason=_leading_reason(states, who, pressure),
        call_effect=np.where(minds, p.ANSWER_CHANCE * change, 0.0),
    )


def _probability(who: Ints, customers: Customers, states: States, pressure: Pressure) -> Floats:
    """By stage: undecided, looking, draining; what is left after a drain goes when the account closes."""
    stage = states.stage[who]
    stays = _undecided(pressure)
    call_type = customers.call_type[states.cause[who], who]
    factor = np.where(pressure.call_weeks > 0, np.array(p.CALL_FACTOR)[call_type], 1.0)
    looks = _counts_if_looking(0, factor)
    # Whoever calms down may begin again, in about half of the time.
    looks = looks + (1 - looks) * 0.5 * p.CALM_CHANCE / (p.CALM_CHANCE + p.GO_CHANCE) * stays
    crossing = hazards.crossing_week(states.depth[who], states.length[who])
    drains = hazards.completes(crossing, states.done[who], states.length[who])
    left = p.AWAY_WEEKS - states.away_weeks[who]
    # Not while a loan runs.
    closes = p.CLOSE_CHANCE * (1 - p.RETURN_CHANCE) ** (left + 1.0) * ~customers.has_loan[who]
    away = np.where(left < 0, stays, closes)
    result = np.select([stage == LOOKING, stage == DRAINING, stage == AWAY], [looks, drains, away], stays)
    return np.where(states.alive[who], result, 0.0)


def _undecided(pressure: Pressure) -> Floats:
    """1 − ∏ (1 − Σ over reasons of chance to start in week s + k × chance that this start counts)."""
    stays = np.full(len(pressure.multiplier), np.log1p(-hazards.life_event_counts()))
    for ahead in range(hazards.AHEAD):
        # Whoever starts to look in week s + k goes a week later at the earliest.
        counts = _counts_if_looking(ahead + 1, pressure.call_factor(ahead + 1))
        stays += np.log1p(-(pressure.hazards(ahead, expected=True) * counts).sum(axis=0))
    return -np.expm1(stays)


def _counts_if_looking(first: int, factor: Floats) -> Floats:
    """``hazards.looking_counts`` of each call factor."""
    chances = [hazards.looking_counts(first, known) for known in p.CALL_FACTOR]
    return np.select([factor == known for known in p.CALL_FACTOR], chances)


def _leading_reason(states: States, who: Ints, pressure: Pressure) -> Ints:
    """The decided customers' own reason; else the strongest pressure ahead, where it exceeds the rest (0)."""
    total = np.zeros((LIFE_EVENT, len(who)))
    for ahead in range(hazards.AHEAD):
        total += pressure.hazards(ahead, expected=False)
    leading = np.where(total.max(axis=0) > 2 * total[0], total.argmax(axis=0), 0)
    decided = (states.stage[who] == LOOKING) | (states.stage[who] == DRAINING)
    return np.where(decided, states.cause[who], np.where(states.stage[who] == AWAY, 0, leading))
