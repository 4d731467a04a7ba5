"""Features that know too much: one alone ranks leavers better than anything honest could."""

import numpy as np

from configs.errors import DataError
from models.matrix import Matrix, by_column
from models.metrics import areas


def single_aurocs(rows: Matrix) -> dict[str, float]:
    """Per feature the AUROC of ranking by it alone, in the direction in which it ranks better.

    Unknown values stand together below all others, so a feature that is unknown just for those who leave
    counts too. What only two features tell together is not found this way.
    """
    attrited = rows.attrited == 1
    aurocs = [areas(attrited, column)["auroc"] for column in by_column(rows.features)]
    return {name: max(auroc, 1 - auroc) for name, auroc in zip(rows.columns, aurocs, strict=True)}


def refuse_leaks(rows: Matrix, limit: float) -> None:
    """Raises DataError naming every feature that alone has an AUROC above ``limit`` out of time.

    A copy of the label, or a table whose ``known_on`` is earlier than the bank knew, looks like this: an
    honest feature shares the outcome with chance. Rows of one outcome only say nothing and pass.
    """
    if len(np.unique(rows.attrited)) < 2:
        return
    leaks = {name: auroc for name, auroc in single_aurocs(rows).items() if auroc > limit}
    if leaks:
        worst = sorted(leaks, key=lambda name: (-leaks[name], name))
        figures = ", ".join(f"{name} ({leaks[name]:.3f})" for name in worst[:5])
        raise DataError(
            f"{len(leaks)} of {len(rows.columns)} features alone tell who leaves, out of time, better than "
            f"training.max_single_auroc = {limit} allows: {figures}. Look for the outcome in their tables, "
            "or for a known_on earlier than the bank knew; where the feature is honest raise the limit."
        )
