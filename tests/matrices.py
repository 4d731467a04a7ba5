"""Matrices of training by hand: what a test does not say is the same for every row."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from models.matrix import Matrix

FIRST = date(2024, 3, 4)


def made_matrix(
    time_to_attrition: Any, mondays: int | Sequence[date] = 1, share: Any = 0.5, aum: Any = 100.0, **more: Any
) -> Matrix:
    """One entry of ``time_to_attrition`` per row, Monday by Monday; ``more``: features, columns, names."""
    times = np.asarray(time_to_attrition, dtype=np.int16)
    if isinstance(mondays, int):
        days = np.datetime64(FIRST) + 7 * np.arange(mondays)
    else:
        days = np.array(mondays, "datetime64[D]")
    customers, every_row = len(times) // len(days), np.ones(len(times))
    names = more.get("names", [f"C{number:04d}" for number in range(customers)])
    features = more.get("features", np.zeros((len(times), 0)))
    key = np.tile(names, len(days)), np.repeat(days, customers)
    return Matrix(features, more.get("columns", ()), *key, times, every_row * share, every_row * aum)


def rows(attrited: list[int], mondays: int = 1, aum: Any = 100.0) -> Matrix:
    """The given outcomes, 0 or 1, spread over ``mondays`` equal lists; outflow share 0.5; no features."""
    return made_matrix(30 * np.array(attrited), mondays, aum=aum)
