"""Shrunk ratios: by hand, towards all, and intervals that cover as often as they promise."""

import numpy as np
import pytest

from models.shrinkage import ratios_by_group


def test_small_groups_are_drawn_further_than_large_ones() -> None:
    observed, expected = np.array([4, 200, 0, 90, 110, 96]), np.array([2.0, 100.0, 2.0, 100.0, 100.0, 100.0])
    shrunk = ratios_by_group(observed, expected)
    common = observed.sum() / expected.sum()
    assert common < shrunk.ratio[0] < 1.8 < shrunk.ratio[1] < 2
    assert 0.5 < shrunk.ratio[2] < common
    assert np.all((shrunk.low < shrunk.ratio) & (shrunk.ratio < shrunk.high))
    assert shrunk.high[0] - shrunk.low[0] > shrunk.high[1] - shrunk.low[1]


def test_nobody_left_is_no_ratio_of_nothing() -> None:
    shrunk = ratios_by_group(np.array([0]), np.array([3.0]))
    assert 0 < shrunk.ratio[0] < 1
    assert shrunk.high[0] > 0.8  # the exact bound of a Poisson count of 0 out of 3 is 1.23


@pytest.mark.parametrize(("variation", "least", "most"), [(0.0, 0.95, 1.0), (0.3, 0.935, 0.98)])
def test_intervals_cover_as_often_as_they_promise(variation: float, least: float, most: float) -> None:
    random, inside = np.random.default_rng(5), []
    for _ in range(50):
        risk = [random.beta(1, 8, size) for size in random.integers(15, 120, 25)]
        ratios = random.gamma(1 / variation**2, variation**2, 25) if variation else np.ones(25)
        observed = np.array(
            [(random.uniform(size=len(p)) < p * r).sum() for p, r in zip(risk, ratios, strict=True)]
        )
        shrunk = ratios_by_group(observed, np.array([p.sum() for p in risk]))
        inside += [(shrunk.low <= ratios) & (ratios <= shrunk.high)]
    assert least <= np.mean(inside) <= most, np.mean(inside)
