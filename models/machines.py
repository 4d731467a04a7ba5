"""Machines that fit the same trees together, each on customers of its own: LightGBM's data-parallel learning.

Each machine counts its rows per bin, the sums of all decide where a tree splits (Meng et al. 2016, "A
Communication-Efficient Parallel Algorithm for Decision Tree", describe it as the standard way). Rows never
leave their machine. LightGBM agrees on bins and trees; what it does not agree on is agreed here.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from models.boosting import Loss


@dataclass(frozen=True)
class Machines:
    """LightGBM's parameters of so many machines, and ``gather``: what every one gives, in their order.

    ``gather`` returns when all have called it; what travels is plain, as JSON has it. LightGBM agrees with
    the others within ``of_lightgbm``.
    """

    params: Mapping[str, Any]
    gather: Callable[[Any], list[Any]]
    of_lightgbm: Callable[[], AbstractContextManager[None]]

    def loss(self, local: Loss) -> Loss:
        """The mean over the rows of all machines, the same number on each: all stop at the same round."""

        def of_all(risk: NDArray[np.float64], rows: lgb.Dataset) -> tuple[str, float, bool]:
            name, mean, higher_is_better = local(risk, rows)
            means, counts = zip(*self.gather((mean, len(risk))), strict=True)
            return name, float(np.average(means, weights=counts)), higher_is_better

        return of_all


ALONE = Machines(MappingProxyType({}), lambda value: [value], nullcontext)
