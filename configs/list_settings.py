"""Settings of the weekly lists: their length and order, who is kept off, and the control group."""

from math import ceil
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from configs.errors import did_you_mean
from configs.published import Score
from configs.reason_groups import GROUPS
from configs.strict import Amount, Count, Listed, Named, Place, Sentences, Share, Strict, Weeks

ChannelName = Literal["phone", "message", "visit", "offer"]
CHANNELS: tuple[ChannelName, ...] = get_args(ChannelName)
MadeBy = Literal["manager", "branch_head"]


class Occasions(Strict):
    """Events that end a cool-down if they follow the contact.

    At least ``maturing_share`` of AUM falls due within ``maturing_days``; the largest payment of the year
    went out, at least ``outflow_share`` of AUM; a complaint. 0 and false: that does not.
    """

    maturing_days: Annotated[int, Field(ge=0, le=60)]
    maturing_share: Share
    outflow_share: Annotated[float, Field(ge=0, le=1)]
    complaint: bool


class Channel(Strict):
    """One way to contact the customers of a list, with what is assumed of it before outcomes are known.

    ``response``: what one contact achieves, as a multiple of a call's ``profit.success_rate``. ``places``:
    how much of a list's weekly capacity one takes. ``cost``: of one, in base currency; where none is named,
    that many times ``profit.call_cost``. It may go to who is of one of ``tiers``, in one of
    ``segments`` and has one of ``reasons`` (groups); what is empty asks for nothing.
    """

    name: ChannelName
    response: Annotated[float, Field(gt=0, le=10)]
    places: Annotated[float, Field(ge=0.01, le=20)]
    cost: Amount | None = None
    made_by: MadeBy = "manager"
    tiers: Sentences = ()
    segments: Sentences = ()
    reasons: Sentences = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.reasons:
            if name not in GROUPS:
                raise ValueError(f"unknown reason {name!r}. {did_you_mean(name, GROUPS)}")
        return self

    @property
    def fits_everybody(self) -> bool:
        return not (self.tiers or self.segments or self.reasons)

    def fits(self, score: Score) -> bool:
        return (
            (not self.tiers or score.tier in self.tiers)
            and (not self.segments or score.segment in self.segments)
            and (not self.reasons or any(reason.group in self.reasons for reason in score.reasons))
        )

    @property
    def percent_of_place(self) -> int:
        """Hundredths of a place that one contact takes, so that sums of places are exact."""
        return round(100 * self.places)

    def cost_of_one(self, call_cost: float) -> float:
        """Base currency."""
        return call_cost * self.places if self.cost is None else self.cost


class ResponseSettings(Strict):
    """What is believed of a contact before outcomes, and how fast outcomes change it; docs/lists.md.

    ``timing``: what a contact does to who leaves by the horizons of 30, 60 and 90 days, relative to the
    others. ``decided_share``: whoever has this share of AUM less than on average in the last weeks is
    decided. ``group_spread``: standard deviation of the share kept between reasons, between risk bands and
    between stages. ``half_life_weeks``: an outcome loses half of its weight in so many.
    ``harm_probability``: from this probability of harm on nobody is disturbed.
    """

    timing: Annotated[Listed[Annotated[float, Field(ge=0, le=1)]], Field(min_length=3, max_length=3)]
    decided_share: Share
    group_spread: Annotated[float, Field(gt=0, le=1)]
    half_life_weeks: Weeks
    harm_probability: Annotated[float, Field(ge=0.5, lt=1)]


class Lists(Strict):
    """Length and order of a manager's weekly list, and the control group beside it; docs/lists.md.

    ``talked`` has, by channel, the outcomes of the bank's own contacts in which the customer was reached; of
    other channels it is ``answered`` alone, and an empty text is an outcome that nobody noted.
    Whoever was contacted on ``most_contacts`` days within ``contact_weeks``, whether reached or not, is left
    alone by lists and campaigns alike; 0: no such cap.
    ``control_group_period``: of the calendar, through which a customer stays in the control group.
    ``channels`` are those through which lists contact customers, each named once.
    ``household_cool_down``: a contact with one member of a household gives the others quiet too.
    """

    default_capacity: Count
    capacity_share: Annotated[float, Field(ge=0, le=1)]
    reasons: Annotated[int, Field(ge=1, le=5)]
    cool_down_weeks: Annotated[int, Field(ge=0, le=52)]
    most_contacts: Annotated[int, Field(ge=0, le=100)]
    contact_weeks: Annotated[int, Field(ge=1, le=52)]
    talked: Named[Listed[str]]
    occasions: Occasions
    household_cool_down: bool
    least_value: Amount
    stay_places: Place
    control_group_share: Annotated[float, Field(ge=0, lt=1)]
    control_group_period: Literal["quarter", "half_year", "year"]
    salt: str
    min_group: Count
    channels: Listed[Channel]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [channel.name for channel in self.channels]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{names.count(name)} channels are named {name!r}. Leave one of them")
        if not any(channel.fits_everybody for channel in self.channels):
            raise ValueError(
                "no channel is for everybody, so that some customers could never be contacted. Leave tiers, "
                "segments and reasons out of one of the channels"
            )
        return self

    @property
    def responses(self) -> dict[str, float]:
        """By channel what a contact does, as a multiple of what a call does."""
        return {channel.name: channel.response for channel in self.channels}

    def capacity_of(self, customers: int) -> int:
        """The places of a list of nobody's own capacity, for the number of customers it is chosen from."""
        # 0.28 × 25 is 7.000000000000001 in floats; the small step back keeps that 7.
        return ceil(self.capacity_share * customers - 1e-9) if self.capacity_share else self.default_capacity
