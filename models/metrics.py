"""How good scores are, out of time, in the terms a bank uses: its lists, its money, its probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from models.calibrate import fit_line
from models.matrix import Matrix

Metrics = dict[str, float]
DECILES = 10


def evaluate(matrix: Matrix, risks: NDArray[np.float64], horizons: Sequence[int]) -> Metrics:
    """All metrics of probabilities (rows × horizons): those of the order, and how far they are from the truth.

    Order, ``ece`` and ``calibration_slope`` are those of the longest horizon. ``brier_30d``, … is the mean
    squared error of the probability of being gone by then (time-dependent Brier score; Graf et al. 1999).
    Nobody is censored: every judged outcome has matured. Raises as ``ranking`` does.
    """
    return {
        **ranking(matrix, risks[:, -1]),
        "ece": expected_calibration_error(matrix.attrited, risks[:, -1]),
        "calibration_slope": calibration_slope(matrix.attrited, risks[:, -1]),
        **{
            f"brier_{days}d": float(np.mean((risks[:, k] - gone_by(matrix, days)) ** 2))
            for k, days in enumerate(horizons)
        },
    }


def ranking(matrix: Matrix, scores: NDArray[np.float64]) -> Metrics:
    """Metrics that depend on the order only, so that any score may be judged; higher = riskier, NaN = last.

    ``auroc`` and ``average_precision`` are pooled over rows. ``…_at_5`` and ``…_at_10`` look at the first 5
    or 10 per cent of each Monday's list, then pool: ``recall`` is the share of the attrited found there,
    ``lift`` how many times more often a listed customer attrites than any. ``aum_caught_at_10`` is the share
    of the money that left with attrited customers that stood in the first 10 per cent.
    Raises DataError when the rows hold only one outcome.
    """
    attrited = matrix.attrited == 1
    if attrited.all() or not attrited.any():
        raise DataError(
            f"{len(matrix)} rows of which {int(attrited.sum())} attrited cannot be judged; "
            "both outcomes are needed. Take more snapshots."
        )
    ranks, lost = _ranks(scores), matrix.lost
    five, ten = top(matrix, scores, 0.05), top(matrix, scores, 0.10)
    return {
        "rows": len(matrix),
        "attrited": int(attrited.sum()),
        "attrition_rate": float(attrited.mean()),
        **_areas(ranks, attrited),
        "lift_at_5": float(attrited[five].mean() / attrited.mean()),
        "lift_at_10": float(attrited[ten].mean() / attrited.mean()),
        "recall_at_5": float(attrited[five].sum() / attrited.sum()),
        "recall_at_10": float(attrited[ten].sum() / attrited.sum()),
        "aum_caught_at_10": float(lost[ten].sum() / lost.sum()) if lost.sum() else 0.0,
    }


def compare(matrix: Matrix, scores: Mapping[str, NDArray[np.float64]]) -> pd.DataFrame:
    """One row per named score (the model, simple rules, …), one column per metric of ``ranking``."""
    return pd.DataFrame({name: ranking(matrix, one) for name, one in scores.items()}).T


def top(matrix: Matrix, scores: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Which rows stand in the first ``share`` of their own Monday's list, rounded up to whole customers.

    Equal scores rank by customer_id, so nothing is left to chance.
    """
    # The matrix is sorted by (snapshot_date, customer_id) and lexsort is stable: ties keep that order.
    order = np.lexsort((-_ranks(scores), matrix.snapshot_date))
    _, first, size = np.unique(matrix.snapshot_date, return_index=True, return_counts=True)
    place = np.arange(len(matrix)) - np.repeat(first, size)
    # 0.07 × 100 is 7.000000000000001 in floats; the small step back keeps that 7.
    length = np.repeat(np.ceil(share * size - 1e-9), size)
    chosen = np.zeros(len(matrix), dtype=np.bool_)
    chosen[order] = place < length
    return chosen


def gone_by(matrix: Matrix, days: int) -> NDArray[np.bool_]:
    """Whether each customer was gone for good by the end of so many days."""
    return (matrix.gone_within > 0) & (matrix.gone_within <= days)


def expected_calibration_error(
    attrited: NDArray[np.generic], risk: NDArray[np.float64], bins: int = 10
) -> float:
    """Mean gap between what was promised and what came, over equal-sized groups of ascending risk.

    ``attrited`` is 0/1 per row, or the true probability where that is known. Equal-sized (Nixon et al. 2019),
    because with attrition of a few per cent equal-width bins put nearly everybody into one.
    """
    found = reliability(attrited, risk, bins)
    return sum(abs(one["promised"] - one["came"]) * one["rows"] for one in found) / len(risk)


def reliability(
    happened: NDArray[np.generic], risk: NDArray[np.float64], bins: int = 10
) -> list[dict[str, float]]:
    """Mean risk promised beside the rate that came, in equal-sized groups of ascending risk."""
    order = np.argsort(risk, kind="stable")
    return [
        {"promised": float(risk[one].mean()), "came": float(happened[one].mean()), "rows": len(one)}
        for one in np.array_split(order, min(bins, len(order)))
    ]


def calibration_slope(attrited: NDArray[np.int8], risk: NDArray[np.float64]) -> float:
    """By how much the log-odds of attrition grow per log-odds promised (Cox 1958): 1 is right, below 1 the
    promises are too extreme, above 1 too timid."""
    return fit_line(np.log(risk) - np.log1p(-risk), attrited)[0]


def money(matrix: Matrix, expected: NDArray[np.float64], tier: NDArray[np.str_]) -> dict[str, Any]:
    """Money predicted to leave beside the money that left with attrited customers, in base currency.

    In total, by tenths of the rows of ascending predicted money, and by tier; ``ratio`` is predicted over
    realised, None where nothing left.
    """
    return {
        **_sums(matrix, expected, np.arange(len(matrix))),
        "deciles": [_sums(matrix, expected, one) for one in tenths(expected)],
        "tiers": money_by(matrix, expected, "tier", tier),
    }


def tenths(expected: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """The rows in tenths of ascending expected money."""
    return np.array_split(np.argsort(expected, kind="stable"), DECILES)


def money_by(
    matrix: Matrix, expected: NDArray[np.float64], what: str, group: NDArray[np.str_]
) -> list[dict[str, Any]]:
    """The same sums per group, ascending by its name, which stands under ``what``."""
    return [
        {what: str(name), **_sums(matrix, expected, np.flatnonzero(group == name))}
        for name in np.unique(group)
    ]


def _sums(matrix: Matrix, expected: NDArray[np.float64], rows: NDArray[np.intp]) -> dict[str, Any]:
    predicted, realised = float(expected[rows].sum()), float(matrix.lost[rows].sum())
    return {
        "predicted": round(predicted, 2),
        "realised": round(realised, 2),
        "ratio": predicted / realised if realised else None,
    }


def _areas(ranks: NDArray[np.int64], attrited: NDArray[np.bool_]) -> Metrics:
    """Area under the ROC curve and average precision; rows of equal rank are taken together."""
    all_at = np.bincount(ranks).astype(np.float64)
    hit_at = np.bincount(ranks, weights=attrited)
    miss_at = all_at - hit_at
    below = np.cumsum(miss_at) - miss_at
    won = float((hit_at * (below + miss_at / 2)).sum())
    precision = np.cumsum(hit_at[::-1]) / np.cumsum(all_at[::-1])
    return {
        "auroc": won / float(hit_at.sum() * miss_at.sum()),
        "average_precision": float((precision * hit_at[::-1]).sum() / hit_at.sum()),
    }


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """0, 1, 2, … by ascending score, equal for equal scores; an unknown score (NaN) ranks lowest."""
    _, ranks = np.unique(np.where(np.isnan(scores), -np.inf, scores), return_inverse=True)
    return ranks.astype(np.int64)
