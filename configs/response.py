"""The response to a contact: which share of a customer's money at risk it keeps, and what that rests on.

models/response.py learns it from the control group and outcomes; lists, campaigns and pages read it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import erf, sqrt
from typing import Any, Literal, get_args

from configs.published import HORIZONS, Score

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

    Below 0 a contact drives more away than it keeps. ``observed_to_expected``: leavers of the cell, for each
    whom the published risk expects when nobody contacts them.
    """

    share: float
    spread: float
    rests_on: RestsOn
    observed_to_expected: float = 1.0


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
    harm_probability: float = 0.9

    def share_kept(self, score: Score, channel: str = "phone") -> float:
        """The share of the customer's money at risk that a contact is expected to keep; below 0: harm."""
        known = self._of(score)
        return known.share * known.observed_to_expected * movable(score) * self.channels.get(channel, 0.0)

    def rests_on(self, score: Score) -> RestsOn:
        """The finest level with evidence that moves the estimate; the setting where there is none."""
        return self._of(score).rests_on

    def harms(self, score: Score) -> bool:
        """True where a contact does harm with a probability of at least ``harm_probability``."""
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
            "cells": [{"cell": list(cell), **asdict(known)} for cell, known in sorted(self.cells.items())],
        }

    def _of(self, score: Score) -> Estimate:
        reason = score.reasons[0].group if score.reasons else ""
        return self.estimate((reason, score.risk_band, score.lifecycle_stage))

    def estimate(self, cell: Cell) -> Estimate:
        """What is believed of a cell: of itself, or of the next larger one with an estimate."""
        known = (self.cells.get(cell[:size]) for size in range(len(cell), -1, -1))
        return next((estimate for estimate in known if estimate), self.overall)


def movable(score: Score) -> float:
    """The part of the customer's leaving that a contact could still change."""
    return 1 - score.risk if score.movable is None else score.movable


def movable_share(risks: Mapping[int, float], timing: Sequence[float], decided: float) -> float:
    """The part of somebody's leaving that a contact could still change, between 0 and 1.

    Of ``risks`` by horizon in days, the shortest first, each period's part counts by its ``timing``: whoever
    leaves within 30 days has mostly decided, and a contact is forgotten by who leaves in the third month. In
    each a contact moves the odds, so it does less the surer somebody is to leave then: Δh ≈ share · h · (1 −
    h), the slope of the logistic curve. A single horizon says nothing of when. ``decided``, from 0 to 1, is
    how far the money is on its way already.

    >>> round(movable_share({30: 0.2, 90: 0.5}, (0.2, 1.0, 0.5), 0.0), 4)  # (0.04 · 0.8 + 0.15 · 0.625) / 0.5
    0.2515
    """
    whole, before, moved = max(risks.values()), 0.0, 0.0
    if whole <= 0:
        return 0.0
    for days, risk in risks.items():
        weight = 1.0 if len(risks) == 1 else timing[HORIZONS.index(days)]
        part = max(risk - before, 0.0)
        moved += weight * part * (1 - part / (1 - before)) if before < 1 else 0.0
        before = max(risk, before)
    return moved / whole * (1 - decided)


def movable_early(risk_30d: float, movable: float, timing: Sequence[float]) -> float:
    """The probability of leaving within 30 days that a contact could still take away; all in all it could
    take away ``movable``."""
    return min(timing[0] * risk_30d * (1 - risk_30d), movable)
