"""What a treatment does, with bounds that hold however often somebody looks.

Rows come in the order of their random assignment. C is 1 for a control; Y is the outcome, in 0 to 1 (whether
the customer left, or the share of money that did); D is the treatment taken, in 0 to 1. Suppose that D takes
``effect`` off Y. Then Y + effect · D is on average the same in both arms, and

    X = (C − share) · (Y − mean of Y + effect · (D − mean of D))

is 0 on average given all rows before, as long as the share or the means are right. All three are those of the
rows before; the share begins with the one that was set, and follows a setting that changes.

Nobody gains by betting on X: Π (1 + b · X) is a test martingale for bets b that depend on rows before alone
and never lose everything. The probability that it ever reaches 40 is 1 in 40 at most (Ville 1939). Bets of
several sizes are mixed, for and against; the bounds enclose the effects of which neither mixture has reached
40. Together that is 95%, at all looks at once: the confidence sequence by betting of Waudby-Smith and Ramdas
(2024, JRSS B 86(1)), on scores with a known propensity (Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro
2024, ACM/IMS J. Data Sci. 1(3)).

With D = listed the effect is that of intention to treat. With D = reached it is the complier average causal
effect, on those who were reached because they were listed (Imbens, Angrist 1994; Angrist, Imbens, Rubin
1996): the difference in outcomes over the difference in shares reached. It takes for granted that a list does
nothing to whoever is not reached, and that nobody is reached because of being a control. To ask which effects
agree with the data, in place of dividing, is the test of Anderson and Rubin (1949): where hardly more of one
arm were reached than of the other the bounds are wide, and stay honest.

Large numbers are not needed; few controls and rare leavers have none. An asymptotic confidence sequence
(Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, Ann. Statist. 52(6)) claimed harm in 3 to 13 of 100 such
simulations without any effect. Independent outcomes are not needed either: by chance is only the assignment,
so neighbours may leave together. A customer who is assigned again is another row, later, by another draw. If
the effect changes over time the bounds are about its mean so far.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
BETS = 4.0 * 0.5 ** np.arange(7)
SAFE = 0.9  # of the largest bet that cannot lose everything
STEPS = 14  # halvings of an interval no longer than 2: to 0.0001
SHARE_ROWS, MEAN_ROWS = 100, 20  # for how many rows the set share counts, and a mean of 0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Arms:
    """One row per assignment, in their order; ``share`` of them was meant to be controls.

    ``outcome`` and ``treated`` lie in 0 to 1; ``weight`` is known before the assignment, and at least 0; bets
    are sized by its root mean square.
    """

    control: NDArray[np.bool_]
    outcome: Floats
    treated: Floats
    weight: Floats
    share: float


def bounds(arms: Arms) -> tuple[float, float]:
    """The lowest and the highest effect, within −1 and 1, that agree with the rows so far."""
    if not len(arms.control):
        return -1.0, 1.0
    scores, limit = Scores(arms), log(2 / LEVEL)

    def end(sign: Literal[1, -1]) -> float:
        return _last(lambda effect: scores.evidence(effect, sign)[-1] < limit, scores.middle, float(-sign))

    return end(1), end(-1)


class Scores:
    """The scores X of both arms, and what bets on them have gained."""

    def __init__(self, arms: Arms) -> None:
        weight = arms.weight / (float(np.sqrt(np.mean(arms.weight**2))) or 1.0)
        self._heaviest = float(weight.max()) or 1.0
        control = arms.control.astype(np.float64)
        self._share = _mean_before(control, np.ones(len(control)), arms.share, SHARE_ROWS)
        self._mean = _mean_before(arms.outcome, weight, 0.0, MEAN_ROWS)
        centred = weight * (control - self._share)
        self._outcome = centred * (arms.outcome - self._mean)
        self._treated = centred * (arms.treated - _mean_before(arms.treated, weight, 0.0, MEAN_ROWS))

    @property
    def middle(self) -> float:
        """The effect, within −1 and 1, for which the scores add up to nothing."""
        taken = float(self._treated.sum())
        return min(1.0, max(-1.0, -float(self._outcome.sum()) / taken)) if taken else 0.0

    def evidence(self, effect: float, sign: Literal[1, -1]) -> Floats:
        """After each row the logarithm of the evidence that the effect is larger (1), or smaller (−1).

        The probability that it ever reaches log(40) is 1 in 40 at most if ``effect`` is the true one.
        """
        scores = sign * (self._outcome + effect * self._treated)
        size = abs(effect)
        # The lowest score that a row can have: a control who stays, a listed customer who leaves.
        lowest = np.maximum(self._mean + size, self._share * (1 + size)) if sign > 0 else 1 + size
        most = SAFE / (self._heaviest * lowest)
        wealth = [np.cumsum(np.log1p(np.minimum(bet, most) * scores)) for bet in BETS]
        return np.asarray(np.logaddexp.reduce(wealth) - log(len(BETS)), np.float64)


def _mean_before(values: Floats, weight: Floats, first: float, rows: int) -> Floats:
    """Per row the mean of the rows before, and of ``rows`` with the value ``first``."""
    total, count = np.cumsum(weight * values) - weight * values, np.cumsum(weight) - weight
    return np.asarray((first * rows + total) / (rows + count), np.float64)


def _last(agrees: Callable[[float], bool], middle: float, end: float) -> float:
    """The value furthest from ``middle`` towards ``end`` that agrees."""
    if agrees(end):
        return end
    for _ in range(STEPS):
        between = (middle + end) / 2
        middle, end = (between, end) if agrees(between) else (middle, between)
    return end
