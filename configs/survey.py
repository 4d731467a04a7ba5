"""Settings of a bank's questionnaires: their scale, what each item asks, and the waves that are compared."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.errors import did_you_mean
from configs.strict import Listed, Strict

# The scale of features and sentences; answers on another are carried over in proportion.
COMMON_SCALE = (1, 10)
_NAME = r"^[a-z][a-z0-9_]{0,39}$"
_Score = Annotated[int, Field(ge=-100, le=100)]


class Factor(Strict):
    """What some items measure together, such as service; in words of both languages."""

    name: str = Field(pattern=_NAME)
    en: str = Field(min_length=1, max_length=60)
    zh: str = Field(min_length=1, max_length=60)


class Item(Strict):
    """One question by its word in surveys.item, and what it asks.

    ``factor``: how satisfied the customer is with a factor. ``overall``: with the bank altogether.
    ``importance``: how important a factor is. ``reversed``: a high score is bad news.
    """

    name: str = Field(min_length=1, max_length=60)
    asks: Literal["factor", "overall", "importance"] = "factor"
    factor: str = ""
    reversed: bool = False


class Survey(Strict):
    """Scores lie in [lowest, highest]; figures are of the newest ``waves`` waves, each a ``wave`` long."""

    lowest: _Score
    highest: _Score
    wave: Literal["month", "quarter", "half_year"]
    waves: Annotated[int, Field(ge=1, le=12)]
    factors: Listed[Factor]
    items: Listed[Item]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest {self.lowest} must be below highest {self.highest}")
        factors = _distinct([factor.name for factor in self.factors], "factors")
        _distinct([item.name for item in self.items], "items")
        for item in self.items:
            if item.asks == "overall" and item.factor:
                raise ValueError(f"item {item.name!r} asks about everything. Leave its factor out")
            if item.asks != "overall" and item.factor not in factors:
                raise ValueError(
                    f"item {item.name!r} has the unknown factor {item.factor!r}. "
                    f"{did_you_mean(item.factor, factors)}"
                )
        overall = [item.name for item in self.items if item.asks == "overall"]
        if len(overall) > 1:
            raise ValueError(
                f"items {overall} all ask about everything. Leave one, or give the others a factor"
            )
        return self

    @property
    def own_scale(self) -> tuple[str, ...]:
        """The scale in words where it is not the common one."""
        scale = (self.lowest, self.highest)
        return () if scale == COMMON_SCALE else (f"scores in {scale}",)

    @property
    def overall(self) -> Item | None:
        """The item that asks about everything; None where the bank has none."""
        return next((item for item in self.items if item.asks == "overall"), None)

    def items_of(self, factor: str, asks: str = "factor") -> tuple[Item, ...]:
        """The items about a factor, in the order of the settings."""
        return tuple(item for item in self.items if item.factor == factor and item.asks == asks)


def _distinct(names: Sequence[str], what: str) -> Sequence[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what}: {twice} come twice. Leave one of each out")
    return names
