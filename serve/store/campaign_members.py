"""Members of campaigns as their readers see them, and what campaigns achieved.

Every function belongs to the caller's transaction.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, func, insert, select

from configs.campaigns import Campaign, CampaignMember
from serve.store import tables
from serve.store.read_session import ReadSession
from serve.store.rounding import Rounding
from serve.store.rows import dump
from serve.store.scope import Reach


def members(
    session: ReadSession, campaign_id: str, after: int = 0, limit: int | None = None, above: int = 0
) -> tuple[CampaignMember, ...]:
    """The customers to contact within reach, by rank, after so many; nobody once it is withdrawn.

    Those with a rank ``above`` one alone, which nobody who goes meanwhile moves. Reach is by who is in charge
    in the served run. Who opted out since, by the bank's record or here, or is no longer scored, is not among
    them.
    """
    query = _to_contact(session, campaign_id).where(tables.campaign_members.c.rank > above).offset(after)
    stored = session.connection.execute(query.limit(limit) if limit is not None else query)
    return tuple(CampaignMember(*row) for row in stored)


def member_count(session: ReadSession, campaign_id: str) -> int:
    """The number of rows of ``members``."""
    whole = _to_contact(session, campaign_id).order_by(None).subquery()
    return session.connection.scalar(select(func.count()).select_from(whole)) or 0


def latest_result(connection: Connection, campaign_id: str) -> dict[str, Any] | None:
    """The newest estimate of the effect by pipeline/campaigns/effect.py; None before the first."""
    kept = tables.campaign_results
    query = select(kept.c.figures).where(kept.c.campaign_id == campaign_id).order_by(kept.c.as_of.desc())
    text = connection.scalar(query.limit(1))
    return None if text is None else json.loads(text)


def rounding_of(session: ReadSession, campaign: Campaign) -> Rounding:
    """The rounding of a campaign's counts and effect: none where all its customers are within reach."""
    scope, branches = session.scope, campaign.plan.rule.branches
    within = scope.reach is Reach.ALL or (scope.reach is Reach.BRANCH and branches == (scope.number,))
    return session.rounding if within else session.rounded()


def write_result(connection: Connection, campaign_id: str, as_of: date, figures: Mapping[str, Any]) -> None:
    """Writes the effect as known before ``as_of``, in place of an earlier estimate of that day."""
    kept = tables.campaign_results
    connection.execute(delete(kept).where(kept.c.campaign_id == campaign_id, kept.c.as_of == as_of))
    row = {"campaign_id": campaign_id, "as_of": as_of, "figures": dump(figures, sort_keys=True)}
    connection.execute(insert(kept).values(row))


def remove_results_after(connection: Connection, monday: date) -> None:
    """Removes estimates as of a later day: no run has seen it."""
    kept = tables.campaign_results
    connection.execute(delete(kept).where(kept.c.as_of > monday))


def _to_contact(session: ReadSession, campaign_id: str) -> Select[Any]:
    members, scores, opted = tables.campaign_members, tables.scores, tables.opt_outs
    campaigns = tables.campaigns
    of_member = ("rank", "tier", "lifecycle_stage", "reason_group", "risk", "risk_band",
                 "money_at_risk_minor", "expected_value_minor")  # fmt: skip
    return (
        select(members.c.customer_id, scores.c.branch_id, scores.c.manager_id,
               *(members.c[name] for name in of_member))
        .join(campaigns, campaigns.c.campaign_id == members.c.campaign_id)
        .join(scores, scores.c.customer_id == members.c.customer_id)
        .where(members.c.campaign_id == campaign_id, members.c.arm == "contact")
        .where(scores.c.run_version == session.run_version, session.scope.of(scores))
        .where(campaigns.c.withdrawn_at.is_(None), ~scores.c.marketing_opt_out)
        .where(~exists().where(opted.c.customer_id == members.c.customer_id))
        .order_by(members.c.rank)
    )  # fmt: skip
