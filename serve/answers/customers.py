"""What is told of a customer."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from configs.published import Exclusion, Language, Maturity, Reason, Score
from configs.reason_groups import GROUPS
from serve.answers.contacts import ContactShown
from serve.answers.source import ID, Answer, Money, Probability, Shown, View
from serve.store.read_session import LONGEST, Earlier
from serve.texts.catalogue import TEXTS
from serve.texts.score_change import change_in_words

Band = Literal["high", "medium", "low"]


class ReasonShown(Shown):
    """One reason behind a score, the weightiest first."""

    group: str = Field(description="what the reason is about")
    title: str = Field(description="the group in words")
    text: str = Field(description="a sentence with the customer's own figures")


_RISK = (
    "calibrated probability that the money leaves within {} days; null if the bank's label does not cover it"
)


class Risk(Shown):
    """One customer's figures, alone or on a list."""

    customer_id: str
    tier: str
    lifecycle_stage: str
    aum: Money
    risk_30d: Probability | None = Field(default=None, description=_RISK.format(30))
    risk_60d: Probability | None = Field(default=None, description=_RISK.format(60))
    risk_90d: Probability | None = Field(default=None, description=_RISK.format(90))
    risk_band: Band
    money_at_risk: Money = Field(description="amount expected to leave, in `currency`")
    reasons: tuple[ReasonShown, ...]
    risk_change: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = Field(
        default=None,
        description="of the risk at the longest horizon, since the run before; null for who is new in the cohort",
    )
    change: str | None = Field(default=None, description="the change and what moved it, as a sentence")


class PastRisk(Shown):
    """What an earlier run said."""

    snapshot_date: date
    run_id: str
    model_id: str
    risk_30d: Probability | None = None
    risk_60d: Probability | None = None
    risk_90d: Probability | None = None
    risk_band: Band
    aum: Money
    money_at_risk: Money


class MaturityShown(Shown):
    """A holding that falls due within 90 days of the snapshot."""

    product: str
    product_class: str
    matures_on: date
    balance: Money


class Beside(Shown):
    """What is told of a customer when it is asked for, else null."""

    maturities: tuple[MaturityShown, ...] | None = Field(default=None, description="the soonest first")
    history: tuple[PastRisk, ...] | None = Field(
        default=None, description="earlier Mondays, the newest first"
    )
    contacts: tuple[ContactShown, ...] | None = Field(
        default=None, description="the latest, the newest first"
    )
    opted_out_since: date | None = Field(
        default=None, description="told with the contacts; null: may be called"
    )


class ScoredCustomer(Beside, Risk, Answer):
    """A customer of the cohort."""

    status: Literal["scored"]
    branch_id: str | None
    manager_id: str | None
    marketing_opt_out: bool = Field(description="scored for the bank's view of risk, never on a list")
    currency: str


class ExcludedCustomer(Beside, Answer):
    """A customer who is known but was not eligible on the snapshot."""

    status: Literal["excluded"]
    customer_id: str
    code: str
    explanation: str


class UnknownCustomer(Shown):
    """Whom the run does not know, or whom the role may not see."""

    status: Literal["unknown"]


class CustomersAsked(Shown):
    """Whose risk is asked for."""

    customer_ids: tuple[Annotated[str, Field(pattern=ID)], ...] = Field(min_length=1, max_length=LONGEST)


class CustomersRisk(Answer):
    """The answers for many customers."""

    customers: tuple[
        Annotated[ScoredCustomer | ExcludedCustomer | UnknownCustomer, Field(discriminator="status")], ...
    ] = Field(description="one per number asked for, in that order")


NOT_ASKED = dict.fromkeys(Beside.model_fields)
CustomerRisk = Annotated[ScoredCustomer | ExcludedCustomer, Field(discriminator="status")]


def customer_risk(view: View, found: Score | Exclusion, **beside: Any) -> CustomerRisk:
    """``beside`` are the fields of Beside that were asked for."""
    fields = customer_fields(view, found) | beside
    return ScoredCustomer(**fields) if isinstance(found, Score) else ExcludedCustomer(**fields)


def customer_fields(view: View, found: Score | Exclusion) -> dict[str, Any]:
    """The fields of CustomerRisk in their order, for who sends them without the model around them."""
    if isinstance(found, Score):
        return {
            **view.source,
            **risk(view, found),
            **NOT_ASKED,
            "status": "scored",
            "branch_id": found.branch_id,
            "manager_id": found.manager_id,
            "marketing_opt_out": bool(found.marketing_opt_out),
            "currency": view.run.base_currency,
        }
    explanation = TEXTS[view.language].get(f"excluded.{found.code}", found.code)
    excluded = {"status": "excluded", "customer_id": found.customer_id, "code": found.code}
    return {**view.source, **NOT_ASKED, **excluded, "explanation": explanation}


def customers_risk(view: View, found: Iterable[Score | Exclusion | None]) -> CustomersRisk:
    """None stands for whom nobody knows."""
    unknown = UnknownCustomer(status="unknown")
    customers = (customer_risk(view, one) if one else unknown for one in found)
    return CustomersRisk(**view.source, customers=tuple(customers))


def maturity(one: Maturity) -> MaturityShown:
    return MaturityShown(
        product=one.product_name,
        product_class=one.product_class,
        matures_on=one.matures_on,
        balance=one.balance_minor / 100,
    )


def past_risk(past: Earlier) -> PastRisk:
    fields = past.__dict__ | {
        "snapshot_date": past.day,
        "risk_band": past.band,
        "aum": past.aum_minor / 100,
        "money_at_risk": past.money_at_risk_minor / 100,
    }
    return PastRisk(**{name: fields[name] for name in PastRisk.model_fields})


def risk(view: View, score: Score) -> dict[str, Any]:
    """The fields of Risk."""
    return {
        "customer_id": score.customer_id,
        "tier": score.tier,
        "lifecycle_stage": score.lifecycle_stage,
        "aum": score.aum_minor / 100,
        "risk_30d": score.risk_30d,
        "risk_60d": score.risk_60d,
        "risk_90d": score.risk_90d,
        "risk_band": score.risk_band,
        "money_at_risk": score.money_at_risk_minor / 100,
        "reasons": [_shown(reason, view.language) for reason in score.reasons],
        "risk_change": score.risk_change,
        "change": change_in_words(view.run, score, view.language) or None,
    }


def _shown(reason: Reason, language: Language) -> dict[str, str]:
    """The fields of ReasonShown. A group of an older release has no title."""
    group = GROUPS.get(reason.group)
    if language == "zh":
        return {"group": reason.group, "title": group.zh if group else reason.group, "text": reason.text_zh}
    return {"group": reason.group, "title": group.en if group else reason.group, "text": reason.text_en}
