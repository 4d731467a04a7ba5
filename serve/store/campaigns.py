"""Campaigns: proposed, approved by a second person or refused, withdrawn, together with their audit entries.

Every function belongs to the caller's transaction: ``Store.append`` or ``Store.write`` where something is
added or changed, which keeps two decisions about one campaign apart.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, insert, select, update

from configs.campaigns import Campaign, Plan
from configs.errors import DataError, did_you_mean
from configs.people import name_of, same_person
from serve.store import audit, tables
from serve.store.audience import unknown_names
from serve.store.contacts import Author, ConflictError
from serve.store.read_session import ReadSession, find
from serve.store.rounding import DAYS, around, is_rounded
from serve.store.rows import dump
from serve.store.scope import EVERYTHING, NO_ROW, Reach, Scope

LONGEST_KEY = 200  # characters
LONGEST_WHY = 500
AHEAD = timedelta(weeks=53)  # from the served Monday to the latest beginning


class CampaignError(DataError):
    """A campaign that cannot be, or cannot become what was asked; ``field`` is what is wrong."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class UnknownCampaignError(DataError):
    """No campaign of this number within reach."""


class OwnApprovalError(CampaignError):
    """An approval or refusal by the author of the campaign."""


def create(
    connection: Connection, plan: Plan, key: str, author: Author, scope: Scope = EVERYTHING
) -> Campaign:
    """The campaign as it stands in the store, where it is added unless its author sent the key before.

    Within the scope of a branch the rule is of that branch alone. Raises ConflictError where the key stands
    for another plan, and CampaignError for a name that the served run does not know or a period that is over.
    """
    name = name_of(author.name)
    if not 0 < len(key) <= LONGEST_KEY:
        raise CampaignError("key", f"a key has 1 to {LONGEST_KEY} characters, this one {len(key):,}.")
    plan = _within(plan, scope)
    campaign_id = hashlib.sha256(f"{name}\0{key}".encode()).hexdigest()[:12]
    stored = _read(connection, campaign_id)
    if stored:
        if stored.plan != plan:
            raise ConflictError("this key was used for another campaign. Send each under a key of its own.")
        return stored
    session = ReadSession(connection, find(connection), scope)
    _check(session, plan)
    at = _now()
    fields = plan.model_dump()
    values = {name: fields[name] for name in ("title", "size", "channel", "starts_on", "ends_on",
                                              "control_share")}  # fmt: skip
    row = {"campaign_id": campaign_id, "idempotency_key": key, "author": name, "created_at": at} | values
    connection.execute(insert(tables.campaigns).values(rule=dump(plan.rule.asked), **row))
    _note(connection, author, "create campaign", campaign_id, plan.model_dump(mode="json"), at)
    return campaign_of(connection, campaign_id, scope)


def approve(connection: Connection, campaign_id: str, author: Author, scope: Scope = EVERYTHING) -> Campaign:
    """Approve a draft in the name of a second person; the same again changes nothing.

    Raises OwnApprovalError for its author, under whichever spelling, and CampaignError for what is no draft.
    """
    campaign, name = _decided(connection, campaign_id, author, scope, "approve"), name_of(author.name)
    if campaign.approved_by and same_person(campaign.approved_by, name):
        return campaign
    _require(connection, campaign, "draft", verb="approved")
    at = _now()
    _set(connection, campaign_id, approved_by=name, approved_at=at)
    _note(connection, author, "approve campaign", campaign_id, {"author": campaign.author}, at)
    return campaign_of(connection, campaign_id, scope)


def refuse(
    connection: Connection, campaign_id: str, author: Author, why: str, scope: Scope = EVERYTHING
) -> Campaign:
    """Refuse a draft in the name of a second person, for good; likewise."""
    campaign, name = _decided(connection, campaign_id, author, scope, "refuse"), name_of(author.name)
    if campaign.refused_by and same_person(campaign.refused_by, name):
        return campaign
    _require(connection, campaign, "draft", verb="refused")
    words, at = _words(why), _now()
    _set(connection, campaign_id, refused_by=name, refused_at=at, why=words)
    _note(connection, author, "refuse campaign", campaign_id, {"why": words}, at)
    return campaign_of(connection, campaign_id, scope)


def withdraw(
    connection: Connection, campaign_id: str, author: Author, why: str, scope: Scope = EVERYTHING
) -> Campaign:
    """Withdraw a campaign, by its author or anybody who may approve it: nothing is sent, or no longer shown.

    Outcomes of one that was sent are measured all the same. The same again changes nothing.
    """
    campaign = _for_decision(connection, campaign_id, scope)
    if campaign.withdrawn_at:
        return campaign
    _require(connection, campaign, "draft", "approved", "sent", verb="withdrawn")
    words, at = _words(why), _now()
    _set(connection, campaign_id, withdrawn_by=name_of(author.name), withdrawn_at=at, why=words)
    _note(connection, author, "withdraw campaign", campaign_id, {"why": words}, at)
    return campaign_of(connection, campaign_id, scope)


def listed(connection: Connection, scope: Scope = EVERYTHING) -> tuple[Campaign, ...]:
    """The campaigns within reach, the newest first.

    Within a branch's or a manager's those with a customer to contact who is in charge there now; within a
    branch's also those for it and for all branches.
    """
    return _within_reach(connection, scope)


def campaign_of(connection: Connection, campaign_id: str, scope: Scope = EVERYTHING) -> Campaign:
    """One campaign within reach. Raises UnknownCampaignError."""
    campaign = _read(connection, campaign_id, scope)
    if campaign is None:
        raise UnknownCampaignError(
            f"the score store has no campaign {campaign_id!r} within reach. `make campaign` shows "
            "each with its number."
        )
    return campaign


def checked(session: ReadSession, plan: Plan) -> Plan:
    """A plan as ``create`` would keep it. Raises CampaignError for one that it would refuse."""
    plan = _within(plan, session.scope)
    _check(session, plan)
    return plan


def _within(plan: Plan, scope: Scope) -> Plan:
    """The plan for what the scope reaches. Raises CampaignError for more."""
    if scope.reach is Reach.ALL:
        return plan
    branches = (str(scope.number),)
    if scope.reach is not Reach.BRANCH or plan.rule.branches not in ((), branches):
        raise CampaignError(
            "rule.branches", "a campaign may be proposed for the own branch alone. Leave branches out."
        )
    return plan.model_copy(update={"rule": plan.rule.model_copy(update={"branches": branches})})


def _check(session: ReadSession, plan: Plan) -> None:
    monday, run = session.run.snapshot_date, session.run
    for kind, name, names in unknown_names(session, plan.rule):
        field = "branches" if kind == "branch" else f"{kind}s"
        raise CampaignError(f"rule.{field}", f"unknown {kind} {name!r}. {did_you_mean(name, names)}")
    if not run.has_money and (plan.rule.least_aum or plan.rule.least_money_at_risk):
        raise CampaignError("rule", "this bank counts customers and has no amounts. Leave them out.")
    if session.scope.rounded:
        _require_coarse(plan)
    if plan.ends_on <= monday:
        raise CampaignError("ends_on", f"ends_on = {plan.ends_on} is over: the served run is of {monday}.")
    if plan.starts_on > monday + AHEAD:
        latest = monday + AHEAD
        raise CampaignError("starts_on", f"starts_on = {plan.starts_on} is after {latest}. Begin earlier.")


def _require_coarse(plan: Plan) -> None:
    """Raises CampaignError for what a reader of rounded counts may not ask for (serve/store/rounding.py)."""
    for name in ("least_aum", "least_money_at_risk"):
        amount = getattr(plan.rule, name)
        if amount and not is_rounded(amount):
            below, above = around(amount)
            raise CampaignError(
                f"rule.{name}",
                f"{name} = {amount:,.0f}: whoever sees no customers asks for 1, 2 or 5 followed by zeros. "
                f"Use {below:,} or {above:,}.",
            )
    if plan.rule.maturing_days and plan.rule.maturing_days % DAYS:
        raise CampaignError(
            "rule.maturing_days",
            f"maturing_days = {plan.rule.maturing_days}: whoever sees no customers asks for {DAYS}, "
            f"{2 * DAYS} or {3 * DAYS} days.",
        )


def _decided(connection: Connection, campaign_id: str, author: Author, scope: Scope, verb: str) -> Campaign:
    """The campaign that a second person decides about. Raises OwnApprovalError for its author."""
    campaign = _for_decision(connection, campaign_id, scope)
    if same_person(author.name, campaign.author):
        raise OwnApprovalError(
            "approved_by",
            f"campaign {campaign_id} was proposed by {campaign.author}, who cannot {verb} it too. Ask a "
            "second person, or withdraw it.",
        )
    return campaign


def _for_decision(connection: Connection, campaign_id: str, scope: Scope) -> Campaign:
    """A branch head decides about campaigns of the own branch alone."""
    campaign = campaign_of(connection, campaign_id, scope)
    branches = campaign.plan.rule.branches
    if scope.reach is not Reach.ALL and (scope.reach is not Reach.BRANCH or branches != (scope.number,)):
        whose = "of another branch" if branches else "for all branches"
        raise CampaignError("campaign_id", f"a campaign {whose} is decided about at head office.")
    return campaign


def _require(connection: Connection, campaign: Campaign, *states: str, verb: str) -> None:
    state = campaign.state(find(connection).snapshot_date)
    if state not in states:
        by = {"approved": campaign.approved_by, "refused": campaign.refused_by,
              "withdrawn": campaign.withdrawn_by}.get(state)  # fmt: skip
        raise CampaignError(
            "state",
            f"campaign {campaign.campaign_id} is {state}{f' by {by}' if by else ''} and cannot be {verb}; "
            f"only one that is {' or '.join(states)} can.",
        )


def _words(why: str) -> str:
    words = " ".join(why.split())
    if not 0 < len(words) <= LONGEST_WHY or not words.isprintable():
        raise CampaignError("why", f"say why, in 1 to {LONGEST_WHY} characters.")
    return words


def _within_reach(
    connection: Connection, scope: Scope, *conditions: ColumnElement[bool]
) -> tuple[Campaign, ...]:
    """The campaigns within reach that meet the conditions, the newest first."""
    kept, of_branch = tables.campaigns, scope.reach is Reach.BRANCH
    query = select(kept).where(*conditions).order_by(kept.c.created_at.desc(), kept.c.campaign_id)
    if not of_branch:
        query = query.where(_concerns(scope))
    in_order = tuple(map(_from_row, connection.execute(query)))
    if not of_branch:
        return in_order
    with_members = set(connection.scalars(select(kept.c.campaign_id).where(*conditions, _has_members(scope))))
    return tuple(
        each
        for each in in_order
        if each.campaign_id in with_members or scope.number in (each.plan.rule.branches or (scope.number,))
    )


def _concerns(scope: Scope) -> ColumnElement[bool]:
    if scope.reach is Reach.ALL:
        return tables.campaigns.c.campaign_id.is_not(None)
    return NO_ROW if scope.reach is Reach.NONE else _has_members(scope)


def _has_members(scope: Scope) -> ColumnElement[bool]:
    """True where a campaign has a customer to contact whom the served run has in a scope's charge."""
    members, scores, pointer = tables.campaign_members, tables.scores, tables.current_run
    return exists().where(
        members.c.campaign_id == tables.campaigns.c.campaign_id,
        members.c.arm == "contact",
        scores.c.customer_id == members.c.customer_id,
        scores.c.run_version == select(pointer.c.run_version).scalar_subquery(),
        scope.of(scores),
    )


def _read(connection: Connection, campaign_id: str, scope: Scope = EVERYTHING) -> Campaign | None:
    return next(iter(_within_reach(connection, scope, tables.campaigns.c.campaign_id == campaign_id)), None)


def _from_row(row: Row[Any]) -> Campaign:
    fields = row._asdict()
    del fields["idempotency_key"]
    plan = {name: fields.pop(name) for name in Plan.model_fields}
    times = ("created_at", "approved_at", "refused_at", "withdrawn_at")
    fields |= {name: fields[name].replace(tzinfo=UTC) for name in times if fields[name]}
    fields |= {"why": fields["why"] or "", "sent": json.loads(fields["sent"] or "{}")}
    return Campaign(plan=Plan(**plan | {"rule": json.loads(plan["rule"])}), **fields)


def _set(connection: Connection, campaign_id: str, **values: Any) -> None:
    of_campaign = tables.campaigns.c.campaign_id == campaign_id
    connection.execute(update(tables.campaigns).where(of_campaign).values(values))


def _note(
    connection: Connection,
    author: Author,
    action: str,
    campaign_id: str,
    details: Mapping[str, Any],
    at: datetime,
) -> None:
    entry = audit.Entry(at.replace(tzinfo=UTC), author.name, action, campaign_id, details)
    audit.append(connection, entry, author.audit_key)


def _now() -> datetime:
    """In UTC, as the store keeps times."""
    return datetime.now(UTC).replace(microsecond=0, tzinfo=None)
