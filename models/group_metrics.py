"""Whether scores are as good and as honest for every group of customers as for all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.matrix import Matrix
from models.metrics import expected_calibration_error, ranking

ENOUGH = 10  # different customers who left, and as many who stayed; of fewer no figure says anything


def by_group(
    matrix: Matrix, risk: NDArray[np.float64], group: Sequence[str] | NDArray[np.str_]
) -> list[dict[str, Any]]:
    """One entry per group, ascending by name: how many, what was promised and what came.

    ``promised`` and ``came`` are rates of attrition; ``off`` is the first less the second (calibration in
    the large); ``auroc``, ``average_precision`` and ``ece`` are those within the group. All of them are
    None where fewer than ``ENOUGH`` customers left or stayed: the Mondays of one customer are one
    observation, so customers are counted and not rows.
    """
    names = np.asarray(group)
    return [{"group": str(name), **_one(matrix, risk, names == name)} for name in np.unique(names)]


def _one(matrix: Matrix, risk: NDArray[np.float64], rows: NDArray[np.bool_]) -> dict[str, Any]:
    own, promised = matrix.where(rows), risk[rows]
    counts = {
        "rows": len(own),
        "customers": len(np.unique(own.customer_id)),
        "left": len(np.unique(own.customer_id[own.attrited == 1])),
    }
    stayed = len(np.unique(own.customer_id[own.attrited == 0]))
    if min(counts["left"], stayed) < ENOUGH:
        none = ("promised", "came", "off", "auroc", "average_precision", "ece")
        return {**counts, **dict.fromkeys(none)}
    order = ranking(own, promised)
    return {
        **counts,
        "promised": float(promised.mean()),
        "came": order["attrition_rate"],
        "off": float(promised.mean()) - order["attrition_rate"],
        "auroc": order["auroc"],
        "average_precision": order["average_precision"],
        "ece": expected_calibration_error(own.attrited, promised),
    }
