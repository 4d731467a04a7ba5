"""Features that know too much: one alone tells who leaves better than anything honest could."""

import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError
from models.matrix import Matrix, by_column


def single_aurocs(rows: Matrix) -> dict[str, float]:
    """Per feature the AUROC of ranking by it alone, in the direction in which it ranks better.

    Unknown values stand together below all others, so a feature that is unknown just for those who leave
    counts too. What only two features tell together is not found this way.
    """
    columns = zip(rows.columns, by_column(rows.features), strict=True)
    return {name: _auroc(rows.attrited == 1, values) for name, values in columns}


def refuse_leaks(judged: Matrix, limit: float) -> None:
    """Raises DataError naming every feature that alone has an AUROC above ``limit`` out of time.

    A copy of the label, or a table whose ``known_on`` is earlier than the bank knew, looks like this: an
    honest feature shares the outcome with chance. Rows of one outcome only say nothing and pass.
    """
    if len(np.unique(judged.attrited)) < 2:
        return
    leaks = {name: value for name, value in single_aurocs(judged).items() if value > limit}
    if leaks:
        worst = sorted(leaks, key=lambda name: (-leaks[name], name))
        said = ", ".join(f"{name} ({leaks[name]:.3f})" for name in worst[:5])
        raise DataError(
            f"{len(leaks)} of {len(judged.columns)} features alone tell who leaves, out of time, better than "
            f"training.max_single_auroc = {limit} allows: {said}. Look for the outcome in their tables, or for "
            "a known_on earlier than the bank knew; where the feature is honest raise the limit."
        )


def _auroc(gone: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
    """The share of pairs that are ranked right, half for ties (Mann and Whitney 1947), or wrong if that is more."""
    ranked = np.where(np.isnan(values), -np.inf, values)
    left, stayed = ranked[gone], np.sort(ranked[~gone])
    right = stayed.searchsorted(left, "left").sum() + stayed.searchsorted(left, "right").sum()
    auroc = float(right) / (2 * len(left) * len(stayed))
    return max(auroc, 1 - auroc)
