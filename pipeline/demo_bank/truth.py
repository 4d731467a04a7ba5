"""What only the generator knows: each customer's true probability that the label will be 1."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo_bank import chances
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Bools, Floats, Ints
from pipeline.demo_bank.hazards import LIFE_EVENT, Pressure, hazards_at
from pipeline.demo_bank.states import AWAY, DRAINING, LOOKING, Lives

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

    @property
    def last(self) -> Floats:
        last: Floats = self._ends[self._newest]
        return last

    def average(self) -> Floats:
        """Daily average over [Monday − 91 days, Monday).

        A Sunday's value stands on that Sunday and the six days after it: the oldest counts six days, the
        newest one.
        """
        oldest = self._ends[(self._newest + 1) % len(self._ends)]
        average: Floats = (7 * self._ends.sum(axis=0) - oldest - 6 * self.last) / (7 * BASE_WEEKS)
        return average


@dataclass(frozen=True)
class Truth:
    """One entry per customer in the AUM band whose money has not already left."""

    customer: Ints
    probability: Floats
    reason: Ints
    call_effect: Floats


class Oracle:
    """Turns the state on a Monday into probabilities. The constants are worked out once.

    ``may_close`` says whose account may be closed once the money is away (not while a loan runs).
    """

    def __init__(self, may_close: Bools) -> None:
        self._may_close = may_close
        self._start = {factor: chances.start_counts(factor) for factor in p.CALL_FACTOR}
        self._looking = {factor: chances.looking_counts(0, factor) for factor in p.CALL_FACTOR}
        self._life_event = chances.life_event_counts()

    def judge(self, who: Ints, lives: Lives, pressure: Pressure) -> Truth:
        """The truth about ``who`` on the Monday whose state is given."""
        without = self._probability(who, lives, pressure)
        working = np.full(len(who), p.CALL_WEEKS, dtype=np.int64)
        called = Pressure(**{**vars(pressure), "call_weeks": working})
        minds = (pressure.call_type > 0).any(axis=0) & lives.alive[who] & (lives.stage[who] != DRAINING)
        change = self._probability(who, lives, called) - without
        return Truth(
            customer=who,
            probability=without,
            reason=_leading_reason(lives, who, pressure),
            call_effect=np.where(minds, p.ANSWER_CHANCE * change, 0.0),
        )

    def _probability(self, who: Ints, lives: Lives, pressure: Pressure) -> Floats:
        """By stage: undecided, looking, draining; what is left after a drain goes when the account closes."""
        stage = lives.stage[who]
        stays = self._undecided(pressure)
        own = pressure.call_type[lives.cause[who], np.arange(len(who))]
        factor = np.where(pressure.call_weeks > 0, np.array(p.CALL_FACTOR)[own], 1.0)
        looks = np.select([factor == one for one in self._looking], list(self._looking.values()))
        # Whoever calms down may begin again, in about half of the time.
        looks = looks + (1 - looks) * 0.5 * p.CALM_CHANCE / (p.CALM_CHANCE + p.GO_CHANCE) * stays
        drains = chances.completes(lives.crossing[who], lives.done[who], lives.length[who])
        left = p.AWAY_WEEKS - lives.away_weeks[who]
        closes = p.CLOSE_CHANCE * (1 - p.RETURN_CHANCE) ** (left + 1.0) * self._may_close[who]
        away = np.where(left < 0, stays, closes)
        result = np.select([stage == LOOKING, stage == DRAINING, stage == AWAY], [looks, drains, away], stays)
        return np.where(lives.alive[who], result, 0.0)

    def _undecided(self, pressure: Pressure) -> Floats:
        """1 − ∏ (1 − Σ over reasons of chance to start in week s + k × chance that this start still counts)."""
        stays = np.full(len(pressure.multiplier), np.log1p(-self._life_event))
        types = np.array(p.CALL_FACTOR)[pressure.call_type[:LIFE_EVENT]]
        for ahead in range(chances.AHEAD):
            factor = np.where(pressure.call_weeks > ahead + 1, types, 1.0)
            counts = np.select(
                [factor == one for one in self._start], [one[ahead] for one in self._start.values()]
            )
            stays += np.log1p(-(hazards_at(pressure, ahead, expected=True) * counts).sum(axis=0))
        leaves: Floats = -np.expm1(stays)
        return leaves


def _leading_reason(lives: Lives, who: Ints, pressure: Pressure) -> Ints:
    """The decided customers' own reason; else the strongest pressure ahead, where it exceeds the rest (0)."""
    total = sum(
        (hazards_at(pressure, ahead, expected=False) for ahead in range(chances.AHEAD)),
        start=np.zeros((LIFE_EVENT, len(who))),
    )
    leading = np.where(total.max(axis=0) > 2 * total[0], total.argmax(axis=0), 0)
    decided = (lives.stage[who] == LOOKING) | (lives.stage[who] == DRAINING)
    return np.where(decided, lives.cause[who], np.where(lives.stage[who] == AWAY, 0, leading))


def in_band(average: Floats, last: Floats) -> Bools:
    """Average AUM within the band, and not already left."""
    return (average >= BAND[0]) & (average < BAND[1]) & (last > STILL_HERE * average)
