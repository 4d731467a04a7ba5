"""The response to a contact: which share of a customer's money at risk it keeps, and what that rests on.

models/response.py learns it from the control group and outcomes; lists, campaigns and pages read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import erf, sqrt
from typing import Any, Literal, get_args

from configs.published import Score

# The finest level whose evidence moves an estimate away from the setting.
RestsOn = Literal["setting", "everybody", "reason", "risk", "stage"]
RESTS_ON: tuple[RestsOn, ...] = get_args(RestsOn)


def parts_of(rests_on: str) -> tuple[str, int]:
    """The level of a published decision, and the known outcomes of listed customers behind it.

    >>> parts_of("reason 214"), parts_of("setting")
    (('reason', 214), ('setting', 0))
    """
    level, _, outcomes = rests_on.partition(" ")
    return level, int(outcomes or 0)


# Whose estimate it is: () everybody, (reason,), (reason, risk band), (reason, risk band, stage). The reason
# is the group of the first one, empty without any.
Cell = tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """The response of one cell: mean and standard deviation of what is believed, of leavers who could stay.

    Below 0 a contact drives more away than it keeps.
    """

    share: float
    spread: float
    rests_on: RestsOn


@dataclass(frozen=True)
class Response:
    """What a contact does, by cell; a cell without an estimate has that of the next larger one.

    ``setting`` stands before any outcome, for everybody. ``channels``: what a contact through each does
    relative to a call; a channel that is not named does nothing. ``harm_probability``: from this probability
    of harm on nobody of a cell is disturbed.
    """

    setting: float
    cells: Mapping[Cell, Estimate] = field(default_factory=dict)
    channels: Mapping[str, float] = field(default_factory=lambda: {"phone": 1.0})
    harm_probability: float = 0.95

    def share_kept(self, score: Score, channel: str = "phone") -> float:
        """The share of the customer's money at risk that a contact is expected to keep; below 0: harm."""
        return self._of(score).share * movable(score) * self.channels.get(channel, 0.0)

    def rests_on(self, score: Score, channel: str = "phone") -> RestsOn:
        """The finest level with evidence that moves the estimate; the setting where there is none."""
        del channel  # relative to a call so far
        return self._of(score).rests_on

    def harms(self, score: Score, channel: str = "phone") -> bool:
        """True where a contact does harm with a probability of at least ``harm_probability``."""
        del channel
        estimate = self._of(score)
        if not estimate.spread:
            return estimate.share < 0
        below_zero = (1 - erf(estimate.share / estimate.spread / sqrt(2))) / 2
        return below_zero >= self.harm_probability

    @property
    def overall(self) -> Estimate:
        return self.cells.get((), Estimate(self.setting, 0.0, "setting"))

    def figures(self) -> dict[str, Any]:
        """Plain numbers and text: ``overall``, ``by_reason``, and each cell as a row of ``cells``."""
        return {
            "setting": self.setting,
            "overall": self.overall.share,
            "by_reason": {cell[0]: known.share for cell, known in self.cells.items() if len(cell) == 1},
            "channels": dict(self.channels),
            "cells": [
                {"cell": list(cell), "share": known.share, "spread": known.spread, "rests_on": known.rests_on}
                for cell, known in sorted(self.cells.items())
            ],
        }

    def _of(self, score: Score) -> Estimate:
        reason = score.reasons[0].group if score.reasons else ""
        cell = (reason, score.risk_band, score.lifecycle_stage)
        known = (self.cells.get(cell[:size]) for size in range(len(cell), -1, -1))
        return next((estimate for estimate in known if estimate), self.overall)


def movable(score: Score) -> float:
    """The share of a customer's leaving that a contact could still change.

    A contact moves the odds, so it does less the surer somebody is to leave: Δp ≈ share · p · (1 − p), the
    slope of the logistic curve.
    """
    return 1 - score.risk
