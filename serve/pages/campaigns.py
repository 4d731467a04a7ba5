"""Campaigns: proposed after a preview, decided about by a second person, and what they achieved."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response

from configs.campaigns import Campaign, Plan
from configs.list_settings import CHANNELS
from configs.people import same_person
from serve.api.campaigns import DECISIONS, CampaignId, decide
from serve.auth.access import Access, Granted
from serve.http.paths import path_part
from serve.pages import campaign_form
from serve.pages.campaign_form import CampaignForm
from serve.pages.lists import XLSX, After
from serve.pages.page import HEADERS, Page, asked_run, go, language_of, may, show_run
from serve.pages.session import Posted
from serve.store import campaign_members, campaigns, contacts
from serve.store.audience import preview
from serve.store.campaigns import CampaignError, OwnApprovalError, UnknownCampaignError
from serve.store.read_session import ReadSession
from serve.texts.campaigns import effect_in_words, rule_in_words
from serve.texts.wording import Wording

ROWS = 200  # members on one page
WORKBOOK_ROWS = 5_000
SAVED = ("new", *DECISIONS)

pages = APIRouter(include_in_schema=False, route_class=Page)
Saved = Annotated[str, Query(max_length=16)]


@pages.get("/campaigns")
def campaigns_page(request: Request, access: Granted) -> Response:
    """Every campaign within reach, and those that wait for somebody's approval first."""
    with asked_run(access, "") as session:
        listed = campaigns.listed(session.connection, access.scope)
        rows = [_row(session, access, campaign, request) for campaign in listed]
        groups = [[row for row in rows if row["waits"] is waits] for waits in (True, False)]
        proposes = may(access, "create_campaign_page")
        return show_run(request, "campaigns.html", session, groups=groups, proposes=proposes)


@pages.get("/campaigns/new")
def new_campaign_page(request: Request, access: Granted) -> Response:
    """The form, and where it is filled in, whom the plan would reach today."""
    words = Wording(language_of(request))
    with asked_run(access, "") as session:
        filled = "title" in request.query_params
        form = campaign_form.blank(session.run)
        form = campaign_form.typed(request.query_params, words) if filled else form
        return _form_page(request, session, form)


@pages.post("/campaigns/new")
def create_campaign_page(request: Request, access: Granted, fields: Posted) -> Response:
    """Keeps the plan of a preview as a draft that waits for approval, once."""
    try:
        plan = Plan.model_validate_json(fields.get("plan", ""))
        form = campaign_form.sent(plan, fields.get("key", ""))
    except ValueError:
        raise HTTPException(422) from None
    try:
        with request.app.state.store.append() as connection:
            campaign = campaigns.create(connection, plan, form.key, access.author, access.scope)
    except CampaignError as error:
        with asked_run(access, "") as session:
            refusal = dict([campaign_form.fault(error.field, Wording(language_of(request)))])
            return _form_page(request, session, replace(form, plan=None, faults=refusal), 422)
    except contacts.ConflictError:
        raise HTTPException(422) from None
    return go(f"/campaigns/{campaign.campaign_id}?saved=new")


@pages.get("/campaigns/{campaign_id}")
def campaign_page(request: Request, campaign_id: CampaignId, access: Granted, saved: Saved = "") -> Response:
    """A campaign: whom it is for, where it stands, and what it achieved; no customer."""
    with _asked_campaign(access, campaign_id) as (session, campaign):
        return _campaign_page(request, session, access, campaign, saved=saved if saved in SAVED else "")


@pages.post("/campaigns/{campaign_id}")
def decide_campaign_page(
    request: Request, campaign_id: CampaignId, access: Granted, fields: Posted
) -> Response:
    """Approves, refuses or withdraws. What cannot be stands on the campaign's page."""
    decision = next((name for name in DECISIONS if name == fields.get("decision")), None)
    if decision is None:
        raise HTTPException(422)
    try:
        with request.app.state.store.append() as connection:
            decide(connection, access, campaign_id, decision, fields.get("why", ""))
    except UnknownCampaignError:
        raise HTTPException(404) from None
    except CampaignError as error:
        refusal = error.field if error.field in ("why", "state") else "reach"
        refusal = "own" if isinstance(error, OwnApprovalError) else refusal
        with _asked_campaign(access, campaign_id) as (session, campaign):
            typed = fields.get("why", "")
            return _campaign_page(
                request, session, access, campaign, refusal=refusal, decision=decision, why=typed, status=422
            )
    return go(f"/campaigns/{path_part(campaign_id)}?saved={decision}")


@pages.get("/campaigns/{campaign_id}/members")
def campaign_members_page(
    request: Request, campaign_id: CampaignId, access: Granted, after: After = 0
) -> Response:
    """The customers within reach whom the campaign contacts; nobody of its control group."""
    with _asked_campaign(access, campaign_id) as (session, campaign):
        members = campaign_members.members(session, campaign_id, after, ROWS)
        numbers = [member.customer_id for member in members]
        since = campaign.sent_on or date.max
        newest = contacts.newest_before(session.connection, numbers, date.max)
        recorded = {name: each for name, each in newest.items() if each.happened_at.date() >= since}
        return show_run(
            request,
            "campaign_members.html",
            session,
            campaign=campaign,
            state=campaign.state(session.run.snapshot_date),
            rows=members,
            total=campaign_members.member_count(session, campaign_id),
            profiles=session.profiles(numbers),
            recorded=recorded,
            managers={manager.manager_id: manager.name for manager in session.managers()},
            may_record=may(access, "record_outcome"),
            after=after,
            page_size=ROWS,
            workbook_rows=WORKBOOK_ROWS if session.list_terms() else 0,
            query=lambda **changes: urlencode(changes),
        )


@pages.get("/campaigns/{campaign_id}/workbook")
def campaign_workbook_file(request: Request, campaign_id: CampaignId, access: Granted) -> Response:
    """The same customers as a workbook. HTTPException 404 for none, and for more than WORKBOOK_ROWS."""
    from serve.workbooks.campaign import campaign_workbook  # the service starts without it

    with _asked_campaign(access, campaign_id) as (session, campaign):
        members = campaign_members.members(session, campaign_id, limit=WORKBOOK_ROWS + 1)
        terms = session.list_terms()
        if terms is None or not 0 < len(members) <= WORKBOOK_ROWS:
            raise HTTPException(404)
        terms = replace(terms, language=language_of(request))
        content = campaign_workbook(session, campaign, members, terms)
    name = quote(f"campaign_{campaign_id}.xlsx", safe="")
    headers = HEADERS | {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(content, media_type=XLSX, headers=headers)


@contextmanager
def _asked_campaign(access: Access, campaign_id: str) -> Iterator[tuple[ReadSession, Campaign]]:
    """The served run and a campaign. Raises HTTPException 404 for one out of reach, and for none."""
    with asked_run(access, "") as session:
        try:
            yield session, campaigns.campaign_of(session.connection, campaign_id, access.scope)
        except UnknownCampaignError:
            raise HTTPException(404) from None


def _form_page(request: Request, session: ReadSession, form: CampaignForm, status: int = 200) -> Response:
    words = Wording(language_of(request))
    if form.plan:
        try:
            plan = campaigns.checked(session, form.plan)
        except CampaignError as error:
            form = replace(form, plan=None, faults=dict([campaign_form.fault(error.field, words)]))
    page = show_run(
        request,
        "campaign_form.html",
        session,
        form=form,
        choices=campaign_form.choices(session, words),
        bounds=campaign_form.BOUNDS,
        channels=CHANNELS,
        preview=preview(session, plan) if form.plan else None,
        rule=rule_in_words(plan.rule, session.run, session.list_terms(), words) if form.plan else [],
    )
    page.status_code = status
    return page


def _row(session: ReadSession, access: Access, campaign: Campaign, request: Request) -> dict[str, Any]:
    """``waits``: for this very reader, who may approve it."""
    words, state = Wording(language_of(request)), campaign.state(session.run.snapshot_date)
    may_approve = may_decide(access, campaign) and not is_author(access, campaign)
    latest = campaign_members.latest_result(session.connection, campaign.campaign_id)
    rounding = campaign_members.rounding_of(session, campaign)
    effect = rounding.effect(latest) if latest else None
    return {
        "campaign": replace(campaign, sent=rounding.arms(campaign.sent)),
        "least": rounding.least,
        "state": state,
        "rule": rule_in_words(campaign.plan.rule, session.run, session.list_terms(), words),
        "effect": effect,
        "achieved": effect_in_words(effect, words) if effect else "",
        "waits": state == "draft" and may_approve,
    }


def _campaign_page(
    request: Request, session: ReadSession, access: Access, campaign: Campaign, **values: Any
) -> Response:
    row, status = _row(session, access, campaign, request), values.pop("status", 200)
    planned = row["state"] in ("draft", "approved")
    page = show_run(
        request,
        "campaign.html",
        session,
        **row,
        preview=preview(session, campaign.plan) if planned and may_decide(access, campaign) else None,
        own=is_author(access, campaign),
        may_decide=may_decide(access, campaign),
        sees_members=campaign.sent_on is not None and may(access, "campaign_members_page"),
        amount=lambda units: Wording(language_of(request)).money(100 * units),
        members=campaign_members.member_count(session, campaign.campaign_id),
        **{"saved": "", "refusal": "", "decision": "", "why": ""} | values,
    )
    page.status_code = status
    return page


def is_author(access: Access, campaign: Campaign) -> bool:
    """Whoever proposed a campaign neither approves nor refuses it."""
    return same_person(access.author.name, campaign.author)


def may_decide(access: Access, campaign: Campaign) -> bool:
    """A branch head decides about campaigns of the own branch alone."""
    scope, branches = access.scope, campaign.plan.rule.branches
    whole = may(access, "decide_campaign_page")
    return whole and (not scope.number or branches == (scope.number,))
