"""How a model learnt and how good it is from Monday to Monday, as points of curves that JSON can hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.matrix import Matrix
from models.metrics import ranking

Point = dict[str, Any]
BINS = 10


def by_monday(rows: Matrix, risk: NDArray[np.float64]) -> list[Point]:
    """One point per Monday: rows, attrited, log loss, and where both outcomes are there AUROC and precision."""
    return [_monday(rows, rows.snapshot_date == day, risk) for day in np.unique(rows.snapshot_date)]


def calibration(rows: Matrix, risk: NDArray[np.float64]) -> list[Point]:
    """One point per tenth of the rows by ascending risk: the mean risk promised and the share that left."""
    order = np.argsort(risk, kind="stable")
    return [
        {"promised": float(risk[one].mean()), "came": float(rows.attrited[one].mean()), "rows": len(one)}
        for one in np.array_split(order, min(BINS, len(order)))
    ]


def log_loss(attrited: NDArray[np.int8], risk: NDArray[np.float64]) -> float:
    """Mean negative log-likelihood of the outcomes; a risk of 0 or 1 that was wrong counts as 1e-15."""
    happened = np.where(attrited == 1, risk, 1 - risk)
    return float(-np.log(np.maximum(happened, 1e-15)).mean())


def _monday(rows: Matrix, chosen: NDArray[np.bool_], risk: NDArray[np.float64]) -> Point:
    one = rows.only([]).where(chosen)
    point: Point = {
        "snapshot_date": str(one.snapshot_date[0]),
        "rows": len(one),
        "attrited": int(one.attrited.sum()),
        "log_loss": log_loss(one.attrited, risk[chosen]),
    }
    if 0 < point["attrited"] < len(one):
        found = ranking(one, risk[chosen])
        point |= {name: found[name] for name in ("auroc", "average_precision", "recall_at_10")}
    return point
