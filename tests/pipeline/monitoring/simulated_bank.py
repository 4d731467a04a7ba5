"""Banks of which only counts are simulated: published Mondays with what was predicted and what came.

A customer is calm or warned. Each week a share of the calm gets a warning, and a share of the warned leaves
or calms down. The model knows who is warned, and nothing else; so its risks are right, and part of each
leaving is foreseen. Windows of weekly Mondays overlap, as they do in a bank. A common shock, correlated from
week to week, multiplies all hazards; no model knows it. Lists hold a share of the newly warned, and calls
keep some.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipeline.monitoring.matured import Matured

FIRST = date(2024, 1, 1)
WARNED, LEAVES, CALMS = 0.0045, 0.15, 0.05  # shares a week: of the calm, of the warned, of the warned
WEEKS = {30: 3, 60: 8, 90: 12}  # in which money must have left to be gone at the horizon and stay away
TRAINED = date(2023, 12, 4)


@dataclass(frozen=True)
class SimulatedBank:
    """``customers`` scored in each of ``branches``; ``shock`` is the standard deviation of the common shock.

    ``listed`` is the share of the newly warned that is put on a list, ``kept`` the share of leavers whom a
    call keeps. From week ``shifted_from`` on, ``shift`` times as many leave as predicted.
    """

    customers: int = 2_500
    branches: int = 20
    weeks: int = 104
    shock: float = 0.04
    listed: float = 0.0
    kept: float = 0.3
    shift: float = 1.0
    shifted_from: int = 0


def risks(weeks: int) -> tuple[float, float]:
    """Probabilities of leaving within so many weeks, of a calm and of a warned customer."""
    calm = warned = 0.0
    for _ in range(weeks):
        stays = CALMS * calm + (1 - CALMS) * warned
        calm, warned = (1 - WARNED) * calm + WARNED * warned, LEAVES + (1 - LEAVES) * stays
    return calm, warned


def matured_mondays(bank: SimulatedBank, rng: np.random.Generator) -> list[Matured]:
    """Every Monday of ``bank.weeks`` at every horizon, the oldest first."""
    history = _history(bank, rng)
    return [_monday(bank, history, week, days) for week in range(bank.weeks) for days in WEEKS]


@dataclass(frozen=True)
class _History:
    """Weeks × branches: customers on each Monday, and what happened in the week after it."""

    calm: np.ndarray
    warned: np.ndarray  # the listed included
    listed: np.ndarray
    newly_listed: np.ndarray  # on the Monday itself
    left: np.ndarray  # the listed included
    listed_left: np.ndarray


def _history(bank: SimulatedBank, rng: np.random.Generator) -> _History:
    before = 52  # until as many are warned as always
    weeks, shape = before + bank.weeks + max(WEEKS.values()), bank.branches
    calm, unlisted = np.full(shape, bank.customers), np.zeros(shape, int)
    listed = np.zeros(shape, int)
    rows, shock = list[tuple[np.ndarray, ...]](), 0.0
    newly_listed = np.zeros(shape, int)
    for _ in range(weeks):
        shock = 0.9 * shock + rng.normal() * bank.shock * (1 - 0.9**2) ** 0.5
        level = np.exp(shock)
        newly = rng.binomial(calm, WARNED * level)
        left = rng.binomial(unlisted, LEAVES * level)
        listed_left = rng.binomial(listed, LEAVES * level * (1 - bank.kept))
        calmed, listed_calmed = (
            rng.binomial(unlisted - left, CALMS),
            rng.binomial(listed - listed_left, CALMS),
        )
        rows.append((calm, unlisted + listed, listed, newly_listed, left + listed_left, listed_left))
        newly_listed = rng.binomial(newly, bank.listed)
        # Who left is followed by a new customer, who is calm.
        calm = calm - newly + left + listed_left + calmed + listed_calmed
        unlisted = unlisted - left - calmed + newly - newly_listed
        listed = listed - listed_left - listed_calmed + newly_listed
    return _History(*(np.stack(column)[before:] for column in zip(*rows, strict=True)))


def _monday(bank: SimulatedBank, history: _History, week: int, days: int) -> Matured:
    window = slice(week, week + WEEKS[days])
    divisor = bank.shift if week >= bank.shifted_from else 1.0
    calm_risk, warned_risk = risks(WEEKS[days])
    unlisted = history.warned[week] - history.listed[week]
    later = history.newly_listed[week + 1 : week + WEEKS[days]].sum(axis=0) * warned_risk / divisor
    left, listed_left = history.left[window].sum(axis=0), history.listed_left[window].sum(axis=0)
    counts = {
        "customers": history.calm[week] + history.warned[week],
        "predicted": (history.calm[week] * calm_risk + history.warned[week] * warned_risk) / divisor,
        "observed": left,
        "unlisted_predicted": (history.calm[week] * calm_risk + unlisted * warned_risk) / divisor,
        "unlisted_at_most": left - listed_left + later,
    }
    return Matured(FIRST + timedelta(weeks=week), days, TRAINED, _grouped(counts, bank.branches))


def _grouped(counts: dict[str, np.ndarray], branches: int) -> dict[tuple[str, str], dict[str, float]]:
    """Everybody, each branch, and two tiers, which are halves of the branches."""
    members: dict[tuple[str, str], Sequence[int]] = {("all", ""): range(branches)}
    members |= {("branch", f"B{number:03}"): [number] for number in range(branches)}
    members |= {("tier", f"T{half}"): range(half, branches, 2) for half in range(2)}
    return {
        group: {name: float(values[[*numbers]].sum()) for name, values in counts.items()}
        for group, numbers in members.items()
    }
