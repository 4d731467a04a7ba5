"""How figures of answers are published."""

import numpy as np

_PLACES = 6  # the last digits of a float depend on the machine


def shown(value: float | None) -> float | None:
    """The figure as it is published; None for one that is not known."""
    return None if value is None or np.isnan(value) else round(float(value), _PLACES)
