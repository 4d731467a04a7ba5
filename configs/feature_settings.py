"""Settings of the features: windows, a bank's own measures, and attributes of customers."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.attributes import Attribute
from configs.strict import Listed, Named, SomeAmount, Strict, Weeks


class OwnMeasure(Strict):
    """A bank's own additive measure, as in features/catalogue/measures.py, where its names are checked.

    ``where``: allowed labels per column; ``sign``: 1 money in, -1 money out, 0 both. ``en`` and ``zh`` are
    its words, ``group`` the reason it belongs to, ``worse`` 1 when more of it is worrying, -1 when less is.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*[a-z0-9]$")
    table: str
    statistics: Listed[str]
    where: Named[Listed[str]] = Field(default_factory=dict, validate_default=True)
    sign: Literal[-1, 0, 1] = 0
    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)
    group: str
    worse: Literal[-1, 0, 1] = 0


class FeatureSettings(Strict):
    """Trailing weeks, ascending; the least amount of a large entry; a bank's measures and attributes."""

    windows: Listed[Weeks]
    large_amount: SomeAmount
    measures: Annotated[tuple[OwnMeasure, ...], Field(strict=False)]
    attributes: Annotated[tuple[Attribute, ...], Field(strict=False, max_length=20)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.windows) != sorted(set(self.windows)):
            raise ValueError(f"windows {self.windows} must ascend without repeats")
        names = self.attribute_names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"attributes: {twice} are declared twice. Leave one of each out")
        return self

    @property
    def attribute_names(self) -> tuple[str, ...]:
        return tuple(attribute.name for attribute in self.attributes)
