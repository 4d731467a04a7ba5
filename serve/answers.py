"""What the service shows, apart from how it is stored. Money in whole currency, two decimals at most."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.groups import GROUPS, Group
from configs.published import Exclusion, Manager, Reason, Run, Score
from serve.moved import change_in_words
from serve.texts import TEXTS, Language

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Money = Annotated[float, Field(allow_inf_nan=False, description="in `currency`, at most two decimals")]
Band = Literal["high", "medium", "low"]


class Answer(BaseModel):
    """Where every answer comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    snapshot_date: date = Field(description="the Monday the answer holds for; that day itself is not seen")
    run_id: str = Field(description="the weekly run that was published")
    model_id: str = Field(description="the model that scored")


class ReasonShown(BaseModel):
    """One reason behind a score, the weightiest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str = Field(description="what the reason is about")
    title: str = Field(description="the group in words")
    text: str = Field(description="a sentence with the customer's own figures")


_RISK = (
    "calibrated probability that the money leaves within {} days; null if the bank's label does not cover it"
)


class Risk(BaseModel):
    """One customer's figures, alone or on a list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class ScoredCustomer(Risk, Answer):
    """A customer of the cohort."""

    status: Literal["scored"]
    branch_id: str | None
    manager_id: str | None
    marketing_opt_out: bool = Field(description="scored for the bank's view of risk, never on a list")
    currency: str


class ExcludedCustomer(Answer):
    """A customer who is known but was not eligible on the snapshot."""

    status: Literal["excluded"]
    customer_id: str
    code: str
    explanation: str


CustomerRisk = Annotated[ScoredCustomer | ExcludedCustomer, Field(discriminator="status")]


class ListedCustomer(Risk):
    """One row of a manager's list."""

    rank: int = Field(ge=1)


class ManagerList(Answer):
    """A manager's customers to call this week, the most money at risk first."""

    manager_id: str
    name: str
    branch_id: str
    weekly_capacity: int = Field(ge=0)
    currency: str
    customers: tuple[ListedCustomer, ...]


class LatestRun(Answer):
    """The run that is served now."""

    bank: str
    currency: str
    cohort: int = Field(ge=0, description="customers scored")
    excluded: dict[str, int] = Field(description="customers not eligible, by code")


class Health(BaseModel):
    """The service answers; /readyz also reads the store."""

    status: Literal["ok"]


def latest_run(run: Run) -> LatestRun:
    return LatestRun(
        **_source(run),
        bank=run.bank,
        currency=run.base_currency,
        cohort=run.cohort,
        excluded=dict(run.excluded),
    )


def customer_risk(run: Run, found: Score | Exclusion, language: Language) -> CustomerRisk:
    if isinstance(found, Score):
        return _scored(run, found, language)
    explanation = TEXTS[language].get(f"excluded.{found.code}", found.code)
    return ExcludedCustomer(
        **_source(run),
        status="excluded",
        customer_id=found.customer_id,
        code=found.code,
        explanation=explanation,
    )


def manager_list(run: Run, manager: Manager, listed: tuple[Score, ...], language: Language) -> ManagerList:
    customers = (
        ListedCustomer(rank=rank, **_risk(run, score, language)) for rank, score in enumerate(listed, start=1)
    )
    return ManagerList(
        **_source(run),
        manager_id=manager.manager_id,
        name=manager.name,
        branch_id=manager.branch_id,
        weekly_capacity=manager.weekly_capacity,
        currency=run.base_currency,
        customers=tuple(customers),
    )


def _scored(run: Run, score: Score, language: Language) -> ScoredCustomer:
    return ScoredCustomer(
        **_source(run),
        **_risk(run, score, language),
        status="scored",
        branch_id=score.branch_id,
        manager_id=score.manager_id,
        marketing_opt_out=score.marketing_opt_out,
        currency=run.base_currency,
    )


def _source(run: Run) -> dict[str, Any]:
    return {"snapshot_date": run.snapshot_date, "run_id": run.run_id, "model_id": run.model_id}


def _risk(run: Run, score: Score, language: Language) -> dict[str, Any]:
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
        "reasons": tuple(_shown(reason, language) for reason in score.reasons),
        "risk_change": score.risk_change,
        "change": change_in_words(run, score, language) or None,
    }


def _shown(reason: Reason, language: Language) -> ReasonShown:
    group = GROUPS.get(reason.group, Group(reason.group, reason.group))
    if language == "zh":
        return ReasonShown(group=reason.group, title=group.zh, text=reason.text_zh)
    return ReasonShown(group=reason.group, title=group.en, text=reason.text_en)
