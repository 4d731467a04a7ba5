"""Precision-recall, ROC and lift curve of a ranking."""

import numpy as np
from numpy.typing import NDArray

from models.matrix import Matrix
from models.metrics import Metrics

POINTS = 100  # of a curve, at most


def curves(rows: Matrix, scores: NDArray[np.float64]) -> dict[str, list[Metrics]]:
    """Points of ``precision_recall``, ``roc`` and ``lift`` of a ranking, from the highest score down.

    A point stands where a score ends, so that ties are cut nowhere; at most POINTS, more of them where
    few are called. Shares lie within 0 and 1; lift is precision over the share who left.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    called, hits = ends + 1, np.cumsum(rows.attrited[order])[ends]
    wanted = len(scores) * np.linspace(0, 1, POINTS) ** 2
    places = np.unique(np.minimum(np.searchsorted(called, wanted), len(ends) - 1))
    recall, precision = hits / hits[-1], hits / called
    wrong = (called - hits) / max(len(scores) - hits[-1], 1)
    columns = {
        "precision_recall": {"recall": recall, "precision": precision},
        "roc": {"share of others called": wrong, "recall": recall},
        "lift": {"share called": called / len(scores), "lift": precision * len(scores) / hits[-1]},
    }
    return {
        name: [{axis: float(values[place]) for axis, values in axes.items()} for place in places]
        for name, axes in columns.items()
    }
