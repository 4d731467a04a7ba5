"""Why a score moved between two Mondays: by groups of columns, and what another model adds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError
from models.explain import TOLERANCE, Contributions, Grouping, by_group


@dataclass(frozen=True)
class Parts:
    """Per row the change of the mean raw score over the periods (``total``), in log-odds, and what makes it up.

    ``groups`` is rows × groups: what the customer's own figures did, by the model of the later Monday; ``bias``
    what the period's part did; ``model`` what that model says otherwise of the same old figures.
    """

    total: NDArray[np.float64]
    groups: NDArray[np.float64]
    bias: NDArray[np.float64]
    model: NDArray[np.float64]


def parts_of(
    now: Contributions, before: Contributions, published: NDArray[np.float64], grouping: Grouping
) -> Parts:
    """The same customers row by row on two Mondays, explained by one model.

    ``published`` are the raw scores (rows × periods) of the older Monday by the model of that day, which may be
    another: change = (new model on new figures − new model on old figures) by groups + (new model − old model on
    old figures). Raises DataError if the parts miss the change by more than 1e-9.
    """
    then = published.mean(axis=1)
    total = now.raw.mean(axis=1) - then
    groups = by_group(now.values - before.values, grouping)
    bias, model = now.bias - before.bias, before.raw.mean(axis=1) - then
    gap = float(np.abs(groups.sum(axis=1) + bias + model - total).max(initial=0.0))
    if not gap <= TOLERANCE:
        raise DataError(
            f"the parts of a change miss it by {gap:.3g} (allowed {TOLERANCE}): the two Mondays were not "
            "explained by one model. Explain both by the same bundle."
        )
    return Parts(total, groups, bias, model)
