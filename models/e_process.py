"""Evidence that a level of predicted counts is wrong, valid at every look.

The count of one window is a sum of values in [0, 1], of customers who are independent given what was known
when they were scored. The null hypothesis of the side ``more`` is that its expected value, given what was
known then, is at most ``predicted · (1 + slack)``; of the side ``fewer``, that it is at least
``predicted · (1 − slack)``. With this bound b, E[r^count] ≤ exp((r − 1) b) for r > 1 and for r < 1, as
r^y ≤ 1 + (r − 1) y on [0, 1]. So ``r^observed · exp(−(r − 1) b)`` is a bet whose expected gain is nothing.

An e-process multiplies such bets from window to window. Here it is a mixture: over two ratios r, and over the
window in which a shift began, geometric, so that a shift after years of calm is found like one at the start.
By Ville's inequality it reaches 1/α with a probability of at most α, however often somebody looks (Shafer
2021; Ramdas, Grünwald, Vovk, Shafer 2023).

It needs windows that do not overlap: each closed before the next count is predicted. Weekly Mondays overlap,
so each offset of ``stride`` weeks has an e-process of its own. Their mean is no e-process, because the
offsets know more of each other's open windows than each alone (Henzi, Ziegel 2022, corrected in Biometrika
109(4), 1181). Their maximum over ``stride`` holds at every look and under any dependence: the union bound
over offsets. It is what ``Offsets.evidence`` gives.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["more", "fewer"]
SIDES: tuple[Side, ...] = ("more", "fewer")
RATIOS = (1.3, 2.0)  # observed over predicted that is looked for, and its inverse; 2 is for small groups
BEGINS = 1 / 16  # share of what is not bet yet that each window bets on a shift that begins with it

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Offsets:
    """The e-processes of one side, per group and offset of ``stride`` weeks; values are logarithms."""

    def __init__(self, groups: int, stride: int, side: Side, slack: float) -> None:
        """``slack``: share by which the level may differ from the predicted one."""
        bound = 1 + slack if side == "more" else 1 - slack
        shifts = np.array(RATIOS) if side == "more" else 1 / np.array(RATIOS)
        self._bound, self._ratios = bound, (shifts / bound)[:, None]
        self._kept = np.zeros((stride, groups))
        self._bets = np.full((stride, len(RATIOS), groups), -np.inf)

    def update(self, week: int, predicted: Floats, observed: Floats) -> None:
        """The counts of the windows of one week, one per group; a group with nothing predicted is left
        alone."""
        offset, known = week % len(self._kept), predicted > 0
        kept, bets = self._kept[offset], self._bets[offset]
        begun = np.logaddexp(bets, kept + np.log(BEGINS / len(RATIOS)))
        gain = np.log(self._ratios) * observed - (self._ratios - 1) * self._bound * predicted
        self._bets[offset] = np.where(known, begun + gain, bets)
        self._kept[offset] = np.where(known, kept + np.log1p(-BEGINS), kept)

    def restart(self, groups: Flags) -> None:
        """These groups begin anew, as if nothing had been seen."""
        self._kept[:, groups] = 0.0
        self._bets[:, :, groups] = -np.inf

    def evidence(self) -> Floats:
        """Per group the logarithm of the largest e-process over the number of offsets.

        The probability that it ever reaches log(1/α) is at most α under the null hypothesis.
        """
        values = np.logaddexp(np.logaddexp.reduce(self._bets, axis=1), self._kept)
        return np.asarray(values.max(axis=0) - np.log(len(self._kept)), np.float64)
