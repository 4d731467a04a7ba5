"""Campaigns: an audience by rule is contacted through one channel, and compared with a control group.

What the service keeps, pipeline sends and pages show. Money of a rule is in base currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from configs.dates import latest_monday
from configs.errors import did_you_mean
from configs.list_settings import ChannelName
from configs.published import AHEAD_DAYS, STAGES
from configs.reason_groups import GROUPS
from configs.segments import LEVELS
from configs.strict import MOST
from configs.tables import PRODUCT_CLASSES

State = Literal["draft", "approved", "sent", "ended", "refused", "withdrawn"]
STATES: tuple[State, ...] = get_args(State)
LONGEST_CAMPAIGN = timedelta(weeks=26)
LARGEST = 1_000_000  # customers who are contacted
MOST_CONTROL = 0.9

# The arms of a campaign's members, and why somebody whom the rule fits is in neither of the first two.
Arm = Literal["contact", "control", "lasting_control", "left_out"]
ARMS: tuple[Arm, ...] = get_args(Arm)
LEFT_OUT: dict[str, str] = {
    "opted_out": "wants no contact, by the bank's own record or an outcome recorded here",
    "in_campaign": "is in another campaign whose outcome is open, or somebody of the household is",
    "do_not_disturb": "a contact is likely to do harm",
    "listed": "stands on this week's list or in its control group, or somebody of the household does",
    "contacted": "was reached so lately that the weekly lists leave the customer alone too",
    "in_experiment": "was listed, or in the control group of the lists, and that outcome is still open",
    "too_often": "was contacted lists.most_contacts times within lists.contact_weeks",
    "household": "another member of the household is in this campaign",
    "beyond_size": "others are expected to keep more money",
}


def _day(day: object) -> object:
    """A day as JSON and forms have it; anything else but a date is refused by its type."""
    return date.fromisoformat(day) if isinstance(day, str) else day


def _monday(day: date) -> date:
    if day.weekday():
        raise ValueError(f"{day} is a {day:%A}, and a campaign begins and ends on Mondays. "
                         f"Use {latest_monday(day)}, or the one after")  # fmt: skip
    return day


class _Plain(BaseModel):
    """Frozen and strict, and readable from JSON: dates as text, lists as tuples."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


Name = Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Names = Annotated[tuple[Name, ...], Field(strict=False, max_length=50)]
Money = Annotated[float, Field(gt=0, le=MOST)]
Monday = Annotated[date, BeforeValidator(_day), AfterValidator(_monday)]


class AudienceRule(_Plain):
    """Whom a campaign is for: who has one of each list's names and reaches each bound; empty fits all.

    ``product_gaps`` are classes that the customer lacks and may be proposed; ``maturing_days``: something
    falls due within so many days after the Monday.
    """

    segments: Names = ()
    tiers: Names = ()
    stages: Names = ()
    reasons: Names = ()
    risk_bands: Names = ()
    branches: Names = ()
    product_gaps: Names = ()
    maturing_days: Annotated[int, Field(ge=1, le=AHEAD_DAYS)] | None = None
    least_aum: Money | None = None
    least_money_at_risk: Money | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        for kind, names, choices in (
            ("stage", self.stages, STAGES),
            ("reason", self.reasons, GROUPS),
            ("risk band", self.risk_bands, LEVELS),
            ("product class", self.product_gaps, tuple(name for name in PRODUCT_CLASSES if name != "loan")),
        ):
            for name in names:
                if name not in choices:
                    raise ValueError(f"unknown {kind} {name!r}. {did_you_mean(name, choices)}")
        for key, names in self.model_dump().items():
            if isinstance(names, tuple) and len(set(names)) < len(names):
                raise ValueError(f"{key} names something twice. Name each once")
        return self

    @property
    def of_profiles(self) -> bool:
        """Whether it asks for what stands in profiles alone: gaps and maturities."""
        return bool(self.product_gaps or self.maturing_days)

    @property
    def asked(self) -> dict[str, Any]:
        """The conditions that are set, as plain JSON."""
        return {name: value for name, value in self.model_dump(mode="json").items() if value}


class Plan(_Plain):
    """What somebody proposes: whom to contact, how many at most, how and when.

    ``control_share`` of the audience is kept back on top, to compare: without it no effect can be measured.
    """

    title: str = Field(min_length=1, max_length=120)
    rule: AudienceRule = Field(default_factory=AudienceRule)
    size: Annotated[int, Field(ge=1, le=LARGEST)]
    channel: ChannelName
    starts_on: Monday
    ends_on: Monday
    control_share: Annotated[float, Field(ge=0, le=MOST_CONTROL)]

    @model_validator(mode="after")
    def _period(self) -> Self:
        if not self.title.strip() or not self.title.isprintable():
            raise ValueError("title must be words on one line")
        if not self.starts_on < self.ends_on:
            raise ValueError(
                f"ends_on = {self.ends_on} must be after starts_on = {self.starts_on}: it is the first "
                "Monday on which nobody is contacted any more"
            )
        if self.ends_on - self.starts_on > LONGEST_CAMPAIGN:
            raise ValueError(
                f"starts_on = {self.starts_on} to ends_on = {self.ends_on} is longer than "
                f"{LONGEST_CAMPAIGN.days // 7} weeks. Divide it: each part has an audience of its own time"
            )
        return self

    @property
    def last_day(self) -> date:
        """The last day on which somebody may be contacted."""
        return self.ends_on - timedelta(days=1)

    @property
    def measurable(self) -> bool:
        """False where nobody is kept back, so that no effect can be measured."""
        return self.control_share > 0


@dataclass(frozen=True)
class Campaign:
    """One row per campaign. ``run_id`` is the run of the audience, ``sent_on`` its Monday; times are in UTC.

    ``sent`` has, once it is sent, the members of each arm and who was left out, by why; ``why`` are the words
    of whoever refused or withdrew it.
    """

    campaign_id: str
    plan: Plan
    author: str
    created_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    refused_by: str | None = None
    refused_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    why: str = ""
    sent_on: date | None = None
    run_id: str | None = None
    sent: Mapping[str, Any] = field(default_factory=dict)

    def state(self, monday: date) -> State:
        """The state on a Monday; one whose period is over has ended, whether or not it was ever sent."""
        if self.refused_at:
            return "refused"
        if self.withdrawn_at:
            return "withdrawn"
        if monday >= self.plan.ends_on:
            return "ended"
        return "sent" if self.sent_on else "approved" if self.approved_at else "draft"

    def due(self, monday: date) -> bool:
        """Whether it is to be sent with the run of a Monday."""
        return self.state(monday) == "approved" and self.plan.starts_on <= monday


@dataclass(frozen=True)
class Preview:
    """Whom a rule fits in the served run, as of now. Money is in minor units.

    ``fits`` customers of whom each of ``left_out`` (by a key of LEFT_OUT) gets nothing, so that ``free``
    stay, of whom ``contacts`` are contacted and about ``control`` kept back. Those in the lasting control
    group, and those contacted too often, are found when it is sent. ``exact`` is False where so many meet
    the other conditions that gaps and maturities were not looked at: the counts are then bounds from above.
    """

    fits: int
    left_out: Mapping[str, int]
    free: int
    contacts: int
    control: int
    money_at_risk_minor: int
    exact: bool


@dataclass(frozen=True)
class CampaignMember:
    """One row per customer of a campaign's list, the most money to keep first. Money is in minor units.

    Branch and manager are those in charge in the served run; all else is as of the sending.
    """

    customer_id: str
    branch_id: str | None
    manager_id: str | None
    rank: int
    tier: str
    lifecycle_stage: str
    reason_group: str
    risk: float
    risk_band: str
    money_at_risk_minor: int
    expected_value_minor: int
