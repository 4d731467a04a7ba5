"""The hazards of starting to look elsewhere, and each customer's probability of attrition: the truth.

The label of snapshot week s (whose Monday begins week s) compares the AUM at the ends of weeks s + 11 and
s + 12, the only valuations that stand during the last 14 days of its 97, with half the average before s.
So a drain must have taken half by the end of week s + 11, and nothing may have come back by s + 12. Of those
who leave early, within the label's 30 days, the valuations of weeks s + 2 to s + 4 tell.

An answered call multiplies hazards and GO_CHANCE for some weeks. ``truth_of``, which the demo bank writes
down, lets it work for as long as somebody is looking; ``chances_of``, by which policies are judged, for the
weeks that are left alone, as the bank lives.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import AWAY, DRAINING, LOOKING, Customers, States
from pipeline.demo_bank.draws import Bools, Floats, Ints
from pipeline.demo_bank.ledger import Ledger
from pipeline.demo_bank.market import CLASSES, DATED_SLOTS

REASONS = ("", "maturity", "better_rate", "manager_left", "complaint", "salary_moved", "life_event")
LIFE_EVENT = REASONS.index("life_event")
_DEPTHS = np.linspace(*p.DRAIN_DEPTH, 26)
# Average AUM in cents, [low, high): the cohort's 500,000 to 5 million yuan and a tenth more on both sides,
# since the label values funds at constant prices and so draws the edges a little differently.
BAND = (450_000_00.0, 5_500_000_00.0)
STILL_HERE = 0.45  # share of the average that must be left, likewise a tenth below the label's one half
BASE_WEEKS = 13


class Window(NamedTuple):
    """After snapshot week s half must be gone by the end of week s + ``crossed``, and stay so until the end
    of week s + ``held``."""

    crossed: int
    held: int


LABEL, EARLY = Window(11, 12), Window(2, 4)  # of the label's 90 days, and of its 30
AHEAD = LABEL.crossed + 1  # weeks in which a start may still matter


@dataclass(frozen=True)
class Pressure:
    """Everything the hazard of some customers depends on, as it stands on a Monday; one entry per customer.

    ``maturing`` is (weeks ahead, customer): share of AUM that falls due in that week; ``rate_pull`` is rate
    gap × rate sensitivity × share of AUM in term and wealth products. ``shocks`` holds the level of each of
    SHOCKS (1 = fresh), ``may_suffer`` whom it can hit. An answered call works for ``call_weeks`` more;
    ``factors`` say by ``call_type`` how.
    """

    maturing: Floats
    rate_pull: Floats
    shocks: tuple[Floats, ...]
    may_suffer: tuple[Bools, ...]
    sensitivity: Floats
    multiplier: Floats
    call_type: Ints
    call_weeks: Ints
    factors: tuple[float, ...] = p.CALL_FACTOR

    def hazards(self, ahead: int, expected: bool) -> Floats:
        """(reason, customer): chance to start looking in the week that lies ``ahead`` weeks after the Monday.

        Rows follow REASONS without life_event. ``expected`` adds the mean of shocks still to happen.
        """
        reasons = [
            np.full(len(self.multiplier), p.BASE_HAZARD),
            p.MATURITY_HAZARD * self.maturing[ahead] ** 1.5 * self.sensitivity,
            p.RATE_HAZARD * self.rate_pull,
        ]
        for shock, level, may_suffer in zip(p.SHOCKS, self.shocks, self.may_suffer, strict=True):
            to_come = shock.rate * sum(shock.decay**k for k in range(ahead + 1)) if expected else 0.0
            reasons.append(shock.hazard * (level * shock.decay**ahead + may_suffer * to_come))
        rows = np.stack(reasons) * (self.multiplier * self.call_factor(ahead))
        return rows * np.minimum(1.0, p.HAZARD_CAP / np.maximum(rows.sum(axis=0), 1e-12))

    def call_factor(self, ahead: int) -> Floats:
        """(reason, customer): what an answered call multiplies the hazard of the week ``ahead`` by."""
        return np.where(self.call_weeks > ahead, np.array(self.factors)[self.call_type[:LIFE_EVENT]], 1.0)

    def harmed(self) -> "Pressure":
        """The same where an answered call harms each of them, whatever the cause."""
        factors = (*p.CALL_FACTOR, p.HARM_FACTOR)
        return replace(self, call_type=np.full_like(self.call_type, len(p.CALL_FACTOR)), factors=factors)


def maturing_shares(ledger: Ledger, who: Ints, aum: Floats, monday: int) -> Floats:
    """(weeks ahead, customer): share of AUM that falls due in each of the coming weeks."""
    shares = np.zeros((AHEAD, len(who)))
    for slot in DATED_SLOTS:
        ahead = (ledger.matures[slot, who] - monday) // 7
        due = np.flatnonzero((ahead >= 0) & (ahead < AHEAD) & (ledger.balance[slot, who] > 0))
        shares[ahead[due], due] += ledger.balance[slot, who[due]] / aum[due]
    return shares


def multiplier(customers: Customers, ledger: Ledger, who: Ints) -> Floats:
    """The customer's own factor: satisfaction, how many classes are held, how well looked after."""
    held = [(ledger.balance[list(slots)][:, who] > 0).any(axis=0) for slots in CLASSES]
    tie = np.array(p.TIE_MULTIPLIER)[np.minimum(np.sum(held, axis=0), len(p.TIE_MULTIPLIER) - 1)]
    covered = np.array(p.COVERAGE_MULTIPLIER)[customers.well_covered[who].astype(np.int64)]
    effect = p.SATISFACTION_EFFECT * customers.satisfaction[who] + p.SERVICE_EFFECT * customers.service[who]
    # The mean over customers of ordinary branches stays that of satisfaction alone.
    return np.exp(effect - p.SERVICE_EFFECT**2 / 2) * tie * covered


def share_gone(depth: Floats, done: Ints, weeks: Ints) -> Floats:
    """Share of the AUM at the start that is gone after ``done`` of ``weeks`` weeks: little first."""
    return depth * np.clip(done / np.maximum(weeks, 1), 0, 1) ** p.DRAIN_SHAPE


def crossing_week(depth: Floats, weeks: Ints) -> Ints:
    """The week of a drain (1 = the first) in which half of the AUM is gone."""
    return np.ceil(weeks * (0.5 / depth) ** (1 / p.DRAIN_SHAPE) - 1e-9).astype(np.int64)


def completes(crossing: Ints, done: Ints, weeks: Ints, start: int = 0, window: Window = LABEL) -> Floats:
    """Chance that a drain with ``done`` weeks behind it and the next one in week s + ``start`` counts.

    It must not stop half-way, must cross in time, and the money must not return within the window.
    """
    to_cross = np.maximum(crossing - done, 0)
    # The first week of a drain is never called off.
    kept = (1 - p.ABORT_CHANCE) ** np.maximum(to_cross - (done == 0), 0)
    away = np.clip(window.held + 1 - start - (weeks - done), 0, p.AWAY_WEEKS)
    return np.where(start + to_cross <= window.crossed + 1, kept * (1 - p.RETURN_CHANCE) ** away, 0.0)


@cache
def drain_counts(start: int, lengths: tuple[tuple[int, float], ...], window: Window = LABEL) -> float:
    """Chance that a drain of unknown length and depth, starting in week s + ``start``, counts."""
    total = 0.0
    for weeks, share in lengths:
        length = np.full(len(_DEPTHS), weeks, dtype=np.int64)
        crossing = crossing_week(_DEPTHS, length)
        total += share * float(completes(crossing, np.zeros_like(length), length, start, window).mean())
    return total


@cache
def looking_counts(first: int, factor: float, until: int = AHEAD + 1, window: Window = LABEL) -> float:
    """Chance that somebody who is looking and may go from week s + ``first`` on counts.

    ``factor`` multiplies GO_CHANCE (an answered call) before week s + ``until``.
    """
    total = 0.0
    for wait in range(window.crossed + 2 - first):
        go = p.GO_CHANCE * factor if first + wait < until else p.GO_CHANCE
        under = max(min(first + wait, until) - first, 0)
        stays = (1 - p.GO_CHANCE * factor - p.CALM_CHANCE) ** under
        stays *= (1 - p.GO_CHANCE - p.CALM_CHANCE) ** (wait - under)
        total += go * stays * drain_counts(first + wait, p.DRAIN_WEEKS, window)
    return total


@cache
def life_event_counts(window: Window = LABEL) -> float:
    """Chance per snapshot that an unannounced life event makes the label 1; the same for everybody."""
    chances = [drain_counts(k, p.LIFE_EVENT_WEEKS, window) for k in range(window.crossed + 1)]
    return float(1 - np.prod([1 - p.LIFE_EVENT_HAZARD * chance for chance in chances]))


class History:
    """AUM (cents) at the end of each of the last fourteen weeks, and its daily average over 91 days."""

    def __init__(self, aum: Floats) -> None:
        self._ends = np.tile(aum, (BASE_WEEKS + 1, 1))

    def add(self, aum: Floats) -> None:
        self._ends = np.vstack([self._ends[1:], aum])

    def average(self) -> Floats:
        """Daily average over [Monday − 91 days, Monday).

        A Sunday's value stands for seven days, the Sunday first: the oldest counts six days, the newest one.
        """
        return (7 * self._ends.sum(axis=0) - self._ends[0] - 6 * self._ends[-1]) / (7 * BASE_WEEKS)

    def in_band(self) -> Bools:
        """True where the average AUM lies within the band and the money has not already left."""
        average = self.average()
        return (average >= BAND[0]) & (average < BAND[1]) & (self._ends[-1] > STILL_HERE * average)


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


def chances_of(who: Ints, customers: Customers, states: States, pressure: Pressure, window: Window) -> Floats:
    """(weeks left, customer): probability of attrition in the window, without a further call.

    In row k an earlier answered call works for k more weeks; row CALL_WEEKS is that of a call answered now.
    """
    pressures = (
        replace(pressure, call_weeks=np.full(len(who), left, dtype=np.int64))
        for left in range(p.CALL_WEEKS + 1)
    )
    return np.stack([_probability(who, customers, states, each, window, exact=True) for each in pressures])


def _probability(
    who: Ints,
    customers: Customers,
    states: States,
    pressure: Pressure,
    window: Window = LABEL,
    exact: bool = False,
) -> Floats:
    """By stage: undecided, looking, draining; what is left after a drain goes when the account closes."""
    stage = states.stage[who]
    stays = _undecided(pressure, window, exact)
    call_type = pressure.call_type[states.cause[who], np.arange(len(who))]
    factor = np.where(pressure.call_weeks > 0, np.array(pressure.factors)[call_type], 1.0)
    looks = _counts_if_looking(0, factor, pressure, window, exact)
    # Whoever calms down may begin again, in about half of the time.
    looks = looks + (1 - looks) * 0.5 * p.CALM_CHANCE / (p.CALM_CHANCE + p.GO_CHANCE) * stays
    crossing = crossing_week(states.depth[who], states.length[who])
    drains = completes(crossing, states.done[who], states.length[who], window=window)
    left = p.AWAY_WEEKS - states.away_weeks[who]
    # Not while a loan runs.
    closes = p.CLOSE_CHANCE * (1 - p.RETURN_CHANCE) ** (left + 1.0) * ~customers.has_loan[who]
    away = np.where(left < 0, stays, np.where(left <= window.crossed, closes, 0.0))
    result = np.select([stage == LOOKING, stage == DRAINING, stage == AWAY], [looks, drains, away], stays)
    return np.where(states.alive[who], result, 0.0)


def _undecided(pressure: Pressure, window: Window, exact: bool) -> Floats:
    """1 − ∏ (1 − Σ over reasons of chance to start in week s + k × chance that this start counts)."""
    stays = np.full(len(pressure.multiplier), np.log1p(-life_event_counts(window)))
    for ahead in range(window.crossed + 1):
        # Whoever starts to look in week s + k goes a week later at the earliest.
        factor = pressure.call_factor(ahead + 1)
        counts = _counts_if_looking(ahead + 1, factor, pressure, window, exact)
        stays += np.log1p(-(pressure.hazards(ahead, expected=True) * counts).sum(axis=0))
    return -np.expm1(stays)


def _counts_if_looking(first: int, factor: Floats, pressure: Pressure, window: Window, exact: bool) -> Floats:
    """``looking_counts`` of each call factor; ``exact``: it works for the weeks that are left alone."""
    chances = np.zeros(factor.shape)
    for until in np.unique(pressure.call_weeks).tolist() if exact else [AHEAD + 1]:
        of_weeks = pressure.call_weeks == until if exact else np.ones(len(pressure.call_weeks), bool)
        for known in pressure.factors:
            chance = looking_counts(first, known, until, window)
            chances = np.where((factor == known) & of_weeks, chance, chances)
    return chances


def _leading_reason(states: States, who: Ints, pressure: Pressure) -> Ints:
    """The decided customers' own reason; else the strongest pressure ahead, where it exceeds the rest (0)."""
    total = np.zeros((LIFE_EVENT, len(who)))
    for ahead in range(AHEAD):
        total += pressure.hazards(ahead, expected=False)
    leading = np.where(total.max(axis=0) > 2 * total[0], total.argmax(axis=0), 0)
    decided = (states.stage[who] == LOOKING) | (states.stage[who] == DRAINING)
    return np.where(decided, states.cause[who], np.where(states.stage[who] == AWAY, 0, leading))
