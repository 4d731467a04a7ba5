"""Ratios of what was observed to what was expected, one per group, drawn towards that of all groups.

A small group's ratio is mostly chance. By empirical Bayes (Clayton and Kaldor 1987) counts are Poisson about
ratio × expected, and the ratios of the groups Gamma distributed about that of all; each group's ratio is then
the mean of its own evidence and that of the others. How much groups differ (the coefficient of variation of
their ratios) and the ratio of all are themselves uncertain: one value for each would make intervals too short
(Morris 1983). So values of a range count by how likely they make the counts; beforehand equal ranges of the
variance, which is what he advises, and of the ratio of all weigh the same. Whether somebody leaves varies a
little less than a Poisson count: intervals err on the wide side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, softmax
from scipy.stats import nbinom

Floats = NDArray[np.float64]
LOW, HIGH = 0.025, 0.975  # of the probability, on either side of the interval of 95%
_VARIATIONS = np.linspace(0.03, 1.5, 20)  # coefficients of variation of the groups' ratios
_ERRORS = np.linspace(-3, 3, 13)  # of the ratio of all, in standard errors of its logarithm
_HALVINGS = 24  # of the range in which a bound lies: to a millionth of it


@dataclass(frozen=True)
class GroupRatios:
    """One entry per group: its ratio, and the bounds between which it lies with a probability of 95%."""

    ratio: Floats
    low: Floats
    high: Floats


def ratios_by_group(observed: NDArray[np.int64], expected: Floats) -> GroupRatios:
    """The ratio of each group. ``expected`` is more than 0; one group or more.

    Groups are of one kind, as managers are: the ratio of a few says something about the others.
    """
    left = max(float(observed.sum()), 1.0)
    error = np.sqrt(1 / left + 0.25 / len(observed))
    common = left / float(expected.sum()) * np.exp(error * np.tile(_ERRORS, len(_VARIATIONS))[:, None])
    shape = 1 / np.repeat(_VARIATIONS, len(_ERRORS))[:, None] ** 2
    rate = shape / common
    likely = nbinom.logpmf(observed, shape, rate / (rate + expected)).sum(axis=1)
    weight = softmax(likely + np.log(common[:, 0]) - np.log(shape[:, 0]) / 2)[:, None]
    possible = weight[:, 0] > 1e-6  # the others move no bound
    weight, shape, rate = weight[possible], shape[possible] + observed, rate[possible] + expected
    largest = float((shape / rate + 10 * np.sqrt(shape) / rate).max())

    def bound(probability: float) -> Floats:
        low, high = np.zeros(len(observed)), np.full(len(observed), largest)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = (weight * gammainc(shape, rate * middle)).sum(axis=0) < probability
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return high

    return GroupRatios((weight * shape / rate).sum(axis=0), bound(LOW), bound(HIGH))
