"""Rounds counts and sums for readers who may see no customer.

Rounding to a base protects frequency tables, and magnitude tables with it, also where cells are subtracted
from totals or a table is asked for twice; nothing is drawn at random, so that asking again tells no more
(Hundepool et al., Statistical Disclosure Control, Wiley 2012, chapters 4 and 5). Rules that such a reader
makes up may ask for few amounts alone: between two of them nobody's amount is found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Any

from configs.branch_figures.contents import MONEY

LEAST = 10  # customers, of a run that was published without the terms of its lists
DAYS = 30  # between the terms that such a reader may ask for
# Whole numbers of figures that count no customers.
_NO_COUNTS = frozenset(
    {"weeks", "quarters", "days", "least_customers", "capacity", "managers", "overloaded", "in_range", "of",
     "degrees", "suggested", "mapped"}
)  # fmt: skip
_CUSTOMERS = ("dropped", "customers", "closing_customers", "known")  # whose money stands beside them
_HOLDERS = ("care", "total")  # of load: objects whose customers are those of the figures beside them
_OF_ALL = frozenset(
    {"products", "classes", "longest_days"}
)  # sums and extremes of customers, no counts of them
# Shares of customers, by a key that stands beside them and the key of those whose share it is.
_SHARES = {
    ("attrited", "customers"): ("share", "low", "high", "observed_rate"),
    ("respondents", "cohort"): ("share",),
    ("respondents", "respondents"): ("left_of_low", "left_of_high"),
}

_COUNTS_OF_EFFECT = ("contacts", "control", "lasting_control", "known", "waiting")
_ARMS = ("listed", "control_group")


@dataclass(frozen=True)
class Rounding:
    """Fewer customers than ``least`` count as none, more in steps of so many; 1 changes nothing."""

    least: int

    def count(self, customers: float) -> int:
        """The nearest multiple of ``least``; 0 for fewer.

        >>> [Rounding(10).count(customers) for customers in (9, 10, 14, 15, 27)]
        [0, 10, 10, 20, 30]
        """
        if self.least <= 1:
            return round(customers)
        return 0 if customers < self.least else self.least * floor(customers / self.least + 0.5)

    def amount(self, amount: float, customers: float) -> float:
        """Money, or another figure, in steps of what ``least`` of its customers have on average, or more.

        >>> Rounding(10).amount(123_456_789, 9), Rounding(10).amount(123_456_789, 250)
        (0, 125000000)
        """
        if self.least <= 1 or not amount:
            return amount
        if customers < self.least:
            return type(amount)(0)
        step = _step(abs(amount) * self.least / customers, up=True)
        return type(amount)(round(amount / step) * step)

    def arms(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The members of a campaign by arm, and who was left out, by why; a reason of too few is left out."""
        arms = {name: value if name == "left_out" else self.count(value) for name, value in sent.items()}
        if "left_out" in sent:
            counts = {why: self.count(count) for why, count in sent["left_out"].items()}
            arms["left_out"] = {why: count for why, count in counts.items() if count}
        return arms

    def effect(self, effect: Mapping[str, Any]) -> dict[str, Any]:
        """The effect of a campaign (pipeline/campaigns/effect.py); without figures where an arm is small."""
        if self.least <= 1:
            return dict(effect)
        rounded: dict[str, Any] = {
            name: self.count(effect[name]) for name in _COUNTS_OF_EFFECT if name in effect
        }
        customers, cost = effect.get("customers"), effect.get("cost")
        if cost is not None:
            rounded["cost"] = self.amount(cost, effect.get("contacts", 0))
        if not customers or min(customers[arm]["assignments"] for arm in _ARMS) < self.least:
            unknown = {
                name: None for name in ("customers", "money", "net", "contamination") if name in effect
            }
            return {**effect, **rounded, **unknown, "state": "collecting"}
        both = {
            name: self._compared(effect[name], step)
            for name, step in (("customers", self.share), ("money", self.amount))
            if effect.get(name)
        }
        groups = {
            name: {
                group: self._compared(compared, self.share)
                for group, compared in effect[name].items()
                if compared and min(compared[arm]["assignments"] for arm in _ARMS) >= self.least
            }
            for name in ("by_reason", "by_manager")
            if name in effect
        }
        if effect.get("net"):
            rounded["net"] = [self.amount(bound, effect["contacts"]) for bound in effect["net"]]
        return {**effect, **rounded, **both, **groups, "contamination": None}

    def _compared(self, compared: Mapping[str, Any], step: Callable[[float, float], float]) -> dict[str, Any]:
        """The arms, with shares in steps, and differences that do not say of how many exactly."""
        counts = {arm: compared[arm]["assignments"] for arm in _ARMS}
        rounded: dict[str, Any] = {
            arm: {"assignments": self.count(count), "left": step(compared[arm]["left"], count)}
            for arm, count in counts.items()
        }
        for name in ("difference", "called"):
            if compared.get(name):
                rounded[name] = [round(bound, 3) for bound in compared[name]]
        if "kept" in compared:
            rounded["kept"] = [self.amount(bound, counts["listed"]) for bound in compared["kept"]]
        return {**compared, **rounded}

    def share(self, share: float, customers: float) -> float:
        """A share of so many customers, in steps of ``least`` of them.

        >>> Rounding(10).share(0.125, 40), Rounding(10).share(0.3, 40), Rounding(10).share(0.125, 400)
        (0.0, 0.25, 0.125)
        """
        if self.least <= 1:
            return share
        whole = self.count(customers)
        return self.count(share * whole) / whole if whole else 0.0

    def figures(self, content: Mapping[str, Any], customers: Any = None) -> dict[str, Any]:
        """A content of configs/branch_figures, or a part of it that stands beside so many ``customers``."""
        if self.least <= 1:
            return dict(content)
        shares = {
            name: content[whole]
            for (part, whole), names in _SHARES.items() if part in content and whole in content
            for name in names if content.get(name) is not None
        }  # fmt: skip
        kept = _NO_COUNTS | ({"classes"} if "attrited" in content else set())
        return {
            name: value
            if name in kept
            else self.share(value, shares[name])
            if name in shares
            else self._rounded(name, value, _customers_of(content, name, customers))
            for name, value in content.items()
        }

    def _rounded(self, name: str, value: Any, customers: Any) -> Any:
        if isinstance(value, Mapping):
            return self.figures(value, customers)
        if isinstance(value, list | tuple):
            counts = customers
            if not isinstance(customers, list | tuple) or not name.endswith(MONEY):
                counts = [None if isinstance(customers, list | tuple) else customers] * len(value)
            return [self._rounded(name, *pair) for pair in zip(value, counts, strict=True)]
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if name.endswith(MONEY) or name in _OF_ALL:
            return self.amount(value, customers or 0)
        if isinstance(value, int) or name.startswith("customers"):
            return self.count(value)
        return value if customers is None else self.amount(value, customers)


EXACT = Rounding(1)


def _customers_of(content: Mapping[str, Any], name: str, customers: Any) -> Any:
    """The customers whom a figure is of: those of its own name, else of its object, else of what holds it."""
    stem = f"{name.removesuffix(MONEY)}_customers"
    held = next((content[key] for key in _HOLDERS if isinstance(content.get(key), Mapping)), content)
    return next(
        (part[key] for part in (content, held) for key in (stem, *_CUSTOMERS) if key in part), customers
    )


def is_rounded(amount: float) -> bool:
    """True for an amount of 1, 2 or 5 followed by zeros.

    >>> [amount for amount in (1, 3, 20, 250, 500, 200_000, 0.5) if is_rounded(amount)]
    [1, 20, 500, 200000]
    """
    return amount >= 1 and isfinite(amount) and _step(amount, up=False) == amount


def around(amount: float) -> tuple[int, int]:
    """The coarse amounts at or below one, and above it.

    >>> around(300_000), around(0.5)
    ((200000, 500000), (1, 2))
    """
    below = int(_step(max(amount, 1), up=False))
    return below, int(_step(below + 1, up=True))


def _step(amount: float, *, up: bool) -> float:
    """The nearest of 1, 2, 5 and their multiples by ten, at or above or at or below."""
    power = floor(log10(amount))
    steps = [digit * 10.0**exponent for exponent in (power - 1, power, power + 1) for digit in (1, 2, 5)]
    return min(step for step in steps if step >= amount) if up else max(s for s in steps if s <= amount)
