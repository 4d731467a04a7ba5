"""How sure a figure is: intervals by drawing whole customers again (block bootstrap)."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from models.matrix import Matrix
from models.metrics import Metrics

Drawn = tuple[Matrix, NDArray[np.intp]]


def intervals(
    matrix: Matrix, metrics: Callable[[Matrix, NDArray[np.intp]], Metrics], draws: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Per metric the range that holds 95% of ``draws`` banks made of the customers of this one.

    ``metrics`` gets a drawn bank (without features) and, for each of its rows, the row of ``matrix`` it is.
    Draws in which everybody stays or everybody leaves say nothing and are left out.
    """
    found = [metrics(*one) for one in resampled(matrix, draws, seed) if 0 < one[0].attrited.mean() < 1]
    if not found:
        return {}
    return {
        name: tuple(np.quantile([one[name] for one in found], (0.025, 0.975)).tolist()) for name in found[0]
    }


def resampled(matrix: Matrix, draws: int, seed: int) -> Iterator[Drawn]:
    """Banks of as many customers, drawn with replacement, each with all of its Mondays.

    Customers are drawn and not rows, because the Mondays of one customer are nearly the same row again and
    again; rows drawn alone would make every interval too narrow.
    """
    bare = matrix.only([])
    _, customer = np.unique(bare.customer_id, return_inverse=True)
    count = int(customer.max()) + 1
    names = np.array([f"{number:09d}" for number in range(count)])
    random = np.random.default_rng(seed)
    for _ in range(draws):
        times = np.bincount(random.integers(count, size=count), minlength=count)
        first = np.cumsum(times) - times
        repeats = times[customer]
        rows = np.repeat(np.arange(len(bare)), repeats)
        copy = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        drawn = Matrix(
            bare.features[rows],
            bare.columns,
            names[first[customer[rows]] + copy],
            bare.snapshot_date[rows],
            bare.gone_within[rows],
            bare.outflow_share[rows],
            bare.aum[rows],
        )
        yield drawn, rows
