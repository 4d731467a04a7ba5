"""The effect of a campaign: who was to be contacted against who was kept back, in customers and money.

As assigned, whoever was reached (intention to treat). Members of the lasting control group are not compared:
they were left alone long before, so that they differ from the others in more than this campaign.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection

from configs.campaigns import Campaign
from configs.settings import Settings
from models import experiment
from pipeline.context import Context
from pipeline.lists.experiment import (
    LOOK_BACK,
    differences,
    follow_up,
    known_later,
    observed_rows,
    with_known_outcome,
)
from pipeline.tables import Ingested
from serve.store import assignments, campaign_members, campaign_sending
from serve.store.read_session import served
from serve.store.store import Store


@dataclass(frozen=True)
class CampaignEffects:
    """The effects of campaigns as known before a Monday; the store has them after ``write_effects``.

    ``observed`` are outcomes by the Monday of the sending and customer_id; ``figures`` by campaign_id.
    """

    as_of: date
    newest: date
    observed: Mapping[date, Mapping[str, Mapping[str, Any]]]
    figures: Mapping[str, Mapping[str, Any]]


def estimate_effects(
    bank: Context, tables: Ingested, monday: date, progress: Callable[[int, int], None]
) -> CampaignEffects:
    """The effects of the campaigns sent before ``monday``, by what had happened and was known before it."""
    with Store(bank.home.store) as store, store.write() as connection:
        rows = campaign_sending.member_rows(connection, monday - LOOK_BACK)
        sendings = {each.campaign_id: each for each in campaign_sending.sent(connection)}
        last, current = assignments.latest_result(connection), served(connection)
    newest = max(monday, current.snapshot_date) if current else monday
    if not rows:
        return CampaignEffects(monday, newest, {}, {})
    observed = follow_up(bank, tables, (monday, newest), rows, last, progress)
    known = known_later(bank.settings, tables, rows, monday)[0] | observed
    of_campaign = defaultdict[str, list[Any]](list)
    for row in rows:
        if row.assigned_on < monday:
            of_campaign[row.campaign_id].append(with_known_outcome(row, known))
    figures = {
        name: campaign_figures(bank.settings, sendings[name], members, monday)
        for name, members in of_campaign.items()
    }
    return CampaignEffects(monday, newest, observed, figures)


def write_effects(connection: Connection, effects: CampaignEffects) -> None:
    """Fill in the outcomes, correct those filled in wrongly, and keep each campaign's figures."""
    for day, observed in effects.observed.items():
        campaign_sending.fill(connection, day, observed)
    campaign_members.remove_results_after(connection, effects.newest)
    for name, figures in effects.figures.items():
        campaign_members.write_result(connection, name, effects.as_of, figures)


def run_effects(bank: Context, tables: Ingested, progress: Callable[[int, int], None]) -> CampaignEffects:
    """The effects before the newest published Monday, written to the store."""
    with Store(bank.home.store) as store:
        effects = estimate_effects(bank, tables, store.latest_run().snapshot_date, progress)
        with store.write() as connection:
            write_effects(connection, effects)
    return effects


def campaign_figures(
    settings: Settings, campaign: Campaign, rows: Sequence[Any], as_of: date
) -> dict[str, Any]:
    """Plain numbers and text. ``rows`` are the members in an arm.

    ``state``, ``customers``, ``money`` and ``contamination`` as those of pipeline/lists/experiment.py.
    ``cost`` is of all contacts that were planned, in base currency; ``net`` what is earned on the money kept
    in the outcome window (profit.margin) less that cost, with its bounds; None without money or an effect.
    ``next_outcome`` is the first day on which outcomes can be known.
    """
    compared = _compared(rows)
    observed, share = observed_rows(compared), campaign.plan.control_share
    customers, money = differences(settings, observed, share)
    window = settings.label.timeline(campaign.sent_on or as_of)
    in_vain = settings.label.definition == "delivered" and window.matured(as_of)  # for whom there is no label
    waiting = 0 if in_vain else sum(row.attrited is None for row in compared)
    contacts = sum(not row.control_group for row in compared)
    cost = contacts * _cost_of_one(settings, campaign)
    return {
        "as_of": as_of.isoformat(),
        "counts": settings.counts,
        "currency": settings.base_currency,
        "contacts": contacts,
        "control": len(compared) - contacts,
        "lasting_control": sum(row.arm == "lasting_control" for row in rows),
        "known": len(observed),
        "waiting": waiting,
        "next_outcome": window.outcome_end.isoformat() if waiting else None,
        "state": experiment.state_of(customers["difference"] if customers else None, None if waiting else 0),
        "customers": customers,
        "money": money,
        "contamination": experiment.contamination(observed),
        "cost": cost if settings.counts == "money" else None,
        "net": [settings.profit.margin * kept - cost for kept in money["kept"]] if money else None,
    }


def _compared(rows: Sequence[Any]) -> list[SimpleNamespace]:
    """The members who are contacted or kept back, named in the order in which they were assigned.

    Bounds that hold at every look take the assignments in that order (models/confidence_sequence.py).
    """
    fields = [
        row._asdict() if hasattr(row, "_asdict") else vars(row)
        for row in rows
        if row.arm in ("contact", "control")
    ]
    fields.sort(key=lambda row: (-row["expected_value_minor"], -row["risk"], row["customer_id"]))
    return [
        SimpleNamespace(**row | {"customer_id": place}, control_group=row["arm"] == "control")
        for place, row in enumerate(fields)
    ]


def _cost_of_one(settings: Settings, campaign: Campaign) -> float:
    """Of a contact through the campaign's channel; as a call's where lists have no such channel."""
    call_cost = settings.profit.call_cost
    costs = {channel.name: channel.cost_of_one(call_cost) for channel in settings.lists.channels}
    return costs.get(campaign.plan.channel, call_cost)
