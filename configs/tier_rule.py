"""The bank's rule for tiers: by the average AUM of each Monday, or by months with notice before a fall."""

from typing import Annotated, Literal

from pydantic import Field

from configs.strict import Strict

Months = Annotated[int, Field(ge=1, le=24)]


class TierRule(Strict):
    """How a customer rises and falls between tiers; see features/tier_rule.py.

    ``threshold``: the tier whose lower bound the average AUM over ``label.base_weeks`` reaches.
    ``monthly_average``: by the daily average AUM of closed calendar months. Up at once; after
    ``months_below`` in a row below the tier's bound watched, after ``months_watched`` more down.
    """

    kind: Literal["threshold", "monthly_average"]
    months_below: Months
    months_watched: Months

    @property
    def months_to_fall(self) -> int:
        """Months in a row below the bound at whose end the tier falls."""
        return self.months_below + self.months_watched

    def months_looked_at(self, tiers: int) -> int:
        """Closed months that decide the tier: whatever came before them changes nothing, see
        features/tier_rule.py."""
        return self.months_to_fall * (tiers - 1)
