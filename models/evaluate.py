"""How good scores are, out of time, in the terms a bank uses: its lists, its money, its probabilities."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from configs.errors import DataError
from models.matrix import Matrix

Metrics = dict[str, float]


def evaluate(matrix: Matrix, risk: NDArray[np.float64]) -> Metrics:
    """All metrics of one set of probabilities: those of the order, and how far they are from the truth.

    ``brier`` is the mean squared error of the probability; ``ece`` see below. Raises as ``ranking`` does.
    """
    return {
        **ranking(matrix, risk),
        "ece": expected_calibration_error(matrix.attrited, risk),
        "brier": float(np.mean((risk - matrix.attrited) ** 2)),
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
    order = _ranks(scores)
    five, ten = top(matrix, scores, 0.05), top(matrix, scores, 0.10)
    lost = matrix.outflow_share * matrix.aum * attrited
    return {
        "rows": len(matrix),
        "attrited": int(attrited.sum()),
        "attrition_rate": float(attrited.mean()),
        "auroc": float(roc_auc_score(attrited, order)),
        "average_precision": float(average_precision_score(attrited, order)),
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


def expected_calibration_error(
    attrited: NDArray[np.int8], risk: NDArray[np.float64], bins: int = 10
) -> float:
    """Mean gap between what was promised and what came, over equal-sized groups of ascending risk.

    Equal-sized (Nixon et al. 2019), because with attrition of a few per cent equal-width bins put nearly
    everybody into one.
    """
    order = np.argsort(risk, kind="stable")
    groups = np.array_split(order, min(bins, len(order)))
    gaps = [abs(float(risk[one].mean() - attrited[one].mean())) * len(one) for one in groups]
    return sum(gaps) / len(order)


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """0, 1, 2, … by ascending score, equal for equal scores; an unknown score (NaN) ranks lowest."""
    _, ranks = np.unique(np.where(np.isnan(scores), -np.inf, scores), return_inverse=True)
    return ranks.astype(np.int64)
