"""The contacts in which a customer was reached, by channel and outcome."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from features.engine.entities import Rows

ELSE = ("answered",)  # outcomes in which a customer was reached through a channel that ``talked`` leaves out


def was_reached(contacts: Rows, talked: Mapping[str, Sequence[str]]) -> NDArray[np.bool_]:
    """One flag per contact; ``talked`` has, by channel, the outcomes that count, "" for one nobody noted."""
    outcomes = [*contacts.labels["outcome"], ""]  # the last for a code of -1: nobody noted one
    counts = np.array(
        [[word in talked.get(name, ELSE) for word in outcomes] for name in contacts.labels["channel"]], bool
    ).reshape(-1, len(outcomes))
    return counts[contacts.columns["channel"], contacts.columns["outcome"]]
