"""Segments of scored customers, and the service that each of them is due: tables of rules, tried in order."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.errors import did_you_mean
from configs.published import STAGES
from configs.strict import Amount, Listed, Sentences, SomeAmount, Strict

LEVELS = ("high", "medium", "low")  # of value and of risk
LONGEST_OVERDUE = 364  # days; nobody is told to be overdue for longer
Person = Literal["manager", "branch_head", "anybody"]


class SegmentRule(Strict):
    """One segment: who has one of these values, risk bands and lifecycle stages; what is empty fits all."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    en: str = Field(min_length=1, max_length=60)
    zh: str = Field(min_length=1, max_length=30)
    values: Sentences = ()
    risks: Sentences = ()
    stages: Sentences = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        kinds = (("value", self.values, LEVELS), ("risk", self.risks, LEVELS), ("stage", self.stages, STAGES))
        for kind, names, choices in kinds:
            for name in names:
                if name not in choices:
                    raise ValueError(f"unknown {kind} {name!r}. {did_you_mean(name, choices)}")
        return self

    @property
    def fits_everybody(self) -> bool:
        return not (self.values or self.risks or self.stages)

    def fits(self, value: str, risk_band: str, stage: str) -> bool:
        return (
            (not self.values or value in self.values)
            and (not self.risks or risk_band in self.risks)
            and (not self.stages or stage in self.stages)
        )


class Segments(Strict):
    """A customer is of high or medium value from these AUM (base currency) upwards, else of low value.

    Of ``rules`` the first that fits is the customer's segment; the last fits everybody.
    """

    medium_value: Amount
    high_value: SomeAmount
    rules: Listed[SegmentRule]

    @model_validator(mode="after")
    def _exhaustive(self) -> Self:
        if self.medium_value >= self.high_value:
            raise ValueError(f"medium_value {self.medium_value} must be below high_value {self.high_value}")
        *before, last = self.rules
        if not last.fits_everybody:
            raise ValueError(f"the last of rules, {last.name!r}, must fit everybody. Leave it no condition")
        for rule in before:
            if rule.fits_everybody:
                raise ValueError(f"no rule after {rule.name!r} would be reached. Give it a condition")
        for name in sorted({name for name in self.names if self.names.count(name) > 1}):
            raise ValueError(f"{self.names.count(name)} rules are named {name!r}. Give each its own name")
        return self

    @property
    def names(self) -> list[str]:
        return [rule.name for rule in self.rules]

    def of(self, aum_minor: int, risk_band: str, stage: str) -> str:
        """The name of one customer's segment, by what stands in the score."""
        aum = aum_minor / 100
        value = "high" if aum >= self.high_value else "medium" if aum >= self.medium_value else "low"
        return next(rule.name for rule in self.rules if rule.fits(value, risk_band, stage))


class ServiceStandard(Strict):
    """A contact every so many ``days``, through one of ``channels``, by ``who``; the first that fits counts.

    It fits a customer who is in one of ``segments`` and of one of ``tiers``; empty is any, and so is an empty
    ``channels``. ``manager`` is the one in charge. Where nobody is in charge, or a branch has no branch head
    on record, a contact by anybody counts.
    """

    segments: Sentences = ()
    tiers: Sentences = ()
    days: Annotated[int, Field(ge=1, le=365)]
    channels: Sentences = ()
    who: Person = "anybody"

    @property
    def fits_everybody(self) -> bool:
        return not (self.segments or self.tiers)

    def fits(self, segment: str, tier: str) -> bool:
        return (not self.segments or segment in self.segments) and (not self.tiers or tier in self.tiers)


def standard_of(standards: Sequence[ServiceStandard], segment: str, tier: str) -> int:
    """The place among ``standards`` of the one that a customer is due."""
    return next(place for place, standard in enumerate(standards) if standard.fits(segment, tier))
