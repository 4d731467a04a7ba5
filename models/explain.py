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
    """The columns grouped into reasons. Per column: the place of its group and of its representative feature.

    Columns that move together (windows of one measure) share a group and are one reason. ``names`` stand in
    the order of ties; ``leads`` says which of them are occasions, of which the strongest comes first.
    """

    names: tuple[str, ...]
    group: tuple[int, ...]
    representative: tuple[int, ...]
    leads: tuple[bool, ...]


@dataclass(frozen=True)
class Reasons:
    """Rows × k: the place of the group and of its representative feature, and the group's log-odds.

    The occasion comes first, then the strongest. The places are −1 and ``contribution`` 0 where a row has
    fewer than k reasons.
    """

    group: NDArray[np.int64]
    representative: NDArray[np.int64]
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
    values: NDArray[np.float64], grouping: Grouping, k: int, worrying: NDArray[np.bool_]
) -> Reasons:
    """The k groups of columns that raise each row's score most, and the representative feature of each.

    First comes the strongest occasion, if it adds LEAD_FROM: signs (money on its way, looking around) say
    that a customer is leaving, an occasion says what may have come up. Only a column whose value is
    ``worrying`` (rows × columns) and that itself raises the score may represent its group, so that the figure
    shown makes sense; a group without one, or that does not raise the score, is no reason. Sums equal to
    DIGITS are ties, which go to the group first in ``names``.
    """
    representative = representatives(values, worrying, grouping)
    total = np.where(representative >= 0, np.round(by_group(values, grouping), DIGITS), -np.inf)
    occasion = np.where(np.array(grouping.leads) & (total >= LEAD_FROM), total, -np.inf)
    rows, strongest = np.arange(len(total)), occasion.argmax(axis=1)
    rank = total.copy()
    rank[rows, strongest] = np.where(occasion.max(axis=1) > 0, np.inf, total[rows, strongest])
    chosen = np.argsort(-rank, axis=1, kind="stable")[:, :k]
    summed = np.take_along_axis(total, chosen, axis=1)
    return Reasons(
        np.where(summed > 0, chosen, -1),
        np.where(summed > 0, np.take_along_axis(representative, chosen, axis=1), -1),
        np.where(summed > 0, summed, 0.0),
    )


def representatives(
    values: NDArray[np.float64], worrying: NDArray[np.bool_], grouping: Grouping
) -> NDArray[np.int64]:
    """Rows × groups: the worrying column that adds most of its group (−1: none), the first of equal ones.

    A column hard to read is represented by another, to which its contribution is added.
    """
    by_column = np.ascontiguousarray(values.T)
    added = np.zeros_like(by_column)
    for column, shown in enumerate(grouping.representative):
        added[shown] += by_column[column]
    largest = np.zeros((len(grouping.names), len(values)))
    place = np.full(largest.shape, -1, dtype=np.int64)
    for column, group in enumerate(grouping.group):
        if grouping.representative[column] == column:
            larger = worrying[:, column] & (added[column] > largest[group])
            place[group][larger] = column
            largest[group][larger] = added[column][larger]
    return np.ascontiguousarray(place.T)


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
