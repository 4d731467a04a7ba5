"""Rows of a published weekly run, which pipeline writes and serve shows. Money is in minor units (1/100)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, get_args

from configs.branch_figures.products import ProductGap
from configs.branch_rows import BranchFigures, Coverage, Departure, FormerCustomer, Handover, TierWatch

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

# Of a manager's call, as it is recorded.
Outcome = Literal["will_stay", "undecided", "leaving", "no_answer", "not_interested", "no_contact"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

# The manager's verdict on an alert: that a customer stood on a list, for the reasons shown.
Feedback = Literal["useful", "already_known", "own_transfer", "purchase", "wrong", "other"]
ALERT_FEEDBACK: tuple[Feedback, ...] = get_args(Feedback)

# Of a list.
ListPart = Literal["this_week", "if_time"]

# Of a reason.
Strength = Literal["strong", "clear", "slight"]

# Of the life cycle; features/families/lifecycle.py tells them.
STAGES = ("new", "growing", "mature", "declining", "dormant")
HORIZONS = (30, 60, 90)  # days; each has its own risk in a published score


@dataclass(frozen=True)
class Reason:
    """One reason behind a score, ready to read; ``contribution`` is in log-odds, positive = riskier."""

    group: str
    feature: str
    value: float | None
    contribution: float
    text_en: str
    text_zh: str

    @property
    def strength(self) -> Strength:
        """The strength by the odds of leaving: doubled and more, a third and more, less."""
        return "strong" if self.contribution >= 0.7 else "clear" if self.contribution >= 0.3 else "slight"


@dataclass(frozen=True)
class Change:
    """One part of a score's change since the run that ``Run.compared_with`` names, in log-odds.

    ``group`` is that of a reason, "model" for what a new model says otherwise of the same old figures, or
    "other"; the parts of a score add up to the change of its raw score.
    """

    group: str
    contribution: float
    text_en: str
    text_zh: str


@dataclass(frozen=True)
class Score:
    """One row per cohort customer of a run.

    A probability is None at horizons that the bank's label does not cover; at least one is known.
    ``risk_own`` is that within ``Run.horizon_days`` where those are neither 30, 60 nor 90.
    ``risk_change`` is that of ``risk``, None for who was not in the cohort of the run compared with.
    ``contact_due_on`` is by the service standard, before the Monday where it is overdue; None: none is due.
    ``movable`` is the part of the leaving that a contact could still change (``configs.response``), None in
    runs of before it was reckoned.
    """

    customer_id: str
    branch_id: str | None
    manager_id: str | None
    tier: str
    lifecycle_stage: str
    marketing_opt_out: bool
    aum_minor: int
    money_at_risk_minor: int
    risk_band: str
    reasons: tuple[Reason, ...]
    risk_30d: float | None = None
    risk_60d: float | None = None
    risk_90d: float | None = None
    risk_change: float | None = None
    changes: tuple[Change, ...] = ()

    @property
    def list_part(self) -> ListPart:
        """The part of a list: whoever is of low risk is called if there is time."""
        return "if_time" if self.risk_band == "low" else "this_week"

    risk_own: float | None = None
    segment: str = ""  # empty where the bank has none
    household_id: str | None = None
    contact_due_on: date | None = None
    movable: float | None = None

    def risks(self, horizon_days: int) -> dict[int, float]:
        """The probability by horizon in days, the shortest first, without the horizons that are not known.

        ``horizon_days`` are those of the run.
        """
        by_days = {30: self.risk_30d, 60: self.risk_60d, 90: self.risk_90d}
        if self.risk_own is not None:
            by_days[horizon_days] = self.risk_own
        return {days: risk for days, risk in by_days.items() if risk is not None}

    @property
    def risk(self) -> float:
        """The probability at the longest horizon known, by which customers are ranked and banded."""
        known = (self.risk_own, self.risk_90d, self.risk_60d, self.risk_30d)
        return next(risk for risk in known if risk is not None)


def risk_name(days: int) -> str:
    """The field of a Score that holds the probability within so many days."""
    return f"risk_{days}d" if days in HORIZONS else "risk_own"


AHEAD_DAYS = 90  # from the snapshot on, within which a profile names what falls due


@dataclass(frozen=True)
class Maturity:
    """A holding of a customer that falls due within AHEAD_DAYS; the balance is in base currency."""

    product_name: str
    product_class: str
    matures_on: date
    balance_minor: int


@dataclass(frozen=True)
class Booking:
    """One booking that weighs in a score: among the largest of the last 13 weeks; + in, − out."""

    booked_on: date
    amount_minor: int
    kind: str
    counterparty: str
    channel: str


@dataclass(frozen=True)
class PastContact:
    """A contact of a manager with a customer, as the bank's own systems tell it."""

    contacted_on: date
    manager_id: str
    channel: str
    purpose: str
    outcome: str | None


@dataclass(frozen=True)
class Profile:
    """One row per cohort customer of a run: what a manager reads beside the score. Seen before the snapshot.

    ``aum_by_class`` holds, per product class held lately, the base currency value at the end of each of the
    last 52 weeks, the oldest first; 0 where nothing was held. Maturities come soonest first, bookings largest
    first, contacts newest first; complaints are the days of those weeks, oldest first. Name and telephone are
    empty where the bank does not deliver them. Gaps come surest first.
    """

    customer_id: str
    aum_by_class: MappingProxyType[str, tuple[int, ...]]
    maturities: tuple[Maturity, ...] = ()
    bookings: tuple[Booking, ...] = ()
    contacts: tuple[PastContact, ...] = ()
    complaints: tuple[date, ...] = ()
    name: str = ""
    phone: str = ""
    gaps: tuple[ProductGap, ...] = ()

    @property
    def aum_by_week(self) -> tuple[int, ...]:
        """AUM at the end of each week: all classes but loans, oldest first."""
        counted = [weeks for name, weeks in self.aum_by_class.items() if name != "loan"]
        return tuple(map(sum, zip(*counted, strict=True)))


@dataclass(frozen=True)
class Exclusion:
    """One row per customer that is not eligible on the snapshot, with the code that says why."""

    customer_id: str
    code: str


@dataclass(frozen=True)
class Decision:
    """One row per cohort customer of a run: whether to call this week, and why.

    ``decision`` and ``why`` are codes of DECISIONS; branch and manager are those of the list, the branch's
    own where ``manager_id`` is None. ``expected_value_minor`` is the money that a contact is expected to
    keep. ``until`` is the first Monday on which a cool-down or an assignment no longer holds; ``assigned_on``
    the Monday of the assignment to the list or the control group, None without one. ``channel`` is that of
    the contact, in the control group of the one that there would be; ``rests_on`` says what is known of its
    effect (configs.response.RESTS_ON), also where that is harm.
    """

    customer_id: str
    branch_id: str | None
    manager_id: str | None
    decision: str
    why: str
    expected_value_minor: int
    rank: int | None = None
    until: date | None = None
    assigned_on: date | None = None
    next_step_en: str | None = None
    next_step_zh: str | None = None
    channel: str | None = None
    rests_on: str | None = None

    def part_of_list(self, score: Score) -> ListPart:
        """The part of the list; a follow-up that was promised is of this week whatever the risk."""
        return "this_week" if self.why == "follow_up" else score.list_part


@dataclass(frozen=True)
class Manager:
    """One row per manager as of the snapshot."""

    manager_id: str
    name: str
    branch_id: str
    weekly_capacity: int
    email: str | None = None


@dataclass(frozen=True)
class PreparedAnswer:
    """One row per scored customer: the answer about the risk, made when the run is published, by language.

    ``form`` names the release that made it; others do not use it.
    """

    customer_id: str
    branch_id: str | None
    manager_id: str | None
    form: str
    en: bytes
    zh: bytes


@dataclass(frozen=True)
class RunExtras:
    """Published with a run, besides scores and lists.

    Profiles and answers are of everyone scored, or of nobody; they and the figures of branches are drawn one
    by one. ``drift``, None where it cannot be measured, and ``calibration`` are those of pipeline/monitoring;
    ``gates`` are the figures and verdicts of pipeline/gates.
    """

    profiles: Iterable[Profile] = ()
    coverage: Iterable[Coverage] = ()
    departures: Iterable[Departure] = ()
    drift: Mapping[str, Any] | None = None
    calibration: Mapping[str, Any] | None = None
    gates: Mapping[str, Any] | None = None
    prepared_answers: Iterable[PreparedAnswer] = ()
    branch_figures: Iterable[BranchFigures] = ()
    tier_watches: Iterable[TierWatch] = ()
    former_customers: Iterable[FormerCustomer] = ()
    handovers: Iterable[Handover] = ()


@dataclass(frozen=True)
class Run:
    """One row per weekly run. ``run_id`` is derived from what went in, so a rerun has the same one."""

    run_id: str
    bank: str
    snapshot_date: date
    model_id: str
    base_currency: str
    horizon_days: int
    cohort: int
    excluded: MappingProxyType[str, int]
    manifest: MappingProxyType[str, str]

    @property
    def has_money(self) -> bool:
        """False where the bank counts customers: amounts of scores and lists are then 0 and mean nothing."""
        return "counts" not in self.manifest

    def amount(self, minor: int) -> float | None:
        """Minor units in units of the currency; None where the bank counts customers."""
        return minor / 100 if self.has_money else None

    @property
    def compared_with(self) -> date | None:
        """The Monday of the earlier run from which changes are counted; None without one."""
        day = self.manifest.get("compared_with")
        return None if day is None else date.fromisoformat(day)

    @property
    def policy(self) -> str:
        """The policy that filled the lists: ``learnt`` from outcomes, or the ``settings`` alone."""
        return self.manifest.get("policy", "learnt")

    @property
    def gate_overrides(self) -> tuple[str, ...]:
        """The gates that a second person overrode, as ``rows:holdings``; empty for nearly every run."""
        return tuple(self.manifest.get("gate_overrides", "").split())

    @property
    def data_through(self) -> dict[str, date]:
        """By table the newest day of each source that is behind; empty for nearly every run."""
        behind = (part.split("=") for part in self.manifest.get("data_through", "").split())
        return {table: date.fromisoformat(day) for table, day in behind}
