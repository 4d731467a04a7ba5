"""Why a score is high: what each column adds to the log-odds of going, and the few groups of columns that add most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError, did_you_mean
from models.fit import Model
from models.matrix import chunks

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Contributions:
    """Per row what each column adds to the mean raw score over the periods; row sum + bias = that mean.

    ``raw`` is rows × periods; ``bias`` holds what the period itself adds, which may differ by row.
    """

    values: NDArray[np.float64]
    bias: NDArray[np.float64]
    raw: NDArray[np.float64]


@dataclass(frozen=True)
class Reasons:
    """Rows × k, the strongest first: index of the group, of its witness column, and the group's log-odds.

    ``group`` and ``witness`` are −1 and ``contribution`` 0 where a row has fewer than k reasons.
    """

    groups: tuple[str, ...]
    group: NDArray[np.int64]
    witness: NDArray[np.int64]
    contribution: NDArray[np.float64]


def contributions(model: Model, features: NDArray[np.float64]) -> Contributions:
    """Tree-path attributions (Lundberg et al. 2020, as in LightGBM's pred_contrib), rows × columns.

    Attributions are linear in the score, so those of the mean over the periods are the mean of each period's,
    and trees that never look at the period are asked once. Time grows with trees × depth².
    Raises DataError if they do not add up within 1e-9.
    """
    raw, (still, moving) = model.raw(features), model.apart
    parts = np.zeros((len(features), len(model.columns) + 2))
    for chunk in chunks(features):
        for rows in model.by_period(features[chunk]):
            if moving is not None:
                parts[chunk] += moving.predict(rows, pred_contrib=True)
        parts[chunk] /= len(model.horizons)
        if still is not None:
            parts[chunk] += still.predict(rows, pred_contrib=True)
    bias = parts[:, -2] + parts[:, -1] + model.log_kept
    gap = float(np.abs(parts[:, :-2].sum(axis=1) + bias - raw.mean(axis=1)).max(initial=0.0))
    if not gap <= TOLERANCE:
        raise DataError(
            f"contributions miss the raw score by {gap:.3g} (allowed {TOLERANCE}). Model and installed "
            "LightGBM do not fit together; install the version in requirements.lock or train again."
        )
    return Contributions(parts[:, :-2], bias, raw)


def top_reasons(
    values: NDArray[np.float64],
    columns: Sequence[str],
    groups: Mapping[str, str],
    k: int,
    worrying: NDArray[np.bool_] | None = None,
) -> Reasons:
    """The k groups of columns that raise each row's score most, and in each the column that raises it most.

    Columns that move together (windows of one measure) share a group and are one reason: their
    contributions are summed. Only a column whose value is ``worrying`` (rows × columns; None: every one) may
    stand for its group, so that the figure shown makes sense; a group without one, or that does not raise
    the score, is no reason. Ties go to the group first
    by name and the column first in order. Raises DataError for a column without a group.
    """
    missing = [name for name in columns if name not in groups]
    if missing:
        raise DataError(f"column {missing[0]!r} has no group of reasons. {did_you_mean(missing[0], groups)}")
    if worrying is None:
        worrying = np.ones(values.shape, dtype=np.bool_)
    names = tuple(sorted({groups[name] for name in columns}))
    total, witness = _by_group(values, worrying, [names.index(groups[name]) for name in columns], len(names))
    total = np.where(witness >= 0, total, -np.inf)
    chosen = np.argsort(-total, axis=0, kind="stable")[:k]
    summed = np.take_along_axis(total, chosen, axis=0)
    is_reason = summed > 0
    return Reasons(
        names,
        np.where(is_reason, chosen, -1).T,
        np.where(is_reason, np.take_along_axis(witness, chosen, axis=0), -1).T,
        np.where(is_reason, summed, 0.0).T,
    )


def _by_group(
    values: NDArray[np.float64], worrying: NDArray[np.bool_], group_of: list[int], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Groups × rows: the sum of each group and its worrying column with the largest contribution (−1: none).

    Added column by column, so that a row's sum does not depend on which other rows are there.
    """
    rows = len(values)
    total = np.zeros((count, rows))
    largest = np.full((count, rows), -np.inf)
    witness = np.full((count, rows), -1, dtype=np.int64)
    for column, (group, one) in enumerate(zip(group_of, np.ascontiguousarray(values.T), strict=True)):
        total[group] += one
        larger = worrying[:, column] & (one > largest[group])
        witness[group][larger] = column
        largest[group][larger] = one[larger]
    return total, witness
