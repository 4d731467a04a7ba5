"""A bank's settings: one frozen, strict object per run."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.alarms import Alarms
from configs.announcements import Announcements
from configs.call_lists import ListTerms
from configs.dates import Timeline
from configs.feature_settings import FeatureSettings
from configs.figures import Figures
from configs.gates import Gates, Monitoring
from configs.list_settings import Lists, ResponseSettings
from configs.mail import Mail
from configs.next_steps import NextSteps
from configs.products import ProductSettings
from configs.published import HORIZONS
from configs.segments import Segments, ServiceStandard
from configs.source import Source
from configs.strict import (
    Amount,
    Count,
    Days,
    Listed,
    Named,
    Parameter,
    Rate,
    Sentences,
    Share,
    SomeAmount,
    Strict,
    Weeks,
)
from configs.survey import Survey
from configs.tier_rule import TierRule
from configs.win_back import WinBack

# Whom a customer is compared with: the words for a feature's name, and the cohort's column.
PEER_GROUPS: Mapping[str, str] = MappingProxyType({"tier": "tier", "branch": "branch_id"})
# What changes no byte of a published run beside its tables: places of work, notations, words, judgements.
NOT_IN_RUNS = {"engine", "time_zone", "fixed_rates", "words", "moved_limit", "profit", "promotion",
               "monitoring", "card", "gates", "store", "mail", "announcements", "alarms"}  # fmt: skip
NOT_IN_MODELS = NOT_IN_RUNS | {
    "figures",
    "next_steps",
    "products",
    "response",
    "segments",
    "service_standards",
    "win_back",
}  # nor of a model


class Tier(Strict):
    """One class of customers by wealth: from this average AUM (base currency) upwards."""

    name: str = Field(min_length=1)
    name_zh: str = Field(min_length=1)
    min_aum: Amount


class Cohort(Strict):
    """The eligible customers: average AUM in [min_aum, max_aum), a customer for at least min_tenure_weeks."""

    min_aum: Amount
    max_aum: SomeAmount
    min_tenure_weeks: Annotated[int, Field(ge=0, le=5_200)]

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_aum >= self.max_aum:
            raise ValueError(f"min_aum {self.min_aum} must be below max_aum {self.max_aum}")
        return self


class Label(Strict):
    """The definition of attrition; see features/label.py."""

    definition: Literal["aum_drop", "tier_downgrade", "closure", "dormancy", "silence", "delivered"]
    min_drop: Share
    dormant_floor: Amount
    lead_days: Days
    horizon_days: Annotated[int, Field(ge=1, le=365)]
    base_weeks: Weeks
    settle_days: Annotated[int, Field(ge=1, le=HORIZONS[0])]  # they lie within the shortest window

    @model_validator(mode="after")
    def _horizon(self) -> Self:
        if self.definition != "delivered" and self.horizon_days not in HORIZONS:
            raise ValueError(
                f"horizon_days = {self.horizon_days} must be 30, 60 or 90 with definition = "
                f"{self.definition!r}; any number up to 365 works with definition = 'delivered'"
            )
        return self

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons in days at which a customer's fate is looked at, ascending up to ``horizon_days``.

        Whoever is silent throughout the window is so from its first day, so there is no earlier one; a label
        of the bank's own tells of one.
        """
        if self.definition in ("silence", "delivered"):
            return (self.horizon_days,)
        return tuple(days for days in HORIZONS if days <= self.horizon_days)

    @property
    def weeks_to_close(self) -> int:
        """Whole weeks from a Monday until its outcome window has closed."""
        return -(-(self.lead_days + self.horizon_days) // 7)

    def timeline(self, snapshot_date: date) -> Timeline:
        return Timeline(snapshot_date, self.lead_days, self.horizon_days)


class Training(Strict):
    """Numbers of Mondays that train, tune and evaluate; LightGBM's own parameters.

    Those are for whether and when (``lightgbm``) and for how much (``severity``). ``monotone`` names
    features, patterns of names or groups of reasons. ``peers`` are the features of which the deviation from
    the mean of the tier and of the branch is one more.
    """

    first_after_weeks: Weeks
    judged_snapshots: Weeks
    tuned_snapshots: Weeks
    min_train_snapshots: Weeks
    retrain_weeks: Weeks
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    rounds: Count
    patience: Count
    threads: Annotated[int, Field(ge=1, le=1024)]
    negatives_kept: Annotated[float, Field(ge=0.001, le=1)]
    peers: Annotated[tuple[str, ...], Field(strict=False)]
    monotone: Annotated[tuple[str, ...], Field(strict=False)]
    max_single_auroc: Annotated[float, Field(gt=0.5, le=1)]
    lightgbm: Named[Parameter]
    severity: Named[Parameter]


SILENCE = "booking_silence"  # the column with the probability of no own booking in the outcome window


def deviation(feature: str, group: str) -> str:
    """The name of the column that says how far ``feature`` lies from the mean of the customer's ``group``."""
    return f"{feature}_vs_{group}"


class Bands(Strict):
    """Lower bounds of the risk for the high and the medium band; everything below is low."""

    high: Share
    medium: Share

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.medium >= self.high:
            raise ValueError(f"medium {self.medium} must be below high {self.high}")
        return self

    def of(self, risk: float) -> str:
        return "high" if risk >= self.high else "medium" if risk >= self.medium else "low"


class Profit(Strict):
    """Costs and savings of a call, in base currency; models/capacity.py has the formulas."""

    call_cost: Amount
    success_rate: Annotated[float, Field(gt=0, lt=1)]
    success_evidence: Annotated[float, Field(gt=0, le=1e6)]
    margin: Share


class Promotion(Strict):
    """Limits for a challenger to become champion, and the way of approval; docs/promotion.md."""

    approval: Literal["second person", "automatic"]
    decides: Literal["aum_caught", "recall"]
    against_rules: Literal["not worse", "better", "clearly better"]
    largest_share: Share
    too_old_weeks: Weeks
    not_worse: Annotated[float, Field(ge=0, lt=1)]
    max_ece: Share
    min_slope: Annotated[float, Field(gt=0, lt=1)]  # 1 is right
    max_slope: Annotated[float, Field(gt=1, le=1000)]
    smoke_test_seconds: Annotated[int, Field(ge=1, le=86_400)]


class Card(Strict):
    """Statements of people about a bank's models, for the model card; empty where one is missing."""

    owner: str
    approver: str
    purpose: str
    assumptions: Sentences
    limits: Sentences
    monitoring: Sentences


class History(Strict):
    """Numbers of Mondays whose runs, and whose profiles, the score store keeps, the newest included."""

    keep_weeks: Annotated[int, Field(ge=2, le=5_200)]
    keep_profiles: Annotated[int, Field(ge=1, le=5_200)]


class Engine(Strict):
    """The place of work on buckets: threads of this process, or Spark. The bytes are the same.

    ``storage`` is the address through which Spark's workers reach the tables, for example s3://bucket/folder;
    empty where they mount the data folder under the same path. With more than one of ``executors`` Spark's
    tasks fit the trees together, in at most ``executor_minutes``; the model is then another, equally good.
    """

    kind: Literal["local", "spark"]
    workers: Annotated[int, Field(ge=1, le=1024)]
    spark_master: str = Field(min_length=1)
    storage: str
    executors: Annotated[int, Field(ge=1, le=64)]
    executor_minutes: Annotated[int, Field(ge=1, le=10_080)]

    @model_validator(mode="after")
    def _mounted(self) -> Self:
        if self.executors > 1 and (self.kind != "spark" or self.storage):
            raise ValueError(
                f'executors = {self.executors} fit trees together only with kind = "spark" and an empty '
                f"storage, for each reads the data folder; found kind = {self.kind!r}, storage = "
                f"{self.storage!r}. Mount the folder on every worker, or choose executors = 1"
            )
        return self


class Settings(Strict):
    """Everything a run depends on besides its data; stored with each bundle, but for what changes no byte.

    ``counts`` is what lists and figures add up: money, or customers where no balance is delivered.
    """

    bank: str
    title: str = Field(min_length=1)
    language: Literal["en", "zh"]
    base_currency: str = Field(pattern=r"^[A-Z]{3}$")
    time_zone: str = Field(pattern=r"^[A-Za-z0-9_+/-]*$")
    fixed_rates: Named[Rate]
    sources: Named[Source]
    counts: Literal["money", "customers"]
    tiers: Listed[Tier]
    tier_rule: TierRule
    customers_per_bucket: Count
    quarantine_limit: Annotated[float, Field(ge=0, le=1)]
    quarantine_rows: Annotated[int, Field(ge=0, le=100)]
    words: Named[Listed[str]]
    moved_limit: Annotated[float, Field(ge=0, le=1)]
    cohort: Cohort
    label: Label
    features: FeatureSettings
    training: Training
    bands: Bands
    lists: Lists
    next_steps: NextSteps
    segments: Segments
    service_standards: Listed[ServiceStandard]
    profit: Profit
    response: ResponseSettings
    promotion: Promotion
    monitoring: Monitoring
    card: Card
    gates: Gates
    figures: Figures
    survey: Survey
    products: ProductSettings
    win_back: WinBack
    store: History
    mail: Mail
    announcements: Announcements
    alarms: Alarms
    engine: Engine

    @property
    def peer_groups(self) -> tuple[str, ...]:
        """The keys of PEER_GROUPS that tell customers apart: tiers are by AUM."""
        return tuple(PEER_GROUPS) if self.counts == "money" else ("branch",)

    @property
    def list_terms(self) -> ListTerms:
        """The settings that a reader of the lists must know."""
        label = self.label
        return ListTerms(
            self.language,
            {tier.name: tier.name_zh for tier in self.tiers},
            self.lists.reasons,
            label.horizons,
            label.definition,
            label.min_drop,
            label.dormant_floor,
            0 if label.definition == "delivered" else label.lead_days,  # such a label counts from its own day
            {rule.name: (rule.en, rule.zh) for rule in self.segments.rules},
            tuple(standard.model_dump() for standard in self.service_standards),
            {channel.name: channel.made_by for channel in self.lists.channels},
            self.figures.least_customers,
        )
