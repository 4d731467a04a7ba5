"""The settings of products: which classes may be proposed, and how many customers alike must hold one."""

from typing import Self

from pydantic import model_validator

from configs.errors import did_you_mean
from configs.strict import Sentences, Share, Strict
from configs.tables import PRODUCT_CLASSES


class ProductSettings(Strict):
    """Classes that may be proposed; the least share of customers alike who hold one, at 95% sure."""

    offerable: Sentences
    least_share: Share

    @model_validator(mode="after")
    def _known(self) -> Self:
        known = tuple(name for name in PRODUCT_CLASSES if name != "loan")
        for name in self.offerable:
            if name not in known:
                raise ValueError(f"offerable: unknown product class {name!r}. {did_you_mean(name, known)}")
        return self
