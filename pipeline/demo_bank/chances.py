"""How likely a start to leave ends as attrition: constants of the label and of the leaving parameters.

The label of snapshot week s (whose Monday begins week s) compares the AUM at the ends of weeks s + 11 and
s + 12, the only valuations that stand during the last 14 days of its 97, with half the average before s.
So a drain must have taken half by the end of week s + 11, and nothing may have come back by s + 12.
"""

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Floats, Ints

LAST_CROSSING = 11  # weeks after the snapshot in which half must be gone
AHEAD = LAST_CROSSING + 1  # weeks in which a start may still matter
_DEPTHS = np.linspace(*p.DRAIN_DEPTH, 26)


def share_gone(depth: Floats, done: Ints, weeks: Ints) -> Floats:
    """Share of the AUM at the start that is gone after ``done`` of ``weeks`` weeks: little first."""
    return depth * np.clip(done / np.maximum(weeks, 1), 0, 1) ** p.DRAIN_SHAPE


def crossing_week(depth: Floats, weeks: Ints) -> Ints:
    """In which week of a drain (1 = the first) half of the AUM is gone."""
    reached = weeks * (0.5 / depth) ** (1 / p.DRAIN_SHAPE)
    return np.ceil(reached - 1e-9).astype(np.int64)


def completes(crossing: Ints, done: Ints, weeks: Ints, start: int = 0) -> Floats:
    """Chance that a drain with ``done`` weeks behind it and the next one in week s + ``start`` counts.

    It must not stop half-way, must cross in time, and the money must not return by the end of week s + 12.
    """
    to_cross = np.maximum(crossing - done, 0)
    # The first week of a drain is never called off.
    kept = (1 - p.ABORT_CHANCE) ** np.maximum(to_cross - (done == 0), 0)
    away = np.clip(LAST_CROSSING + 2 - start - (weeks - done), 0, p.AWAY_WEEKS)
    in_time = start + to_cross <= AHEAD
    return np.where(in_time, kept * (1 - p.RETURN_CHANCE) ** away, 0.0)


def drain_counts(start: int, lengths: tuple[tuple[int, float], ...]) -> float:
    """Chance that a drain of unknown length and depth, starting in week s + ``start``, counts."""
    total = 0.0
    for weeks, share in lengths:
        length = np.full(len(_DEPTHS), weeks, dtype=np.int64)
        crossing = crossing_week(_DEPTHS, length)
        total += share * float(completes(crossing, np.zeros_like(length), length, start).mean())
    return total


def looking_counts(first: int, factor: float) -> float:
    """Chance that somebody who is looking and may go from week s + ``first`` on counts.

    ``factor`` multiplies GO_CHANCE (an answered call).
    """
    go = p.GO_CHANCE * factor
    stay = 1 - go - p.CALM_CHANCE
    return sum(
        go * stay**wait * drain_counts(first + wait, p.DRAIN_WEEKS) for wait in range(AHEAD + 1 - first)
    )


def start_counts(factor: float) -> Floats:
    """By week ahead k: chance that a start to look in week s + k counts; going begins a week later."""
    return np.array([looking_counts(k + 1, factor) for k in range(AHEAD)])


def life_event_counts() -> float:
    """Chance per snapshot that an unannounced life event makes the label 1; the same for everybody."""
    chances = [drain_counts(k, p.LIFE_EVENT_WEEKS) for k in range(AHEAD)]
    return float(1 - np.prod([1 - p.LIFE_EVENT_HAZARD * chance for chance in chances]))
