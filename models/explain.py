"""Why a score is high: what each column adds to the log-odds of going, and the few groups of columns that add most."""

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError, did_you_mean
from models.hazard import Model

TOLERANCE = 1e-9
ROWS = 10_000  # explained together: all trees are gone through once for these
DIGITS = 9  # to which sums are compared: below lies what the order of addition makes
LEAD_FROM = (
    0.1  # log-odds, a tenth more likely: an occasion that adds less does not come before stronger signs
)


@dataclass(frozen=True)
class Contributions:
    """Per row what each column adds to the mean raw score over the periods; row sum + bias = that mean.

    ``raw`` is rows × periods; ``bias`` holds what the period itself adds, which may differ by row.
    """

    values: NDArray[np.float64]
    bias: NDArray[np.float64]
    raw: NDArray[np.float64]

    def of(self, rows: NDArray[np.intp]) -> "Contributions":
        """Those of some rows, in the order given."""
        return Contributions(self.values[rows], self.bias[rows], self.raw[rows])


@dataclass(frozen=True)
class Grouping:
    """How columns become reasons. Per column: the place of its group and that of the column that shows it.

    Columns that move together (windows of one measure) share a group and are one reason. ``names`` stand in
    the order of ties; ``leads`` says which of them are occasions, of which the strongest comes first.
    """

    names: tuple[str, ...]
    group: tuple[int, ...]
    shown_by: tuple[int, ...]
    leads: tuple[bool, ...]


@dataclass(frozen=True)
class Reasons:
    """Rows × k: index of the group, of its witness column, and the group's log-odds; the occasion first, then
    the strongest first.

    ``group`` and ``witness`` are −1 and ``contribution`` 0 where a row has fewer than k reasons.
    """

    groups: tuple[str, ...]
    group: NDArray[np.int64]
    witness: NDArray[np.int64]
    contribution: NDArray[np.float64]


def contributions(model: Model, features: NDArray[np.float64]) -> Contributions:
    """Tree-path attributions (as LightGBM's pred_contrib finds them; see models/tree_paths.py), rows × columns.

    Attributions are linear in the score, so those of the mean over the periods are the mean of each period's.
    Raises DataError if they do not add up within 1e-9.
    """
    raw, paths = model.raw(features), model.paths
    parts = np.zeros((len(model.columns) + 1, len(features)))

    def explain(chunk: slice) -> None:
        paths.add(np.ascontiguousarray(model.trees.filled(features[chunk]).T), parts[:, chunk])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(explain, [slice(k, k + ROWS) for k in range(0, len(features), ROWS)]))
    bias = parts[-1] + paths.expected + model.log_kept
    gap = float(np.abs(parts[:-1].sum(axis=0) + bias - raw.mean(axis=1)).max(initial=0.0))
    if not gap <= TOLERANCE:
        raise DataError(
            f"contributions miss the raw score by {gap:.3g} (allowed {TOLERANCE}). Model and installed "
            "LightGBM do not fit together; install the version in requirements.lock or train again."
        )
    return Contributions(parts[:-1].T, bias, raw)


def make_grouping(
    columns: Sequence[str],
    groups: Mapping[str, str],
    names: Sequence[str],
    leads: Collection[str] = (),
    shown_by: Mapping[str, str] = MappingProxyType({}),
) -> Grouping:
    """The same by name. Raises DataError for a column without a group among ``names``."""
    missing = [name for name in columns if groups.get(name) not in names]
    if missing:
        raise DataError(f"column {missing[0]!r} has no group of reasons. {did_you_mean(missing[0], groups)}")
    place = {name: k for k, name in enumerate(columns)}
    return Grouping(
        tuple(names),
        tuple(names.index(groups[name]) for name in columns),
        tuple(place.get(shown_by.get(name, name), place[name]) for name in columns),
        tuple(name in leads for name in names),
    )


def by_group(values: NDArray[np.float64], grouping: Grouping) -> NDArray[np.float64]:
    """Rows × groups: the contributions of each group's columns, summed.

    Added column by column, so that a row's sum does not depend on which other rows are there.
    """
    total = np.zeros((len(grouping.names), len(values)))
    for group, one in zip(grouping.group, np.ascontiguousarray(values.T), strict=True):
        total[group] += one
    return np.ascontiguousarray(total.T)


def top_reasons(
    values: NDArray[np.float64],
    grouping: Grouping,
    k: int,
    worrying: NDArray[np.bool_] | None = None,
) -> Reasons:
    """The k groups of columns that raise each row's score most, and in each the column that shows it best.

    First comes the strongest occasion, if it adds LEAD_FROM: signs (money on its way, looking around) say that
    a customer is leaving, an occasion says what may have come up. Only a column whose value is ``worrying``
    (rows × columns; None: every one) and that itself raises the score may stand for its group, so that the
    figure shown makes sense; a group without one, or that does not raise the score, is no reason. Sums equal
    to DIGITS are ties, which go to the group first in ``names``.
    """
    if worrying is None:
        worrying = np.ones(values.shape, dtype=np.bool_)
    witness = witnesses(values, worrying, grouping)
    total = np.where(witness >= 0, np.round(by_group(values, grouping), DIGITS), -np.inf)
    chosen = np.argsort(-_lead_first(total, grouping), axis=1, kind="stable")[:, :k]
    summed = np.take_along_axis(total, chosen, axis=1)
    is_reason = summed > 0
    return Reasons(
        grouping.names,
        np.where(is_reason, chosen, -1),
        np.where(is_reason, np.take_along_axis(witness, chosen, axis=1), -1),
        np.where(is_reason, summed, 0.0),
    )


def witnesses(
    values: NDArray[np.float64], worrying: NDArray[np.bool_], grouping: Grouping
) -> NDArray[np.int64]:
    """Rows × groups: the worrying column that says most of its group (−1: none), the first of equal ones.

    A column hard to read speaks through the one that shows it, to which its contribution is added.
    """
    by_column = np.ascontiguousarray(values.T)
    said = np.zeros_like(by_column)
    for column, shown in enumerate(grouping.shown_by):
        said[shown] += by_column[column]
    largest = np.zeros((len(grouping.names), len(values)))
    witness = np.full(largest.shape, -1, dtype=np.int64)
    for column, group in enumerate(grouping.group):
        if grouping.shown_by[column] == column:
            larger = worrying[:, column] & (said[column] > largest[group])
            witness[group][larger] = column
            largest[group][larger] = said[column][larger]
    return np.ascontiguousarray(witness.T)


def _lead_first(total: NDArray[np.float64], grouping: Grouping) -> NDArray[np.float64]:
    """The weights to rank by: as they are, but endless for the strongest occasion that adds enough."""
    occasion = np.where(np.array(grouping.leads) & (total >= LEAD_FROM), total, -np.inf)
    rows, best = np.arange(len(total)), occasion.argmax(axis=1)
    ranked = total.copy()
    ranked[rows, best] = np.where(occasion[rows, best] > 0, np.inf, total[rows, best])
    return ranked
