"""Campaigns: proposed after a preview, decided about by a second person, and their customers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args

from fastapi import HTTPException, Path
from pydantic import Field
from sqlalchemy import Connection

from configs.campaigns import Campaign, CampaignMember, Plan, State
from configs.list_settings import ChannelName
from serve.api.requests import (
    BODY,
    GONE_RUN,
    UNCHANGED,
    IdempotencyKey,
    MoneyWritten,
    OpenedStore,
    PageCursor,
    PageSize,
    TextLanguage,
    authorized_router,
)
from serve.auth.access import Access, Granted
from serve.http.problem_kinds import Refusal
from serve.http.problems import documented
from serve.http.responses import ID, OptionalMoney, ResponseContext, RunResponse, Schema
from serve.store import campaign_members, campaigns
from serve.store.audience import preview
from serve.store.campaigns import CampaignError, OwnApprovalError, UnknownCampaignError
from serve.store.contacts import ConflictError
from serve.store.read_session import ReadSession
from serve.texts.campaigns import step_in_words
from serve.texts.wording import Wording

NO_CAMPAIGN = "There is no such campaign."
OTHER_PLAN = "This key was used for another campaign."
SECOND_PERSON = "A second person approves or refuses a campaign."
router = authorized_router("campaigns")
CampaignId = Annotated[str, Path(pattern=ID, description="the number of the campaign")]
DecisionName = Literal["approve", "refuse", "withdraw"]
DECISIONS: tuple[DecisionName, ...] = get_args(DecisionName)


class CampaignDecision(Schema):
    """A decision about a campaign."""

    decision: DecisionName
    why: str = Field(
        default="", max_length=campaigns.LONGEST_WHY, description="asked for unless it is approved"
    )


class Counts(Schema):
    """Customers whom a campaign contacts, or keeps back to compare."""

    contact: int
    control: int
    lasting_control: int | None = Field(description="of all campaigns; null before the sending")
    left_out: dict[str, int] = Field(description="by a code of docs/campaigns.md")


class PlanPreview(RunResponse, Counts):
    """The customers whom a plan would reach now."""

    currency: str
    fits: int = Field(description="who meet the conditions")
    free: int = Field(description="of them, one of each household")
    money_at_risk: OptionalMoney
    exact: bool = Field(description="false: upper limits, without gaps and maturities")


class Decided(Schema):
    """A decision, by whom and when."""

    decision: DecisionName
    by: str
    at: datetime


class CampaignEntry(Schema):
    """A campaign and who decided about it."""

    campaign_id: str
    plan: Plan
    state: State
    author: str
    created_at: datetime
    decided: tuple[Decided, ...]
    why: str = Field(description="of the refusal or withdrawal")
    sent_on: date | None = Field(description="the Monday of its audience")
    sent: Counts | None
    effect: dict[str, Any] | None = Field(description="docs/campaigns.md")


class CampaignAnswer(RunResponse, CampaignEntry):
    """One campaign."""


class Campaigns(RunResponse):
    """The campaigns within reach."""

    campaigns: tuple[CampaignEntry, ...] = Field(description="the newest first")
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


class CampaignCustomer(Schema):
    """One customer to contact; money as of the sending."""

    customer_id: str
    branch_id: str | None
    manager_id: str | None
    rank: int
    reason: str = Field(description="group of the first reason; empty without one")
    money_at_risk: OptionalMoney
    money_to_keep: OptionalMoney


class CampaignCustomers(RunResponse):
    """The customers whom a campaign contacts; nobody before it is sent or once withdrawn."""

    campaign_id: str
    currency: str
    channel: ChannelName
    next_step: str = Field(description="alike for all")
    matching: int = Field(ge=0, description="customers on all pages")
    customers: tuple[CampaignCustomer, ...] = Field(description="by rank")
    next_cursor: str | None = Field(default=None, description="of the next page; null on the last")


@router.get("/campaigns", responses=UNCHANGED | GONE_RUN)
def list_campaigns(access: Granted, limit: PageSize = 100, cursor: PageCursor = None) -> Campaigns:
    """The campaigns within reach; of a manager those with own customers to contact."""
    with access.paging(cursor) as (session, start):
        listed = campaigns.listed(session.connection, access.scope)
        shown = listed[start : start + limit]
        page = tuple(CampaignEntry(**_fields(session, campaign)) for campaign in shown)
    next_cursor = access.cursor(session, start + limit, len(listed))
    return Campaigns(**access.context(session.run).source, campaigns=page, next_cursor=next_cursor)


@router.post("/campaigns/preview", responses=UNCHANGED | BODY)
def preview_campaign(sent: Plan, access: Granted, money: MoneyWritten = "number") -> PlanPreview:
    """Counts whom a plan would reach now; nothing is recorded."""
    with access.at_run() as session:
        try:
            counts = preview(session, campaigns.checked(session, sent))
        except CampaignError as error:
            raise refusal(error) from None
    context = access.context(session.run, money=money)
    return PlanPreview(
        **context.source,
        currency=session.run.base_currency,
        contact=counts.contacts,
        control=counts.control,
        lasting_control=None,
        left_out=dict(counts.left_out),
        fits=counts.fits,
        free=counts.free,
        money_at_risk=context.amount(counts.money_at_risk_minor),
        exact=counts.exact,
    )


@router.post(
    "/campaigns",
    status_code=201,
    responses=UNCHANGED | BODY | documented(e409=OTHER_PLAN),
)
def create_campaign(
    sent: Plan, idempotency_key: IdempotencyKey, access: Granted, store: OpenedStore
) -> CampaignAnswer:
    """Proposes a campaign once: sent again under its key, it gets the campaign as it stands."""
    try:
        with store.append() as connection:
            campaign = campaigns.create(connection, sent, idempotency_key, access.author, access.scope)
    except CampaignError as error:
        raise refusal(error) from None
    except ConflictError:
        raise Refusal("key-reused", OTHER_PLAN) from None
    access.about(campaign.campaign_id)
    return _answer(access, campaign)


@router.get("/campaigns/{campaign_id}", responses=UNCHANGED | documented(e404=NO_CAMPAIGN))
def one_campaign(campaign_id: CampaignId, access: Granted) -> CampaignAnswer:
    """A campaign with its state and effect."""
    with access.at_run() as session:
        campaign = _known(session.connection, campaign_id, access)
        return CampaignAnswer(**access.context(session.run).source, **_fields(session, campaign))


@router.post(
    "/campaigns/{campaign_id}/approval",
    responses=UNCHANGED | BODY | documented(e404=NO_CAMPAIGN, e409=SECOND_PERSON),
)
def decide_campaign(
    campaign_id: CampaignId, sent: CampaignDecision, access: Granted, store: OpenedStore
) -> CampaignAnswer:
    """Approves, refuses or withdraws a campaign; the same again changes nothing."""
    try:
        with store.append() as connection:
            campaign = decide(connection, access, campaign_id, sent.decision, sent.why)
    except UnknownCampaignError:
        raise HTTPException(404, NO_CAMPAIGN) from None
    except CampaignError as error:
        raise refusal(error) from None
    return _answer(access, campaign)


@router.get(
    "/campaigns/{campaign_id}/members",
    responses=UNCHANGED | GONE_RUN | documented(e404=NO_CAMPAIGN),
)
def campaign_customers(
    campaign_id: CampaignId,
    access: Granted,
    language: TextLanguage = "en",
    limit: PageSize = 100,
    cursor: PageCursor = None,
    money: MoneyWritten = "number",
) -> CampaignCustomers:
    """The customers within reach whom a campaign contacts; who opted out since is not among them."""
    with access.paging(cursor) as (session, last_rank):
        campaign = _known(session.connection, campaign_id, access)
        members = campaign_members.members(session, campaign_id, limit=limit + 1, above=last_rank)
        matching = campaign_members.member_count(session, campaign_id)
    page = members[:limit]
    context = access.context(session.run, money=money)
    return CampaignCustomers(
        **context.source,
        campaign_id=campaign_id,
        currency=session.run.base_currency,
        channel=campaign.plan.channel,
        next_step=step_in_words(campaign.plan, Wording(language)),
        matching=matching,
        customers=tuple(_customer(context, member) for member in page),
        next_cursor=access.cursor(session, page[-1].rank, members[-1].rank) if page else None,
    )


def decide(
    connection: Connection, access: Access, campaign_id: str, decision: DecisionName, why: str
) -> Campaign:
    """Decides in the caller's name. Raises UnknownCampaignError and CampaignError."""
    whom = connection, campaign_id, access.author
    if decision == "approve":
        return campaigns.approve(*whom, access.scope)
    change = campaigns.refuse if decision == "refuse" else campaigns.withdraw
    return change(*whom, why, access.scope)


def refusal(error: CampaignError) -> Exception:
    """The error answer to what the store refuses."""
    if isinstance(error, OwnApprovalError):
        return Refusal("own-campaign", str(error))
    if error.field == "state":
        return Refusal("campaign-decided", str(error))
    if error.field == "campaign_id":
        return Refusal("forbidden", str(error))
    return HTTPException(422, f"body.{error.field}: {error}")


def _known(connection: Connection, campaign_id: str, access: Access) -> Campaign:
    try:
        return campaigns.campaign_of(connection, campaign_id, access.scope)
    except UnknownCampaignError:
        raise HTTPException(404, NO_CAMPAIGN) from None


def _answer(access: Access, campaign: Campaign) -> CampaignAnswer:
    with access.at_run() as session:
        return CampaignAnswer(**access.context(session.run).source, **_fields(session, campaign))


def _fields(session: ReadSession, campaign: Campaign) -> dict[str, Any]:
    """The fields of CampaignEntry."""
    latest = campaign_members.latest_result(session.connection, campaign.campaign_id)
    rounding = campaign_members.rounding_of(session, campaign)
    arms, names = (
        rounding.arms(campaign.sent),
        ("campaign_id", "plan", "author", "created_at", "why", "sent_on"),
    )
    sent = {name: arms.get(name, 0) for name in ("contact", "control", "lasting_control")}
    decided: tuple[tuple[DecisionName, str | None, datetime | None], ...] = (
        ("approve", campaign.approved_by, campaign.approved_at),
        ("refuse", campaign.refused_by, campaign.refused_at),
        ("withdraw", campaign.withdrawn_by, campaign.withdrawn_at),
    )
    return {name: getattr(campaign, name) for name in names} | {
        "state": campaign.state(session.run.snapshot_date),
        "decided": tuple(Decided(decision=name, by=by, at=at) for name, by, at in decided if by and at),
        "sent": Counts(**sent, left_out=arms.get("left_out", {})) if arms else None,
        "effect": rounding.effect(latest) if latest else None,
    }


def _customer(context: ResponseContext, member: CampaignMember) -> CampaignCustomer:
    return CampaignCustomer(
        customer_id=member.customer_id,
        branch_id=member.branch_id,
        manager_id=member.manager_id,
        rank=member.rank,
        reason=member.reason_group,
        money_at_risk=context.amount(member.money_at_risk_minor),
        money_to_keep=context.amount(member.expected_value_minor),
    )
