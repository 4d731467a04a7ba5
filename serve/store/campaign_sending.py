"""The records of a sending, and what lists and later sendings must know of it; members' outcomes.

Every function belongs to the caller's transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from configs.campaigns import Campaign
from configs.published import Run
from serve.store import audit, campaigns, tables
from serve.store.contacts import Author
from serve.store.rows import dump

UNRECORDED = ("message", "offer")  # channels whose contacts no manager records
OUTCOME = ("attrited", "base_minor", "lost_minor", "reached")  # columns, as assignments have them


def due(connection: Connection, monday: date) -> tuple[Campaign, ...]:
    """The campaigns to be sent with the run of a Monday, the one approved first before the others."""
    approved = (each for each in campaigns.listed(connection) if each.due(monday))
    return tuple(sorted(approved, key=lambda each: (str(each.approved_at), each.campaign_id)))


def sent(connection: Connection) -> tuple[Campaign, ...]:
    """The campaigns that were sent, withdrawn or not, the oldest first."""
    with_members = (each for each in campaigns.listed(connection) if each.sent_on)
    return tuple(sorted(with_members, key=lambda each: (str(each.sent_on), each.campaign_id)))


def write_sent(
    connection: Connection,
    campaign: Campaign,
    run: Run,
    members: Sequence[Mapping[str, Any]],
    counts: Mapping[str, Any],
    author: Author,
    at: datetime,
) -> None:
    """Write the members of a campaign, columns of ``tables.campaign_members``, and that it is sent."""
    of_campaign = tables.campaigns.c.campaign_id == campaign.campaign_id
    values = {"sent_on": run.snapshot_date, "run_id": run.run_id, "sent": dump(counts, sort_keys=True)}
    connection.execute(update(tables.campaigns).where(of_campaign).values(values))
    if members:
        rows = [{"campaign_id": campaign.campaign_id, **member} for member in members]
        connection.execute(insert(tables.campaign_members), rows)
    details = {"run_id": run.run_id, "approved_by": campaign.approved_by} | dict(counts)
    audit.append(
        connection,
        audit.Entry(at, author.name, "send campaign", campaign.campaign_id, details),
        author.audit_key,
    )


def in_campaign(connection: Connection, monday: date) -> dict[str, date]:
    """The first Monday on which each member is free, of campaigns sent before ``monday`` that still hold.

    Members of each arm, so that nobody's own arm has a say in what the lists do.
    """
    members, sendings = tables.campaign_members, tables.campaigns
    query = (
        select(members.c.customer_id, func.max(members.c.until))
        .join(sendings, sendings.c.campaign_id == members.c.campaign_id)
        .where(members.c.arm != "left_out", members.c.until > monday, sendings.c.sent_on < monday)
        .group_by(members.c.customer_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def unrecorded(connection: Connection, since: date, monday: date) -> dict[str, int]:
    """The number of contacts that nobody records, by customer, from ``since`` to before ``monday``."""
    members, sendings = tables.campaign_members, tables.campaigns
    query = (
        select(members.c.customer_id, func.count())
        .join(sendings, sendings.c.campaign_id == members.c.campaign_id)
        .where(members.c.arm == "contact", sendings.c.channel.in_(UNRECORDED))
        .where(sendings.c.sent_on >= since, sendings.c.sent_on < monday)
        .group_by(members.c.customer_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def member_rows(connection: Connection, since: date = date.min) -> Sequence[Any]:
    """One row per member in an arm, of campaigns sent since a day, by campaign and customer.

    Columns of ``tables.campaign_members``, and ``assigned_on``, the Monday of the sending.
    """
    members, sendings = tables.campaign_members, tables.campaigns
    query = (
        select(*members.c, sendings.c.sent_on.label("assigned_on"))
        .join(sendings, sendings.c.campaign_id == members.c.campaign_id)
        .where(members.c.arm != "left_out", sendings.c.sent_on >= since)
        .order_by(members.c.campaign_id, members.c.customer_id)
    )
    rows: Sequence[Any] = connection.execute(query).all()
    return rows


def fill(connection: Connection, sent_on: date, outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the outcomes of members of campaigns sent on a Monday, by customer_id, in place of those before.

    An outcome holds those of OUTCOME that are known.
    """
    members, sendings = tables.campaign_members, tables.campaigns
    of_monday = members.c.campaign_id.in_(select(sendings.c.campaign_id).where(sendings.c.sent_on == sent_on))
    connection.execute(update(members).where(of_monday).values(dict.fromkeys(OUTCOME)))
    names = connection.scalars(select(members.c.customer_id).where(of_monday).distinct()).all()
    rows = [
        {"who": name, **{key: outcomes[name].get(key) for key in OUTCOME}}
        for name in names
        if name in outcomes
    ]
    if rows:
        connection.execute(update(members).where(members.c.customer_id == bindparam("who"), of_monday), rows)


def prune(connection: Connection, until: date) -> None:
    """Remove the members of campaigns sent up to a day; the campaigns and what they achieved stay."""
    members, sendings = tables.campaign_members, tables.campaigns
    old = select(sendings.c.campaign_id).where(sendings.c.sent_on <= until)
    connection.execute(delete(members).where(members.c.campaign_id.in_(old)))


def follow_numbers(connection: Connection, newest: Mapping[str, str]) -> int:
    """Put members under their newest numbers; how many rows moved.

    Of two members of one campaign who became one the arm stays that comes first: who was contacted was.
    """
    members, moved = tables.campaign_members, 0
    order = {arm: place for place, arm in enumerate(("contact", "control", "lasting_control", "left_out"))}
    query = select(members.c.campaign_id, members.c.customer_id, members.c.arm)
    arms = {(row.campaign_id, row.customer_id): row.arm for row in connection.execute(query)}
    for (campaign_id, name), arm in sorted(arms.items()):
        if name not in newest:
            continue
        of_old = (members.c.campaign_id == campaign_id) & (members.c.customer_id == name)
        of_new = (members.c.campaign_id == campaign_id) & (members.c.customer_id == newest[name])
        other = arms.get((campaign_id, newest[name]))
        moved += 1
        if other and order[other] <= order[arm]:
            connection.execute(delete(members).where(of_old))
            continue
        connection.execute(delete(members).where(of_new))
        connection.execute(update(members).where(of_old).values(customer_id=newest[name]))
        arms[(campaign_id, newest[name])] = arm
    return moved
