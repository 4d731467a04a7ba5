"""Settings of the weekly lists: their length and order, who is kept off, and the control group."""

from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from configs.strict import Amount, Count, Listed, Named, Place, Share, Strict


class Occasions(Strict):
    """Events that end a cool-down if they follow the contact.

    At least ``maturing_share`` of AUM falls due within ``maturing_days``; the largest payment of the year
    went out, at least ``outflow_share`` of AUM; a complaint. 0 and false: that does not.
    """

    maturing_days: Annotated[int, Field(ge=0, le=60)]
    maturing_share: Share
    outflow_share: Annotated[float, Field(ge=0, le=1)]
    complaint: bool


class Lists(Strict):
    """Length and order of a manager's weekly list, and the control group beside it; docs/lists.md.

    ``talked`` has, by channel, the outcomes of the bank's own contacts in which the customer was reached; of
    other channels it is ``answered`` alone, and an empty text is an outcome that nobody noted.
    ``control_group_period``: of the calendar, through which a customer stays in the control group.
    ``household_cool_down``: a contact with one member of a household gives the others quiet too.
    """

    default_capacity: Count
    capacity_share: Annotated[float, Field(ge=0, le=1)]
    reasons: Annotated[int, Field(ge=1, le=5)]
    cool_down_weeks: Annotated[int, Field(ge=0, le=52)]
    talked: Named[Listed[str]]
    occasions: Occasions
    household_cool_down: bool
    least_value: Amount
    stay_places: Place
    control_group_share: Annotated[float, Field(ge=0, lt=1)]
    control_group_period: Literal["quarter", "half_year", "year"]
    salt: str
    min_group: Count

    def capacity_of(self, customers: int) -> int:
        """The places of a list of nobody's own capacity, for the number of customers it is chosen from."""
        # 0.28 × 25 is 7.000000000000001 in floats; the small step back keeps that 7.
        return ceil(self.capacity_share * customers - 1e-9) if self.capacity_share else self.default_capacity
