"""A bridge of AUM as a branch head reads it: the steps of a waterfall, and what moved most."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configs.branch_figures.movement import PARTS

# Steps of the waterfall that are more than a part of the same name; no transaction explains "other".
_JOINED = {"known_later": "late", "waiting": "other", "unexplained": "other"}
STEPS: Mapping[str, tuple[str, ...]] = {
    step: tuple(part for part in PARTS if _JOINED.get(part, part) == step)
    for step in dict.fromkeys(_JOINED.get(part, part) for part in PARTS)
}
# What may move most, by the steps it is made of.
REASONS = {
    "flows": ("inflow", "outflow"),
    "new": ("new",),
    "left": ("left",),
    "switched": ("arrived", "gone"),
    "bank": ("bank",),
    "prices": ("market", "exchange"),
    "late": ("late",),
    "other": ("other",),
}
FLOOR = 0.15  # of the range of the levels, shown below the lowest one


@dataclass(frozen=True)
class Step:
    """A bar of the waterfall between two places from 0 to 1; the first and the last stand on the floor."""

    name: str
    amount: int
    start: float
    end: float


def steps(bridge: Mapping[str, Any]) -> list[Step]:
    """Opening, each step that moved something, and closing; amounts in minor units."""
    moved = {name: amount for name in STEPS if (amount := step_amount(bridge, name))}
    levels = [bridge["opening_minor"]]
    for amount in moved.values():
        levels.append(levels[-1] + amount)
    low, high = min(levels), max(levels)
    floor = low - FLOOR * ((high - low) or 1)

    def place(level: float) -> float:
        return (level - floor) / ((high - floor) or 1)

    bars = [
        Step(name, amount, place(level), place(level + amount))
        for (name, amount), level in zip(moved.items(), levels, strict=False)
    ]
    ends = [
        Step(name, bridge[f"{name}_minor"], 0.0, place(bridge[f"{name}_minor"]))
        for name in ("opening", "closing")
    ]
    return [ends[0], *bars, ends[1]]


def step_amount(bridge: Mapping[str, Any], name: str) -> int:
    """Signed minor units by which a step moved AUM."""
    return sum(PARTS[part] * int(bridge[f"{part}_minor"]) for part in STEPS[name])


def moved_most(bridge: Mapping[str, Any]) -> tuple[str, int]:
    """The reason of REASONS that moved AUM most, and by how much, signed."""
    amounts = {reason: sum(step_amount(bridge, name) for name in names) for reason, names in REASONS.items()}
    return max(amounts.items(), key=lambda item: abs(item[1]))
