"""Explanations of a score and of its change: what each column adds to the log-odds, and the top groups."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError
from configs.settings import SILENCE
from models.hazard import Model

TOLERANCE = 1e-9
ROWS = 10_000  # explained together: all trees are gone through once for these
DIGITS = 9  # to which sums are compared: below lies what the order of addition makes
# Log-odds, a tenth more likely: an occasion that adds less does not come before stronger signs.
LEAD_FROM = 0.1


@dataclass(frozen=True)
class Contributions:
    """Per row what each column adds to the mean raw score over the periods; row sum + bias = that mean.

    ``raw`` is rows × periods; ``bias`` holds what the period itself adds, which may differ by row.
    """

    values: NDArray[np.float64]
    bias: NDArray[np.float64]
    raw: NDArray[np.float64]


@dataclass(frozen=True)
class Grouping:
    """The columns grouped into reasons: the place of each column's group in ``names``, the order of ties.

    Columns that move together (windows of one measure) share a group and are one reason. ``leads`` says which
    groups are occasions, of which the strongest comes first.
    """

    names: tuple[str, ...]
    group: tuple[int, ...]
    leads: tuple[bool, ...]


@dataclass(frozen=True)
class Reasons:
    """Rows × k: the place of the group and its log-odds; −1 and 0 where a row has fewer than k reasons."""

    group: NDArray[np.int64]
    contribution: NDArray[np.float64]


@dataclass(frozen=True)
class ScoreChange:
    """Per row the change of the mean raw score over the periods (``total``), in log-odds, and its parts.

    ``groups`` is rows × groups: what the customer's own figures did, by the model of the later Monday;
    ``bias`` what the period's part did; ``model`` what that model says otherwise of the same old figures.
    """

    total: NDArray[np.float64]
    groups: NDArray[np.float64]
    bias: NDArray[np.float64]
    model: NDArray[np.float64]


def contributions(model: Model, features: NDArray[np.float64]) -> Contributions:
    """Rows × columns of tree-path attributions, as LightGBM's pred_contrib finds them (models/tree_paths.py);
    what the trees begin with is the probability of silence's own.

    Attributions are linear in the score, so those of the mean over the periods are the mean of each period's.
    Raises DataError if they do not add up within 1e-9.
    """
    raw, paths = model.raw(features), model.paths
    parts = np.zeros((len(model.columns) + 1, len(features)))

    def explain(chunk: slice) -> None:
        paths.add(np.ascontiguousarray(model.trees.filled(features[chunk]).T), parts[:, chunk])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(explain, [slice(start, start + ROWS) for start in range(0, len(features), ROWS)]))
    bias = parts[-1] + paths.expected + model.log_kept
    if model.start:
        place = model.columns.index(SILENCE)
        parts[place] += model.start.of_silence(features[:, place])
        bias += np.mean(model.start.offsets)
    _check_sum(
        parts[:-1].sum(axis=0) + bias,
        raw.mean(axis=1),
        "contributions miss the raw score {gap}. Model and installed LightGBM do not fit together; install "
        "the version in requirements.lock or train again.",
    )
    return Contributions(parts[:-1].T, bias, raw)


def by_group(values: NDArray[np.float64], grouping: Grouping) -> NDArray[np.float64]:
    """Rows × groups: the contributions of each group's columns, summed.

    Added column by column, so that a row's sum does not depend on which other rows are there.
    """
    total = np.zeros((len(grouping.names), len(values)))
    for group, column in zip(grouping.group, np.ascontiguousarray(values.T), strict=True):
        total[group] += column
    return np.ascontiguousarray(total.T)


def top_reasons(
    values: NDArray[np.float64],
    grouping: Grouping,
    k: int,
    has_fact: NDArray[np.bool_],
    is_event: NDArray[np.bool_],
) -> Reasons:
    """The k groups of columns that raise each row's score most, of those that have a fact.

    ``has_fact`` and ``is_event`` are rows × groups: a fact holds; and it says what happened, not how things
    stand. First comes the strongest occasion that happened, if it adds LEAD_FROM: signs (money on its
    way, comparing rates) say that a customer is leaving, an occasion says what may have come up. Then comes
    what happened and adds LEAD_FROM, then everything else, each by weight. Sums equal to DIGITS are ties,
    which go to the group first in ``names``.
    """
    total = np.where(has_fact, np.round(by_group(values, grouping), DIGITS), -np.inf)
    weighty = is_event & (total >= LEAD_FROM)
    occasion = np.where(np.array(grouping.leads) & weighty, total, -np.inf)
    first = weighty.astype(np.int64)
    rows, strongest = np.arange(len(total)), occasion.argmax(axis=1)
    first[rows, strongest] += np.isfinite(occasion.max(axis=1))
    by_weight = np.argsort(-total, axis=1, kind="stable")
    order = np.argsort(-np.take_along_axis(first, by_weight, axis=1), axis=1, kind="stable")
    chosen = np.take_along_axis(by_weight, order, axis=1)[:, :k]
    summed = np.take_along_axis(total, chosen, axis=1)
    return Reasons(np.where(summed > 0, chosen, -1), np.where(summed > 0, summed, 0.0))


def score_change(
    later: Contributions, earlier: Contributions, published: NDArray[np.float64], grouping: Grouping
) -> ScoreChange:
    """The change of the same customers, row by row, between two Mondays explained by one model.

    ``published`` are the raw scores (rows × periods) of the earlier Monday by the model of that day, which
    may be another: change = (new model on new figures − new model on old figures) by groups + (new model −
    old model on old figures). Raises DataError if the parts miss the change by more than 1e-9.
    """
    score = published.mean(axis=1)
    total = later.raw.mean(axis=1) - score
    groups = by_group(later.values - earlier.values, grouping)
    bias, model = later.bias - earlier.bias, earlier.raw.mean(axis=1) - score
    _check_sum(
        groups.sum(axis=1) + bias + model,
        total,
        "the parts of a change miss it {gap}: the two Mondays were not explained by one model. Explain both "
        "by the same bundle.",
    )
    return ScoreChange(total, groups, bias, model)


def _check_sum(parts: NDArray[np.float64], whole: NDArray[np.float64], refusal: str) -> None:
    gap = float(np.abs(parts - whole).max(initial=0.0))
    if not gap <= TOLERANCE:
        raise DataError(refusal.format(gap=f"by {gap:.3g} (allowed {TOLERANCE})"))
