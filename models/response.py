"""What a contact does, learnt from the listed and the control group.

**Estimate.** Of an assignment with risk p and movable leaving m (p × ``configs.response.movable_share``) the
outcome y is taken as ``y = p + δ p − t θ m + noise``; t is 1 for the listed, θ the share kept, δ the relative
error of the published risk at that horizon, both by cell. Controls and ``Observed`` show δ: everybody whom
nobody contacted, many more than the control group, so that a group of whom more leave than predicted is not
taken for one that a contact drives away. It is doubly robust (Robins and Rotnitzky 1995): where the risk is
right, δ near 0 makes the most of few controls; where it is wrong θ is still the difference of the arms, as
these were drawn at random with known probability. A prior on δ keeps it near 0 until outcomes say otherwise.
What is known of δ also corrects a customer's risk: ``observed_to_expected`` of a cell is 1 + δ.

**Pooling.** θ of a cell is the setting plus normal effects of everybody, of its reason, risk band, stage, of
reason × band and of all three, the δ likewise (multilevel model with crossed effects, Gelman and Hill 2007,
chapter 13). All evidence of a cell is the number and the mean of its outcomes, so the posterior is that of a
Gaussian process over cells (Rasmussen and Williams 2006, equations 2.23 to 2.26 and 2.30). By how much
reasons, bands and stages differ is itself not known: several spreads count by how likely each makes the
outcomes, as in models/shrinkage.py. Negative shares are possible. What another channel does relative to a
call is one number, likewise shrunk towards the setting.

**Age.** An outcome loses half of its weight every ``half_life_weeks`` (a power prior, Ibrahim and Chen 2000),
so an effect that fades is noticed.

**Early outcomes.** Until the outcome at the longest horizon is known, who left within 30 days stands in: a
surrogate (Prentice 1989; Athey et al. 2019). Of the leavers that a contact keeps few would have left so soon:
what prior and risks expect of early outcomes is corrected by what matured assignments showed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import softmax

from configs.list_settings import ResponseSettings
from configs.published import STAGES
from configs.reason_groups import GROUPS
from configs.response import RESTS_ON, Cell, Estimate, Response

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
BANDS = ("low", "medium", "high")
NAMES = (("", *GROUPS), BANDS, STAGES)  # of the parts of a cell
LEVELS = RESTS_ON[1:]
MOVES = 0.01  # by so much a level must move a share to be what it rests on
RISK_ERROR = 0.15  # of the published risk: standard deviation of δ for everybody
GROUP_ERROR = 0.15  # and of what each reason, band and stage adds to it
RATIO_LIMITS = (0.1, 4.0)  # of observed to expected leavers
LEAST_EXPECTED = 0.5  # leavers: of fewer a group of Observed says next to nothing
FACTORS = (0.5, 1.0, 2.0, 4.0)  # times ``group_spread``: by how much reasons, bands or stages may differ
CHANNEL_SPREAD = 0.5  # of what a channel does relative to a call, as a share of what is assumed
RATIO_SPREAD = 0.5  # of what early outcomes show of an effect, for what is expected of them
LEAST_RISK = 0.002  # no risk counts as surer than this: one leaver who was sure to stay must not outweigh all


@dataclass(frozen=True)
class Logged:
    """One row per assignment of which an outcome is known; NaN where a number is not.

    ``left`` and ``left_early`` are 1 or 0: by the longest horizon, and within 30 days. ``movable`` and
    ``movable_early`` are the probabilities of leaving that a contact could still take away, by the longest
    horizon and within 30 days. ``age_weeks``: since the assignment.
    """

    listed: NDArray[np.bool_]
    left: Floats
    left_early: Floats
    risk: Floats
    risk_early: Floats
    movable: Floats
    movable_early: Floats
    reason: NDArray[np.str_]
    risk_band: NDArray[np.str_]
    stage: NDArray[np.str_]
    channel: NDArray[np.str_]
    age_weeks: Floats

    def __len__(self) -> int:
        return len(self.listed)


@dataclass(frozen=True)
class Observed:
    """Expected and observed leavers among those whom nobody contacted: a row per cell and horizon.

    ``expected`` is the sum of their published risks; both count each customer once, however many Mondays saw
    them. ``early``: of 30 days.
    """

    cells: Sequence[Cell]
    early: NDArray[np.bool_]
    expected: Floats
    observed: Floats


NOBODY = Observed((), np.zeros(0, bool), np.zeros(0), np.zeros(0))


class Evidence(NamedTuple):
    """The evidence on θ, per assignment: Σ weight · m², Σ weight · m · (p − y) and Σ weight · m · p."""

    precision: Floats
    kept: Floats
    error: Floats


class Arms(NamedTuple):
    """Outcomes, a row per cell, arm and horizon: the mean of (p − y) / m, and its precision.

    The mean is ``listed`` · θ − ``error`` · δ; ``place`` has the codes of the cell, ``listed`` 1 or 0.
    """

    place: Codes
    listed: Floats
    early: NDArray[np.bool_]
    precision: Floats
    mean: Floats
    error: Floats


class Beliefs(NamedTuple):
    """By level and cell what outcomes add to the share kept (``moved``) and to δ; by cell θ's variance."""

    moved: Floats
    error: Floats
    variance: Floats


@dataclass(frozen=True)
class LearntResponse:
    """The response, and by which factor early outcomes showed more or less of it than expected."""

    response: Response
    early_ratio: float
    matured: int
    early: int


def learn(
    logged: Logged,
    setting: tuple[float, float],
    settings: ResponseSettings,
    channels: Mapping[str, float],
    unlisted: Observed = NOBODY,
) -> LearntResponse:
    """The response by all that is known; ``setting`` are the share kept and the evidence behind it.

    ``channels`` say what a contact does relative to a call, before any outcome; ``unlisted`` are the outcomes
    of those whom nobody contacted.
    """
    known = ~np.isnan(logged.left)
    early = ~known & ~np.isnan(logged.left_early) & ~np.isnan(logged.risk_early)
    ratio = early_ratio(logged, setting)
    evidence = _evidence(logged, known, early, ratio, settings.half_life_weeks)
    by_phone = (known | early) & (~logged.listed | (logged.channel == "phone"))
    counts = {"matured": int(known.sum()), "early": int(early.sum())}
    start = Response(setting[0], {}, dict(channels), settings.harm_probability)
    arms = _with_unlisted(_arms(logged, by_phone, early, evidence), unlisted)
    if not len(arms.place):
        return LearntResponse(start, ratio, **counts)
    response = replace(start, cells=_cells(arms, setting, settings.group_spread))
    relative = _channels(logged, response, evidence)
    return LearntResponse(replace(response, channels={**channels, **relative}), ratio, **counts)


def early_ratio(logged: Logged, setting: tuple[float, float]) -> float:
    """How much of a contact's effect shows within 30 days, for each part that is expected there.

    By assignments of which both outcomes are known: what was kept early for what the setting and the movable
    early leaving promise. Its prior is 1 ± RATIO_SPREAD, and it is held within 0 and 3.
    """
    unknown = np.isnan(logged.left) | np.isnan(logged.left_early) | np.isnan(logged.risk_early)
    both = logged.listed & ~unknown
    risk = np.clip(logged.risk_early[both], LEAST_RISK, 1 - LEAST_RISK)
    expected = setting[0] * logged.movable_early[both]
    weight = 1 / (risk * (1 - risk))
    prior = RATIO_SPREAD**-2
    kept = float((weight * expected * (risk - logged.left_early[both])).sum())
    return float(np.clip((prior + kept) / (prior + float((weight * expected**2).sum())), 0.0, 3.0))


def _evidence(
    logged: Logged, known: NDArray[np.bool_], early: NDArray[np.bool_], ratio: float, half_life: float
) -> Evidence:
    """Matured outcomes; those of 30 days where there is no other yet."""
    predicted = np.where(early, logged.risk_early, logged.risk)
    movable = np.where(early, ratio * logged.movable_early, logged.movable)
    left = np.where(early, logged.left_early, logged.left)
    predicted = np.clip(predicted, LEAST_RISK, 1 - LEAST_RISK)
    weight = 0.5 ** (logged.age_weeks / half_life) / (predicted * (1 - predicted))
    parts = movable, predicted - left, predicted
    return Evidence(*(np.where(known | early, weight * movable * part, 0.0) for part in parts))


def _cells(arms: Arms, setting: tuple[float, float], group_spread: float) -> dict[Cell, Estimate]:
    """The estimate of each cell that outcomes of its own level move; that of everybody always."""
    targets = list(_targets())
    beliefs = _beliefs(arms, np.array([_codes(cell) for cell in targets]), setting, group_spread)
    moved, error = np.abs(beliefs.moved) >= MOVES, np.abs(beliefs.error) >= MOVES
    shares, spreads = setting[0] + beliefs.moved.sum(axis=0), np.sqrt(np.maximum(beliefs.variance, 0.0))
    ratios = np.clip(1 + beliefs.error.sum(axis=0), *RATIO_LIMITS)
    estimates = dict[Cell, Estimate]()
    for k, cell in enumerate(targets):
        size = len(cell)
        if moved[size, k] or error[size, k] or not cell:
            level = next((n for n in range(size, -1, -1) if moved[n, k]), -1)
            figures = (round(float(of_cell[k]), 6) for of_cell in (shares, spreads, ratios))
            share, spread, ratio = figures
            estimates[cell] = Estimate(share, spread, LEVELS[level] if level >= 0 else "setting", ratio)
    return estimates


def _beliefs(arms: Arms, goal: Codes, setting: tuple[float, float], group_spread: float) -> Beliefs:
    """The posterior of cells ``goal``, averaged over how far reasons, bands and stages may differ."""
    share, count = setting
    everybody = float(np.sqrt(share * (1 - share) / (count + 1)))  # of a Beta distribution with that evidence
    within, towards = _likeness(arms.place, arms.place), _likeness(goal, arms.place)
    alone = np.stack([np.diagonal(level) for level in _likeness(goal, goal)])
    of_error = (RISK_ERROR, *[GROUP_ERROR] * 3)
    same_error = np.outer(arms.error, arms.error) * (arms.early[:, None] == arms.early)
    noise = np.diag(1 / arms.precision) + _covariance(within, of_error) * same_error
    surprise, both = arms.mean - share * arms.listed, np.outer(arms.listed, arms.listed)
    likely, known = list[float](), list[Beliefs]()
    for factors in product(FACTORS, repeat=3):
        spreads = (everybody, *(group_spread * factor for factor in factors))
        factored = cho_factor(noise + _covariance(within, spreads) * both, lower=True)
        weight = cho_solve(factored, surprise)
        moved = _scaled(towards, spreads) @ (weight * arms.listed)
        whole = _covariance(towards, spreads) * arms.listed
        variance = np.square(spreads) @ alone - np.einsum("ij,ji->i", whole, cho_solve(factored, whole.T))
        error = -_scaled(towards, of_error) @ (weight * arms.error * ~arms.early)
        known.append(Beliefs(moved, error, variance))
        likely.append(-surprise @ weight / 2 - float(np.log(np.diagonal(factored[0])).sum()))
        likely[-1] -= float(np.log(factors).sum())  # a larger spread must earn its place
    chance = softmax(np.array(likely))
    moved, error, variance = (np.tensordot(chance, np.stack(part), 1) for part in zip(*known, strict=True))
    between = np.stack([beliefs.moved.sum(axis=0) for beliefs in known]) - moved.sum(axis=0)
    return Beliefs(moved, error, variance + chance @ between**2)


def _channels(logged: Logged, response: Response, evidence: Evidence) -> dict[str, float]:
    """What each other channel with outcomes does relative to a call, given what a call does in each cell."""
    relative = dict[str, float]()
    for channel, prior in response.channels.items():
        rows = logged.listed & (logged.channel == channel)
        if channel == "phone" or not rows.any():
            continue
        cells = [response.estimate(cell) for cell in _names(logged, rows)]
        share = np.array([cell.share for cell in cells])
        error = np.array([cell.observed_to_expected for cell in cells]) - 1
        kept = evidence.kept[rows] + error * evidence.error[rows]
        sure = (CHANNEL_SPREAD * prior) ** -2
        weight = sure + float((evidence.precision[rows] * share**2).sum())
        relative[channel] = (sure * prior + float((kept * share).sum())) / weight
    return relative


def _arms(logged: Logged, rows: NDArray[np.bool_], early: NDArray[np.bool_], evidence: Evidence) -> Arms:
    """Assignments by cell, arm and horizon, where they say anything."""
    codes = np.array([_codes(cell) for cell in _names(logged, rows)], dtype=np.int64).reshape(-1, 3)
    keys = np.column_stack([codes, logged.listed[rows], early[rows]])
    arms, member = np.unique(keys, axis=0, return_inverse=True)
    sums = [np.bincount(member.ravel(), part[rows], len(arms)) for part in evidence]
    says = sums[0] > 0
    arms, (precision, kept, error) = arms[says], (part[says].astype(np.float64) for part in sums)
    listed, soon = arms[:, 3].astype(np.float64), arms[:, 4].astype(bool)
    return Arms(arms[:, :3], listed, soon, precision, kept / precision, error / precision)


def _with_unlisted(arms: Arms, unlisted: Observed) -> Arms:
    """The arms and those whom nobody contacted, whose leavers vary as Poisson counts do."""
    says = unlisted.expected >= LEAST_EXPECTED
    count, expected = int(says.sum()), unlisted.expected[says]
    cells = [_codes(cell) for cell, used in zip(unlisted.cells, says, strict=True) if used]
    place = np.array(cells, dtype=np.int64).reshape(-1, 3)
    rows = (
        place, np.zeros(count), unlisted.early[says], expected, 1 - unlisted.observed[says] / expected,
        np.ones(count),
    )  # fmt: skip
    return Arms(*(np.concatenate(both) for both in zip(arms, rows, strict=True)))


def _names(logged: Logged, rows: NDArray[np.bool_]) -> list[Cell]:
    parts = (logged.reason, logged.risk_band, logged.stage)
    return list(zip(*(part[rows].tolist() for part in parts), strict=True))


def _targets() -> Iterator[Cell]:
    """Every cell of every level, the largest first."""
    for size in range(len(NAMES) + 1):
        yield from product(*NAMES[:size])


def _codes(cell: Sequence[str]) -> tuple[int, int, int]:
    """Places in NAMES; −1 for a part that the cell does not have, −2 for a name that is not known."""
    places = [names.index(part) if part in names else -2 for names, part in zip(NAMES, cell, strict=False)]
    reason, band, stage = (*places, -1, -1, -1)[:3]
    return reason, band, stage


def _likeness(first: Codes, second: Codes) -> Floats:
    """Level × first × second: how alike cells are in what everybody, reason, risk band and stage do.

    The risk band's holds what the band does with any reason, and half as much for reason and band together;
    the stage's what it does in any cell, and half as much for all three.
    """
    reasons, bands, stages = (
        (first[:, None, k] == second[None, :, k]) & (first[:, None, k] != -1) for k in range(3)
    )
    everybody = np.ones(reasons.shape)
    return np.stack(
        [everybody, reasons, bands * (1 + 0.25 * reasons), stages * (1 + 0.25 * (reasons & bands))]
    )


def _scaled(likeness: Floats, spreads: Sequence[float]) -> Floats:
    return likeness * np.square(spreads)[:, None, None]


def _covariance(likeness: Floats, spreads: Sequence[float]) -> Floats:
    return np.tensordot(np.square(spreads), likeness, 1)
