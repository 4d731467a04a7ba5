"""The settings of the figures that branches and head office see."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.strict import Count, Listed, Strict


class Figures(Strict):
    """The least group that a figure is shown of, and the ages in years at which bands of age begin."""

    least_customers: Count
    age_bands: Listed[Annotated[int, Field(ge=1, le=120)]]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(low >= high for low, high in pairwise(self.age_bands)):
            raise ValueError(f"age_bands {self.age_bands} must ascend without repeats")
        return self
