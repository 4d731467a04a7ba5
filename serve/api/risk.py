"""One customer's figures and the decision about the customer: the part that answers and lists have alike."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from configs.published import Decision, Language, ListPart, Score, Strength
from configs.response import parts_of
from serve.http.responses import OptionalMoney, Probability, ResponseContext, Schema
from serve.texts.decisions import decision_in_words, rests_on_in_words, until_of
from serve.texts.wording import Wording, change_in_words

Band = Literal["high", "medium", "low"]
HorizonRisk = TypeAliasType(
    "HorizonRisk",
    Annotated[
        Probability | None,
        Field(
            description="calibrated probability of attrition within so many days; null if the bank's label "
            "does not reach"
        ),
    ],
)


class ReasonSchema(Schema):
    """One reason behind a score, the weightiest first."""

    group: str = Field(description="what the reason is about")
    title: str = Field(description="the group in words")
    text: str = Field(description="what happened, in a sentence with the customer's own figures")
    strength: Strength = Field(description="by how much it raises the odds of leaving")


class Risk(Schema):
    """One customer's figures and this week's decision, alone or on a list."""

    customer_id: str
    tier: str | None = Field(description="class by average AUM; null where the bank counts customers")
    lifecycle_stage: str
    aum: OptionalMoney
    risk_30d: HorizonRisk = None
    risk_60d: HorizonRisk = None
    risk_90d: HorizonRisk = None
    risk: Probability = Field(description="that at the longest horizon, by which customers are ranked")
    horizon_days: int = Field(description="days that `risk` looks ahead")
    risk_band: Band
    money_at_risk: OptionalMoney = Field(description="amount expected to leave")
    reasons: tuple[ReasonSchema, ...]
    risk_change: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = Field(
        default=None,
        description="of `risk`, since the run before; null: new in the cohort",
    )
    change: str | None = Field(default=None, description="the change and what moved it, as a sentence")
    decision: str = Field(description="listed, or a code that says why not: docs/lists.md")
    decision_why: str = Field(description="the code of the reason for the decision")
    decision_text: str = Field(description="the decision in a sentence")
    decision_until: date | None = Field(
        default=None, description="the Monday from which a cool-down or the control group ends"
    )
    rank: Annotated[int, Field(ge=1)] | None = Field(default=None, description="place on the list")
    part: ListPart | None = Field(default=None, description="of the list")
    money_to_keep: OptionalMoney = Field(
        description="what a call is expected to keep: the order within each part"
    )
    next_step: str | None = Field(default=None, description="what to do first; for listed customers")
    channel: str | None = None
    rests_on: str | None = Field(default=None, description="docs/lists.md")
    rests_on_text: str | None = None
    segment: str | None = Field(default=None, description="by value, risk and stage: docs/lists.md")
    contact_due_on: date | None = Field(default=None, description="by service standard; past: overdue")


def risk_fields(context: ResponseContext, score: Score, decision: Decision) -> dict[str, Any]:
    """The fields of Risk, in their order."""
    words = Wording(context.language)
    return {
        "customer_id": score.customer_id,
        "tier": score.tier if context.run.has_money else None,
        "lifecycle_stage": score.lifecycle_stage,
        "aum": context.amount(score.aum_minor),
        "risk_30d": score.risk_30d,
        "risk_60d": score.risk_60d,
        "risk_90d": score.risk_90d,
        "risk": score.risk,
        "horizon_days": context.run.horizon_days,
        "risk_band": score.risk_band,
        "money_at_risk": context.amount(score.money_at_risk_minor),
        "reasons": [
            {
                "group": reason.group,
                "title": words.group(reason.group),
                "text": words.of(reason),
                "strength": reason.strength,
            }
            for reason in score.reasons
        ],
        "risk_change": score.risk_change,
        "change": change_in_words(context.run, score, context.language) or None,
        **decision_codes(context, score, decision),
        "money_to_keep": context.amount(decision.expected_value_minor),
        "next_step": next_step(decision, context.language),
        **policy_fields(decision, context.language),
        "segment": score.segment or None,
        "contact_due_on": score.contact_due_on,
    }


def decision_codes(context: ResponseContext, score: Score, decision: Decision) -> dict[str, Any]:
    """The decision, its reason and sentence, the day on which it ends, and the place on the list."""
    return {
        "decision": decision.decision,
        "decision_why": decision.why,
        "decision_text": decision_in_words(context.run, decision, context.language),
        "decision_until": until_of(decision),
        "rank": decision.rank,
        "part": decision.part_of_list(score) if decision.rank else None,
    }


def policy_fields(decision: Decision, language: Language) -> dict[str, str | None]:
    """The channel of who is listed, and the evidence of its effect; None of everybody else."""
    shown = decision.rank is not None and decision.rests_on
    return {
        "channel": decision.channel if shown else None,
        "rests_on": parts_of(decision.rests_on)[0] if decision.rests_on and shown else None,
        "rests_on_text": rests_on_in_words(decision, language) if shown else None,
    }


def next_step(decision: Decision, language: Language) -> str | None:
    return decision.next_step_zh if language == "zh" else decision.next_step_en
