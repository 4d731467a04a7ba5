"""What a contact does, learnt from the listed and the control group.

**Estimate.** Of an assignment with risk p and movable leaving m (p × ``configs.response.movable_share``) the
outcome y is taken as ``y = p + δ m − t θ m + noise``; t is 1 for the listed, θ the share kept, δ the error of
the published risk, both by cell. The control group tells δ. It is doubly robust (Robins and Rotnitzky 1995):
where the risk is right, δ near 0 makes the most of few controls; where it is wrong, in whatever way, θ is
still the difference of the arms as long as they were drawn at random with known probability, because δ and θ
move along the same m, from which t is independent. A bank's own prior on δ keeps it near 0 until controls
say otherwise.

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
from models.experiment import Z

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
BANDS = ("low", "medium", "high")
NAMES = (("", *GROUPS), BANDS, STAGES)  # of the parts of a cell
LEVELS = RESTS_ON[1:]
MOVES = 0.01  # by so much a level must move a share to be what it rests on
RISK_ERROR = 0.25  # of the published risk: standard deviation of δ for everybody
GROUP_ERROR = 0.10  # and of what reasons, bands and stages add to it
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


class Evidence(NamedTuple):
    """What outcomes tell of θ or −δ: Σ weight · m² and Σ weight · m · (risk − outcome), per assignment."""

    precision: Floats
    kept: Floats


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
) -> LearntResponse:
    """The response by all that is known; ``setting`` are the share kept and the evidence behind it.

    ``channels`` say what a contact does relative to a call, before any outcome.
    """
    known = ~np.isnan(logged.left)
    early = ~known & ~np.isnan(logged.left_early) & ~np.isnan(logged.risk_early)
    ratio = early_ratio(logged, setting)
    evidence = _evidence(logged, known, early, ratio, settings.half_life_weeks)
    by_phone = (known | early) & (~logged.listed | (logged.channel == "phone"))
    counts = {"matured": int(known.sum()), "early": int(early.sum())}
    start = Response(setting[0], {}, dict(channels), settings.harm_probability)
    if not (known | early).any() or not evidence.precision[by_phone].any():
        return LearntResponse(start, ratio, **counts)
    cells = _cells(logged, by_phone, evidence, setting, settings.group_spread)
    response = replace(start, cells=cells)
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


class PolicyValue(NamedTuple):
    """What a policy keeps beyond contacting nobody, in the unit of its outcomes, with its 95% interval."""

    kept: float
    low: float
    high: float


def policy_value(gains: Floats) -> PolicyValue:
    """The doubly robust value of a policy from logged assignments (Dudík, Langford and Li 2011).

    ``gains`` has what a contact kept (``effects``, less its cost) for each assignment that the policy would
    contact, 0 for each other. For what one policy keeps beyond another, those that only the other contacts
    count against it, and those that both contact are 0.
    """
    total = float(gains.sum())
    spread = Z * float(np.sqrt(len(gains)) * gains.std(ddof=1)) if len(gains) > 1 else 0.0
    return PolicyValue(total, total - spread, total + spread)


def effects(
    listed: NDArray[np.bool_], propensity: Floats, outcome: Floats, without: Floats, kept: Floats
) -> Floats:
    """What a contact kept, per assignment: noisy, but right on average (Robins, Rotnitzky and Zhao 1994).

    ``propensity`` to be listed is 1 − the share of the control group; ``outcome`` is 1 for who left, or money
    lost. Unbiased whatever was expected ``without`` a contact and to be ``kept`` by one, as the propensity is
    known; the better the expectation, the less noise.
    """
    error = outcome - np.where(listed, without - kept, without)
    return kept + np.where(listed, -error / propensity, error / (1 - propensity))


def _evidence(
    logged: Logged, known: NDArray[np.bool_], early: NDArray[np.bool_], ratio: float, half_life: float
) -> Evidence:
    """Matured outcomes; those of 30 days where there is no other yet."""
    predicted = np.where(early, logged.risk_early, logged.risk)
    movable = np.where(early, ratio * logged.movable_early, logged.movable)
    left = np.where(early, logged.left_early, logged.left)
    predicted = np.clip(predicted, LEAST_RISK, 1 - LEAST_RISK)
    weight = 0.5 ** (logged.age_weeks / half_life) / (predicted * (1 - predicted))
    used = known | early
    return Evidence(
        np.where(used, weight * movable**2, 0.0), np.where(used, weight * movable * (predicted - left), 0.0)
    )


def _cells(
    logged: Logged,
    rows: NDArray[np.bool_],
    evidence: Evidence,
    setting: tuple[float, float],
    group_spread: float,
) -> dict[Cell, Estimate]:
    """The estimate of each cell that evidence of its own level moves; that of everybody always."""
    place, listed, precision, mean = _arms(logged, rows, evidence)
    share, count = setting
    everybody = np.sqrt(share * (1 - share) / (count + 1))  # of a Beta distribution with that evidence
    targets = list(_targets())
    goal = np.array([_codes(cell) for cell in targets])
    error = sum(_likeness(place, place, (RISK_ERROR, *[GROUP_ERROR] * 3)))
    likely, shares, variances = list[float](), list[Floats](), list[Floats]()
    for factors in product(FACTORS, repeat=3):
        spreads = (float(everybody), *(group_spread * factor for factor in factors))
        same = sum(_likeness(place, place, spreads)) * np.outer(listed, listed)
        factored = cho_factor(same + error + np.diag(1 / precision), lower=True)
        surprise = mean - share * listed
        weight = cho_solve(factored, surprise)
        parts = np.stack([part * listed for part in _likeness(goal, place, spreads)])
        whole, prior = parts.sum(axis=0), sum(np.diagonal(part) for part in _likeness(goal, goal, spreads))
        shares.append(parts @ weight)
        variances.append(prior - np.einsum("ij,ji->i", whole, cho_solve(factored, whole.T)))
        likely.append(-surprise @ weight / 2 - float(np.log(np.diagonal(factored[0])).sum()))
        likely[-1] -= float(np.log(factors).sum())  # a larger spread must earn its place
    chance = softmax(np.array(likely))
    moved = np.einsum("f,flc->lc", chance, np.stack(shares))
    total = np.einsum("f,fc->c", chance, np.stack(variances))
    total += np.einsum("f,fc->c", chance, (np.stack(shares).sum(axis=1) - moved.sum(axis=0)) ** 2)
    estimates = dict[Cell, Estimate]()
    for k, cell in enumerate(targets):
        level = next((n for n in range(len(cell), -1, -1) if abs(moved[n, k]) >= MOVES), -1)
        if level == len(cell) or not cell:
            spread = round(float(np.sqrt(max(total[k], 0.0))), 6)
            rests_on = LEVELS[level] if level >= 0 else "setting"
            estimates[cell] = Estimate(round(share + float(moved[:, k].sum()), 6), spread, rests_on)
    return estimates


def _channels(logged: Logged, response: Response, evidence: Evidence) -> dict[str, float]:
    """What each other channel with outcomes does relative to a call, given what a call does in each cell."""
    control = ~logged.listed
    of_control = float(evidence.precision[control].sum())
    error = -float(evidence.kept[control].sum()) / (RISK_ERROR**-2 + of_control)
    kept, relative = evidence.kept + error * evidence.precision, dict[str, float]()
    for channel, prior in response.channels.items():
        rows = logged.listed & (logged.channel == channel)
        if channel == "phone" or not rows.any():
            continue
        share = np.array([response.estimate(cell).share for cell in _names(logged, rows)])
        sure = (CHANNEL_SPREAD * prior) ** -2
        weight = sure + float((evidence.precision[rows] * share**2).sum())
        relative[channel] = (sure * prior + float((kept[rows] * share).sum())) / weight
    return relative


def _arms(
    logged: Logged, rows: NDArray[np.bool_], evidence: Evidence
) -> tuple[Codes, Floats, Floats, Floats]:
    """Per cell and arm with evidence: its codes, 1 for the listed, the precision and the mean."""
    codes = np.array([_codes(cell) for cell in _names(logged, rows)])
    keys = np.column_stack([codes, logged.listed[rows]])
    arms, member = np.unique(keys, axis=0, return_inverse=True)
    precision, kept = (
        np.bincount(member.ravel(), part[rows], len(arms)).astype(np.float64) for part in evidence
    )
    tells = precision > 0
    precision, kept, arms = precision[tells], kept[tells], arms[tells]
    return arms[:, :3].astype(np.int64), arms[:, 3].astype(np.float64), precision, kept / precision


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


def _likeness(first: Codes, second: Codes, spreads: Sequence[float]) -> list[Floats]:
    """By level the covariance of cells: of everybody, reason, risk band and stage.

    The risk band's holds what the band does with any reason, and half as much for reason and band together;
    the stage's what it does in any cell, and half as much for all three.
    """
    everybody, reason, band, stage = (spread**2 for spread in spreads)
    reasons, bands, stages = (
        (first[:, None, k] == second[None, :, k]) & (first[:, None, k] != -1) for k in range(3)
    )
    return [
        np.full((len(first), len(second)), everybody),
        reason * reasons,
        band * bands * (1 + 0.25 * reasons),
        stage * stages * (1 + 0.25 * (reasons & bands)),
    ]
