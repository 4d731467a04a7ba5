"""The worth of contacting some customers and not others, from logged assignments."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.experiment import Z

Floats = NDArray[np.float64]


class PolicyValue(NamedTuple):
    """The gain of a policy beyond contacting nobody, in the unit of its outcomes, with its 95% interval."""

    kept: float
    low: float
    high: float


def policy_value(gains: Floats) -> PolicyValue:
    """The doubly robust value of a policy from logged assignments (Dudík, Langford and Li 2011).

    ``gains`` has what a contact kept (``effects``, less its cost) for each assignment that the policy would
    contact, 0 for each other. For what one policy keeps beyond another, those that only the other contacts
    count against it, and those that both contact are 0.
    """
    total = float(gains.sum())
    spread = Z * float(np.sqrt(len(gains)) * gains.std(ddof=1)) if len(gains) > 1 else 0.0
    return PolicyValue(total, total - spread, total + spread)


def effects(
    listed: NDArray[np.bool_], propensity: Floats, outcome: Floats, without: Floats, kept: Floats
) -> Floats:
    """The gain of a contact, per assignment: noisy, but right on average (Robins, Rotnitzky and Zhao 1994).

    ``propensity`` to be listed is 1 − the share of the control group; ``outcome`` is 1 for who left, or money
    lost. Unbiased whatever was expected ``without`` a contact and to be ``kept`` by one, as the propensity is
    known; the better the expectation, the less noise.
    """
    error = outcome - np.where(listed, without - kept, without)
    return kept + np.where(listed, -error / propensity, error / (1 - propensity))
