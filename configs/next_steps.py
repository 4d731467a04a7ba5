"""The next step for a customer: a table of rules, taken in the order of the customer's own reasons."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.errors import did_you_mean
from configs.published import STAGES, Maturity, Score
from configs.reason_groups import GROUPS
from configs.strict import Days, Listed, Sentences, Strict


class NextStep(Strict):
    """One rule. What is empty or 0 asks for nothing, so a rule with words alone fits everybody.

    It fits a customer who has one of ``reasons`` (groups), is of one of ``tiers``, at one of ``stages``, in
    one of ``segments``, and of whose AUM at least ``maturing_share`` falls due less than ``maturing_days``
    after the Monday.
    """

    reasons: Sentences = ()
    tiers: Sentences = ()
    stages: Sentences = ()
    segments: Sentences = ()
    maturing_days: Days = 0
    maturing_share: Annotated[float, Field(ge=0, le=1)] = 0
    en: str = Field(min_length=1, max_length=120)
    zh: str = Field(min_length=1, max_length=60)

    @model_validator(mode="after")
    def _known(self) -> Self:
        for kind, names, choices in (("reason", self.reasons, GROUPS), ("stage", self.stages, STAGES)):
            for name in names:
                if name not in choices:
                    raise ValueError(f"unknown {kind} {name!r}. {did_you_mean(name, choices)}")
        if self.maturing_share and not self.maturing_days:
            raise ValueError("maturing_share says of how much; say in maturing_days by when")
        return self

    @property
    def fits_everybody(self) -> bool:
        return not (self.reasons or self.tiers or self.stages or self.segments or self.maturing_days)

    def fits(self, score: Score, maturities: Sequence[Maturity], monday: date) -> bool:
        return (
            (not self.reasons or any(reason.group in self.reasons for reason in score.reasons))
            and (not self.tiers or score.tier in self.tiers)
            and (not self.stages or score.lifecycle_stage in self.stages)
            and (not self.segments or score.segment in self.segments)
            and (not self.maturing_days or self._matures(score, maturities, monday))
        )

    def place(self, groups: Sequence[str]) -> int:
        """The place of the first of a customer's ``groups`` that the rule is about; 0 is before all."""
        if self.reasons:
            return next(place for place, group in enumerate(groups) if group in self.reasons)
        return len(groups) if self.fits_everybody else 1

    def _matures(self, score: Score, maturities: Sequence[Maturity], monday: date) -> bool:
        """A loan falls due too, but leaves nothing to place."""
        due = [
            maturity.balance_minor
            for maturity in maturities
            if maturity.product_class != "loan"
            and 0 <= (maturity.matures_on - monday).days < self.maturing_days
        ]
        return sum(due) > 0 and sum(due) >= self.maturing_share * score.aum_minor


class NextSteps(Strict):
    """``bank_rules`` are a bank's, tried before ``rules``; the last of these fits everybody."""

    bank_rules: Annotated[tuple[NextStep, ...], Field(strict=False)]
    rules: Listed[NextStep]

    @model_validator(mode="after")
    def _one_for_everybody(self) -> Self:
        *before, last = (*self.bank_rules, *self.rules)
        if not last.fits_everybody:
            raise ValueError("the last of rules must fit everybody. Leave it without a condition.")
        for rule in before:
            if rule.fits_everybody:
                raise ValueError(f"no rule after {rule.en!r} would be reached. Give it a condition.")
        return self

    def suggested(self, score: Score, maturities: Sequence[Maturity], monday: date) -> NextStep:
        """The step to take first for one customer, whose ``maturities`` are known on ``monday``.

        Rules are taken in the order of the customer's own reasons, a complaint before all others, and in that
        of the tables where two are about the same reason. What matures, and a rule without reasons, stands
        beside the first reason; the rule for everybody comes last.
        """
        groups = [reason.group for reason in score.reasons]
        order = ["complaint" if "complaint" in groups else "", *groups]
        rules = [rule for rule in (*self.bank_rules, *self.rules) if rule.fits(score, maturities, monday)]
        return min(rules, key=lambda rule: rule.place(order))
